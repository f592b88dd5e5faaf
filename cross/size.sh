#!/usr/bin/env bash
# size.sh [TARGET...]: what each program takes of a router's flash, for each CPU: without symbols, packed as a package is
# (gzip), and each crate's part. Fails past the budget in cross/budget. One JSON line for each program and target.
#
# NTM_CRATES  how many crates are named, 12
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
# shellcheck source=cross/targets.sh
. cross/targets.sh
# shellcheck source=cross/budget.sh
. cross/budget.sh
OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
# shellcheck disable=SC2086 # words
[ $# -gt 0 ] || set -- $TARGETS
over=0 json=()
for target in "$@"; do
    echo "building for $target" >&2
    cross/stripped.sh "$target"
    for program in $PROGRAMS; do
        with_symbols=$OUT/$target/release/$program
        gzip -9nc "$OUT/$target/stripped/$program" >"$with_symbols.gz"
        stripped=$(stat -c %s "$OUT/$target/stripped/$program") packed=$(stat -c %s "$with_symbols.gz")
        read -r most most_packed < <(budget_of "$target" "$program") || { echo "cross/budget has no line for $program on $target" >&2; exit 1; }
        printf '\n%s for %s: %s bytes, budget %s; packed %s, budget %s\n' "$program" "$target" "$stripped" "$most" "$packed" "$most_packed"
        /usr/bin/python3 cross/cratesizes.py "${BINUTILS[$target]/x86-64/x86_64}-nm" "$with_symbols" |
            awk -v most="${NTM_CRATES:-12}" -F '\t' 'NR <= most { printf "  %9d  %s\n", $1, $2 }'
        within_budget "$target" "$program" "$stripped" "$packed" || over=1
        json+=("{\"size\":\"$target\",\"program\":\"$program\",\"stripped\":$stripped,\"packed\":$packed,\"budget\":${most/#-/null},\"budget_packed\":${most_packed/#-/null}}")
    done
done
printf '%s\n' "${json[@]}"
exit $over
