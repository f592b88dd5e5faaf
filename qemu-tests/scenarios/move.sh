#!/usr/bin/env bash
# No session dies of a move: one kind of move, again and again under traffic. move.sh NAME; NTM_REPEATS (20).
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/lib/movekinds.sh"
. "$QT/lib/movefaults.sh"

play() {
    [ -n "${MOVE_OF[$MOVE]:-}" ] || fail "no move $MOVE; there are: $(printf '%s\n' "${!MOVE_OF[@]}" | sort | xargs)"
    local words aims each=() options=() worlds=1 all=20 w
    words=${MOVE_OF[$MOVE]%%|*} aims=${MOVE_OF[$MOVE]#*|}
    IFS=';' read -ra each <<<"$aims"
    # shellcheck disable=SC2086 # words
    set -- $words
    for w in "${@:4}"; do
        case $w in
        worlds=*) worlds=${w#*=} ;;
        repeats=*) all=${w#*=} ;;
        changes=*) REPEATS=${w#*=} ;;
        clock) own_clock ;;
        only=*)
            options+=(--only-udp-from "${w#*=}")
            FLOWS=laptop.udp
            ;;
        esac
    done
    # Played alone, it is as long as one of the worlds that `make moves` shares it among.
    [ -n "${NTM_REPEATS:-}" ] || [ "$worlds" = 1 ] || REPEATS=$(((all + worlds - 1) / worlds))
    moves_world "${2//,/ }" "${3//,/ }"
    [ -z "${NTM_CAPTURE:-}" ] || captures laptop:eth0 camera:eth0 gw-a:any gw-b:any
    traffic_up "${options[@]}"
    repeats "$1"
    costs "${each[@]}"
}

MOVE=${1:-}
# `awkward` is all of awkward-*.
if [ -z "${MOVE_OF[$MOVE]:-}" ]; then
    # shellcheck disable=SC2046 # words
    set -- $(printf '%s\n' "${!MOVE_OF[@]}" | grep "^$MOVE-" | sort)
    [ $# -eq 0 ] || exec "$QT/moves.sh" "$@"
fi
scenario "move-$MOVE"
