#!/usr/bin/env bash
# size.sh [TARGET...]: what the gateway takes of a router's flash, for each CPU: the program without symbols, packed as a
# package is (gzip), and each crate's part. Fails past the budget in cross/budget. One JSON line for each target.
#
# NTM_CRATES  how many crates are named, 12
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
# shellcheck source=cross/targets.sh
. cross/targets.sh
OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
# shellcheck disable=SC2086 # words
[ $# -gt 0 ] || set -- $TARGETS
over=0 json=()
for target in "$@"; do
    echo "building for $target" >&2
    cross/build.sh "$target" --quiet -p ntm-gateway --bins
    program=$OUT/$target/release/ntm-gateway
    tools=${BINUTILS[$target]/x86-64/x86_64}
    "$tools-strip" -o "$program.stripped" "$program"
    gzip -9nc "$program.stripped" >"$program.gz"
    stripped=$(stat -c %s "$program.stripped") packed=$(stat -c %s "$program.gz")
    read -r most most_packed < <(sed -n "s/^$target  *//p" cross/budget) || { echo "cross/budget has no line for $target" >&2; exit 1; }
    printf '\n%s: %s bytes, budget %s; packed %s, budget %s\n' "$target" "$stripped" "$most" "$packed" "$most_packed"
    /usr/bin/python3 cross/cratesizes.py "$tools-nm" "$program" | awk -v most="${NTM_CRATES:-12}" -F '\t' 'NR <= most { printf "  %9d  %s\n", $1, $2 }'
    if [ "$stripped" -gt "$most" ] || [ "$packed" -gt "$most_packed" ]; then
        echo "$target: past the budget" >&2
        over=1
    fi
    json+=("{\"size\":\"$target\",\"stripped\":$stripped,\"packed\":$packed,\"budget\":$most,\"budget_packed\":$most_packed}")
done
printf '%s\n' "${json[@]}"
exit $over
