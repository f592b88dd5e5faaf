#!/usr/bin/env bash
# run.sh NAME...: plays these scenarios one after the other; the last line counts them.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
passed=0 failed=()
for name in "$@"; do
    echo "== $name"
    if "./scenarios/$name.sh"; then passed=$((passed + 1)); else failed+=("$name"); fi
done
[ ${#failed[@]} -eq 0 ] || echo "failed: ${failed[*]}"
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
