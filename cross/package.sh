#!/usr/bin/env bash
# package.sh [ARCH...]: packages for OpenWrt, without its SDK: an .ipk for opkg (24.10 and before, GL.iNet, Teltonika) and
# an .apk for apk 3 (25.12) of each manifest in openwrt/package, in dist/ARCH. Fails past the budgets in cross/budget.
# Prints a table of sizes and one JSON line for each package.
#
# ARCH         OpenWrt's name, as aarch64_cortex-a53; all that cross/targets.sh lists
# NTM_SOURCES  another tree to take the manifests' files from (but not the programs)
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
# shellcheck source=cross/targets.sh
. cross/targets.sh
# shellcheck source=cross/budget.sh
. cross/budget.sh
OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
# shellcheck disable=SC2086 # words
[ $# -gt 0 ] || set -- $ARCHES
for arch in "$@"; do
    target_of "$arch" >/dev/null || {
        echo "no program of ours is for $arch; packages are for: $ARCHES" >&2
        exit 2
    }
done

# Before the minutes that a build takes.
/usr/bin/python3 -B openwrt/package/pack.py "$1" --check --sources "${NTM_SOURCES:-.}"

over=0 json=() table=()
for arch in "$@"; do
    target=$(target_of "$arch")
    echo "building for $arch" >&2
    cross/stripped.sh "$target"
    rm -rf "dist/$arch"
    said=$(/usr/bin/python3 -B openwrt/package/pack.py "$arch" --programs "$OUT/$target/stripped" --out "dist/$arch" \
        --sources "${NTM_SOURCES:-.}")
    while read -r name ipk apk flash; do
        read -r most most_packed < <(budget_of "$target" "$name") || most=- most_packed=-
        within_budget "$target" "$name" "$flash" $((ipk > apk ? ipk : apk)) || over=1
        table+=("$arch $name $ipk $apk $most_packed $flash $most")
    done < <(/usr/bin/python3 -c 'import json, sys
for said in map(json.loads, sys.stdin):
    print(said["package"], said["ipk"], said["apk"], said["flash"])' <<<"$said")
    json+=("$said")
done
printf '%-20s %-14s %9s %9s %9s %10s %9s\n' 'for' package .ipk .apk budget unpacked budget
# shellcheck disable=SC2086 # words
for row in "${table[@]}"; do printf '%-20s %-14s %9s %9s %9s %10s %9s\n' $row; done
printf '%s\n' "${json[@]}"
exit $over
