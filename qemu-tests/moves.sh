#!/usr/bin/env bash
# moves.sh [NAME...]: plays every kind of move, or these; prints a table and one JSON line, and draws docs/moves.svg
# when all were played, else out/moves/moves.svg. NTM_REPEATS of each, 20.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
MOVES=
. lib/movekinds.sh
KEPT=$PWD/out/moves

playing=
stop() {
    trap '' INT TERM HUP
    [ -z "$playing" ] || { kill -TERM "$playing" 2>/dev/null && wait "$playing"; }
    exit 130
}
trap stop INT TERM HUP

picture=$KEPT/moves.svg
read -rd '' -a names <<<"${*:-$MOVES}" || true
[ $# -gt 0 ] || picture=../docs/moves.svg
rm -rf "$KEPT"
mkdir -p "$KEPT"
at=0 failed=()
for name in "${names[@]}"; do
    at=$((at + 1))
    echo "== $name ($at of ${#names[@]})"
    ./scenarios/move.sh "$name" > >(tee "$KEPT/$name.log") 2>&1 &
    playing=$!
    wait "$playing" || failed+=("$name")
    playing=
    tail -n 1 "$KEPT/$name.log" | grep '^{' >"$KEPT/$name.json" || echo "{\"scenario\": \"move-$name\", \"ok\": false}" >"$KEPT/$name.json"
done
/usr/bin/python3 tools/movetable.py "$KEPT" "$picture" "${names[@]}"
[ ${#failed[@]} -eq 0 ]
