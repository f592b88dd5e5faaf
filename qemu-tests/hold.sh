#!/usr/bin/env bash
# hold.sh [A_KIND [B_KIND [HOST...]]]: brings a world up and keeps it until Ctrl-C, to try things in.
# NTM_NO_DAEMONS=1 builds the namespaces only.
. "$(dirname "$0")/lib.sh"

play() {
    local a=${1:-nat} b=${2:-nat}
    shift $(($# < 2 ? $# : 2))
    [ $# -gt 0 ] || set -- laptop camera
    if [ -n "${NTM_NO_DAEMONS:-}" ]; then
        world_net_up "$a" "$b"
    else
        world_up "$a" "$b" "$@"
    fi
    say "the world is up; state, logs and pids are in $OUT"
    say "try:  ip netns exec $(nsname laptop) ping camera.home.ntm.test"
    say "      ip netns exec $(nsname gw-a) $BIN/ntm-gateway tunnels --dir $OUT/car"
    say "Ctrl-C ends it"
    while :; do sleep 3600; done
}

scenario hold "$@"
