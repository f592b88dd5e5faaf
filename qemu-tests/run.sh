#!/usr/bin/env bash
# run.sh NAME...: plays these scenarios one after the other; the last line counts them.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

# An interrupted scenario cleans up its world before it ends; this waits for it.
playing=
stop() {
    trap '' INT TERM HUP
    [ -z "$playing" ] || { kill -TERM "$playing" 2>/dev/null && wait "$playing"; }
    exit 130
}
trap stop INT TERM HUP

passed=0 failed=()
for name in "$@"; do
    echo "== $name"
    if [ -x "./scenarios/$name.sh" ]; then "./scenarios/$name.sh" & else ./scenarios/move.sh "${name#move-}" & fi
    playing=$!
    if wait "$playing"; then passed=$((passed + 1)); else failed+=("$name"); fi
    playing=
done
[ ${#failed[@]} -eq 0 ] || echo "failed: ${failed[*]}"
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
