#!/usr/bin/env bash
# moves.sh [NAME...]: plays every kind of move, or these, and what others make of some of them (wireguard/both); prints a
# table and one JSON line, and draws docs/moves.svg when all were played, else out/moves/moves.svg.
#
# NTM_REPEATS  of each, 20; of others' at most 5, for they take their time
# NTM_LONG=1   as many also of what takes minutes each time
# NTM_LANES    worlds at once, 3
# NTM_WAITING  worlds beside them in which next to nothing happens for most of the time, 5
set -uo pipefail
cd "$(dirname "$0")" || exit 1
if [ "$(id -u)" -ne 0 ]; then
    echo "namespaces need root: asking sudo" >&2
    exec sudo --preserve-env=NTM_BIN_DIR,NTM_KEEP,NTM_LOG,NTM_APART,NTM_REPEATS,NTM_PORTAL_S,NTM_DELAY_MS,NTM_LONG,NTM_LANES,NTM_WAITING,CARGO_TARGET_DIR -- ./moves.sh "$@"
fi
. lib/movekinds.sh
KEPT=$PWD/out/moves
REPEATS=${NTM_REPEATS:-20}

declare -A running=() # what each process plays: its pool, and the file of its result
stop() {
    trap '' INT TERM HUP
    [ ${#running[@]} -eq 0 ] || kill -TERM "${!running[@]}" 2>/dev/null
    wait
    exit 130
}
trap stop INT TERM HUP

names=() picture=$KEPT/moves.svg
for name in "$@"; do [[ " ${names[*]} " == *" $name "* ]] || names+=("$name"); done
if [ $# -eq 0 ]; then
    picture=../docs/moves.svg
    read -rd '' -a names <<<"$MOVES" || true
    for peer in $PEERS; do
        command -v "$peer" "$peer-go" >/dev/null || continue
        for name in $PEERS_MOVES; do names+=("$peer/$name"); done
    done
fi

# The jobs, `POOL NAME FILE REPEATS`: a move that takes long is played in several worlds at once; the longest come first.
jobs=()
add() { # NAME
    local file=${1//\//-} words=${MOVE_OF[$1]:-} pool=lane worlds few repeats=$REPEATS i
    case $1 in
    */*)
        jobs+=("lane $1 $file $((REPEATS < 5 ? REPEATS : 5))")
        return
        ;;
    esac
    worlds=$(grep -o 'worlds=[0-9]*' <<<"$words" | cut -d= -f2)
    few=$(grep -o 'repeats=[0-9]*' <<<"$words" | cut -d= -f2)
    [ -n "${NTM_LONG:-}" ] || [ -z "$few" ] || [ "$few" -gt "$repeats" ] || repeats=$few
    if [ -z "$worlds" ]; then
        jobs+=("lane $1 $file $repeats")
        return
    fi
    [[ $words != *" waits"* ]] || pool=waiting
    for ((i = worlds < repeats ? worlds : repeats; i > 0; i--)); do
        jobs=("$pool $1 $file.$i $(((repeats - i + worlds) / worlds))" "${jobs[@]}")
    done
}
for name in "${names[@]}"; do add "$name"; done

begin() { # POOL NAME FILE REPEATS
    local how=(./scenarios/move.sh "$2")
    case $2 in */*) how=(./scenarios/move-peers.sh "$2") ;; esac
    NTM_REPEATS=$4 "${how[@]}" >"$KEPT/$3.log" 2>&1 &
    running[$!]="$1 $3"
    sleep 3 # making a world is work
}

# What has ended leaves its last line; a person sees what it came to.
ended() { # PID STATUS
    local file=${running[$1]#* } last
    unset "running[$1]"
    over=$((over + 1))
    last=$(tail -n 1 "$KEPT/$file.log" | grep '^{') ||
        last="{\"scenario\": \"move-${file%%.*}\", \"ok\": false, \"error\": \"ended with status $2\"}"
    echo "$last" >"$KEPT/$file.json"
    case $2 in
    0) echo "($over of ${#jobs[@]}) $file: $(grep -v '^{' "$KEPT/$file.log" | tail -n 1 | cut -c1-150)" ;;
    *) echo "($over of ${#jobs[@]}) $file: FAILED, see $KEPT/$file.log" ;;
    esac
}

# Waits for one to end, or several that ended unseen.
next() {
    local pid='' status=0
    wait -n -p pid "${!running[@]}" || status=$?
    if [ -n "${pid:-}" ]; then
        ended "$pid" $status
        return
    fi
    for pid in "${!running[@]}"; do kill -0 "$pid" 2>/dev/null || ended "$pid" "unknown"; done
    sleep 1
}

rm -rf "$KEPT"
mkdir -p "$KEPT"
over=0 todo=("${jobs[@]}")
while [ ${#todo[@]} -gt 0 ] || [ ${#running[@]} -gt 0 ]; do
    left=()
    for job in "${todo[@]}"; do
        busy=$(printf '%s\n' "${running[@]}" | grep -c "^${job%% *} ")
        room=${NTM_LANES:-3}
        [ "${job%% *}" = lane ] || room=${NTM_WAITING:-5}
        # shellcheck disable=SC2086 # words
        if [ "$busy" -lt "$((room > 0 ? room : 1))" ]; then begin $job; else left+=("$job"); fi
    done
    todo=("${left[@]}")
    next
done
status=0
/usr/bin/python3 tools/movetable.py "$KEPT" "$picture" "${names[@]}" || status=$?
[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-0}" "$KEPT" "$picture"
exit $status
