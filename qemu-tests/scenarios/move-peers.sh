#!/usr/bin/env bash
# What a move costs others on the same links: wireguard-go and nebula. move-peers.sh [TOOL[/MOVE]...]; NTM_REPEATS (5).
# Given up where nothing comes back within 60 s; that is a figure here, no failure.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/lib/movekinds.sh"
. "$QT/lib/movefaults.sh"
. "$QT/lib/peers.sh"

# They take their time.
REPEATS=${NTM_REPEATS:-5}

# FUNCTION A_KINDS, HOME's kinds for nebula and for wireguard, [whose datagrams are all there is]
declare -A PEER_MOVE=(
    [renumber]='renumber global nat global'
    [nat-to-nat]='other_uplink nat,nat nat global'
    [both]='both_at_once nat,global nat,nat global,global'
    [nat-reboot]='nat_reboots nat nat global'
    [two-wans-cut]='cut_seen nat,nat nat global'
    [listening-nat-to-nat]='other_uplink nat,nat nat global second'
)

play() {
    local tools=() t m
    for t in wireguard nebula; do
        for m in $PEERS_MOVES; do
            case " $* " in '  ' | *" $t "* | *" $t/$m "*) tools+=("$t/$m") ;; esac
        done
    done
    [ ${#tools[@]} -gt 0 ] || fail "nothing to play: wireguard or nebula, and one of: ${!PEER_MOVE[*]}"
    for t in wireguard-go wg nebula nebula-cert; do
        command -v "$t" >/dev/null || fail "$t is missing here: apt-get install wireguard-go wireguard-tools nebula"
    done
    PLAYED=0
    for t in "${tools[@]}"; do
        # A world of its own; in the background and waited for, so that `set -e` holds there.
        PLAYED=$((PLAYED + 1))
        (one "${t%/*}" "${t#*/}") &
        wait $! || say "$t: could not be played: $(cat "$REPORT/error" 2>/dev/null)"
        world_down "$RUN"
        "${t%/*}_down"
    done
    [ ! -s "$REPORT/error" ] || fail "$(cat "$REPORT/error")"
    table
}

one() { # TOOL MOVE
    local options=()
    # shellcheck disable=SC2086 # words
    set -- "$1" "$2" ${PEER_MOVE[$2]}
    # Short: there are sockets in it.
    MOVE=$1/$2 OUT=$REPORT/$PLAYED
    mkdir "$OUT"
    echo "$MOVE" >"$OUT/move"
    local home=$5
    [ "$1" != wireguard ] || home=$6
    peers_world "$1" "${4//,/ }" "${home//,/ }"
    if [ -n "${7:-}" ]; then
        options+=(--only-udp-from "$7")
        FLOWS=laptop.udp
    fi
    traffic_start "${options[@]}"
    sleep 2
    RTT_MS=$(on laptop ping -qc 10 -i 0.2 "${HOST4[camera]}" | sed -n 's/^rtt [^=]*= \([^/]*\)\/.*/\1/p')
    peer_moves "$3"
    traffic_down
    tool moves costs "$OUT" "$RTT_MS" >"$OUT/costs" || fail "no figures: $(cat "$OUT/costs")"
    { cat "$OUT/costs"; printf 'rtt_ms\t%s\ngiven_up\t%s\n' "$RTT_MS" "$GIVEN_UP"; } | grep -v '^aim' | sed "s/^/$1.$2./" >>"$REPORT/figures"
}

table() {
    local d
    printf '\n%-24s %-50s %s\n' '' 'gaps in ms' 'lost: datagrams, sessions'
    for d in "$REPORT"/*/costs; do
        printf '%-32s %-50s %s %s\n' "$(cat "${d%/costs}/move")" "$(cost "$d" gap_ms)" "$(cost "$d" udp_lost)" "$(cost "$d" tcp_lost)"
    done
}
cost() { sed -n "s/^$2\t//p" "$1"; }

scenario move-peers "$@"
