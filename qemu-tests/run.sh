#!/usr/bin/env bash
# run.sh [--beside 'NAME...'] NAME... [-- NAME...]: plays these scenarios one after the other; the last lines say how long each took, what
# failed, and count.
#
# --beside plays these at the same time as those before --; what they say comes when they have ended.
#
# One that failed is played once more, and both are told: these are real daemons under a real clock, and a machine that is
# shared may stand still for longer than any of them should. What is wrong fails twice.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

beside=
if [ "${1:-}" = --beside ]; then
    beside=$2
    shift 2
fi

# An interrupted scenario cleans up its world before it ends; this waits for it.
playing='' lane=''
stop() {
    trap '' INT TERM HUP
    for child in $playing $lane; do kill -TERM "$child" 2>/dev/null && wait "$child"; done
    exit 130
}
trap stop INT TERM HUP

passed=0 late=0 failed=() said=() took=()
play() { # NAME ATTEMPT
    echo "== $1"
    if [ -x "./scenarios/$1.sh" ]; then "./scenarios/$1.sh" & else ./scenarios/move.sh "${1#move-}" & fi
    playing=$!
    local status=0 since=$SECONDS
    wait "$playing" || status=$?
    took+=("$((SECONDS - since)) $1")
    [ "$status" -eq 0 ] || said+=("$1, attempt $2: $(cat "out/$1-$playing/error" 2>/dev/null || echo "ended with status $status")")
    playing=
    return "$status"
}

if [ -n "$beside" ]; then
    mkdir -p out
    # shellcheck disable=SC2086 # words
    ./run.sh $beside >out/beside.log 2>&1 &
    lane=$!
fi
# Those that were played beside have ended.
alone() {
    [ -n "$lane" ] || return 0
    wait "$lane" || failed+=('of those beside')
    lane=
    cat out/beside.log
}

for name in "$@"; do
    if [ "$name" = -- ]; then
        alone
    elif play "$name" 1; then
        passed=$((passed + 1))
    elif play "$name" 2; then
        passed=$((passed + 1)) late=$((late + 1))
    else
        failed+=("$name")
    fi
done
alone
# shellcheck disable=SC2086,SC2048 # words
printf '%5d s  %s\n' ${took[*]}
[ ${#said[@]} -eq 0 ] || printf 'failed: %s\n' "${said[@]}"
echo "$passed passed, $late of them at the second attempt, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
