#!/usr/bin/env bash
# No session dies of a move: one kind of move, again and again under traffic. move.sh NAME; NTM_REPEATS (20).
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/lib/movekinds.sh"
. "$QT/lib/movefaults.sh"

play() {
    [ -n "${MOVE_OF[$MOVE]:-}" ] || fail "no move $MOVE; there are: $(printf '%s\n' "${!MOVE_OF[@]}" | sort | xargs)"
    local words aims each=() options=() w
    words=${MOVE_OF[$MOVE]%%|*} aims=${MOVE_OF[$MOVE]#*|}
    IFS=';' read -ra each <<<"$aims"
    # shellcheck disable=SC2086 # words
    set -- $words
    for w in "${@:4}"; do
        case $w in
        worlds=*) REPEATS=${NTM_REPEATS:-$(((20 + ${w#*=} - 1) / ${w#*=}))} ;;
        changes=*) REPEATS=${w#*=} ;;
        only=*)
            options+=(--only-udp-from "${w#*=}")
            FLOWS=laptop.udp
            ;;
        esac
    done
    moves_world "${2//,/ }" "${3//,/ }"
    traffic_up "${options[@]}"
    repeats "$1"
    costs "${each[@]}"
}

MOVE=${1:-}
scenario "move-$MOVE"
