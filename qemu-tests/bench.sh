#!/usr/bin/env bash
# bench.sh [NAME...]: what each contender carries between two routers, in rounds that take turns; medians as a table and
# one JSON line. docs/benchmarks.md and docs/benchmarks.svg are written when all were there.
#
# NTM_ROUNDS   5
# NTM_BENCH_S  seconds of each TCP measurement, 4
set -uo pipefail
cd "$(dirname "$0")" || exit 1
if [ "$(id -u)" -ne 0 ]; then
    echo "namespaces need root: asking sudo" >&2
    exec sudo --preserve-env=NTM_BIN_DIR,NTM_KEEP,NTM_LOG,NTM_ROUNDS,NTM_BENCH_S,NTM_TUNNEL,CARGO_TARGET_DIR -- ./bench.sh "$@"
fi
. lib/contenders.sh
KEPT=$PWD/out/bench
# shellcheck disable=SC2206 # words
names=("$@") all=($CONTENDERS)
[ $# -gt 0 ] || names=("${all[@]}")
here=()
for name in "${names[@]}"; do
    if has_contender "$name"; then here+=("$name"); else echo "$name is not installed: not compared with" >&2; fi
done

playing=
stop() {
    trap '' INT TERM HUP
    [ -z "$playing" ] || { kill -TERM "$playing" 2>/dev/null && wait "$playing"; }
    exit 130
}
trap stop INT TERM HUP

rm -rf "$KEPT"
mkdir -p "$KEPT"
for ((round = 1; round <= ${NTM_ROUNDS:-5}; round++)); do
    for name in "${here[@]}"; do
        ./scenarios/bench.sh "$name" >"$KEPT/$name.$round.log" 2>&1 &
        playing=$!
        wait "$playing" || echo "$name: FAILED, see $KEPT/$name.$round.log" >&2
        playing=
        tail -n 1 "$KEPT/$name.$round.log" >"$KEPT/$name.$round.json"
        echo "round $round, $name: $(grep -v '^{' "$KEPT/$name.$round.log" | tail -n 1 | cut -c1-400)" >&2
    done
done
docs=()
[ "${#here[@]}" -lt "${#all[@]}" ] || docs=(../docs)
/usr/bin/python3 tools/benchtable.py "$KEPT" "${docs[@]}"
status=$?
[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-0}" "$KEPT" ../docs/benchmarks.*
exit $status
