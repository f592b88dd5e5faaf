#!/usr/bin/env bash
# The story, on every kind of path: story.sh [VARIANT...], or NTM_VARIANTS. All when none is named.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

#          side a   side b   path expected     reboot everything at the end
declare -A VARIANT=(
    [relayed]='symnat symnat relay  yes'
    [natted]='nat    nat    direct no'
    [one-global]='nat    global direct yes'
    [global]='global global direct no'
    [v6]='v6     v6     direct no'
    [v4-v6]='nat    v6     relay  no'
)
ORDER='relayed natted one-global global v6 v4-v6'

play() {
    local v
    [ $# -gt 0 ] || read -ra names <<<"${NTM_VARIANTS:-$ORDER}"
    for v in "${names[@]:-$@}"; do
        [ -n "${VARIANT[$v]:-}" ] || fail "no variant $v; there are: $ORDER"
    done
    for v in "${names[@]:-$@}"; do
        OUT=$REPORT/$v ACT=$v
        mkdir -p "$OUT"
        # shellcheck disable=SC2086 # four words
        one $v ${VARIANT[$v]}
        world_down "$RUN"
        [ -n "${NTM_KEEP:-}" ] || rm -rf "$OUT"
    done
}

one() { # NAME A_KIND B_KIND PATH REBOOT
    local a=$2 b=$3 path=$4 pair
    say "--- $1: the laptop's router is $a, the camera's is $b"
    CAPTURE=1 world_up "$a" "$b" laptop camera
    first_words laptop camera
    first_words camera laptop
    settle "$path"
    session_start laptop camera
    session_start camera laptop
    for pair in 'laptop camera' 'camera laptop'; do
        # shellcheck disable=SC2086 # two words
        plain_ping $pair
        # shellcheck disable=SC2086
        datagrams $pair
        # shellcheck disable=SC2086
        download $pair
    done
    [ "$a" = v6 ] || the_rest laptop
    saw_only camera laptop
    saw_only laptop camera
    session_end laptop
    session_end camera
    gw a ping "$(fqdn camera)" || fail "ntm-gateway ping"
    act_figure path "\"$(tunnel a path)\""
    captures_end
    wire "$(tunnel b path)"
    if [ "$5" = yes ]; then
        # Also while everything restarts, when there is no tunnel, nothing may leak.
        captures_of_survivors
        reborn "$a" "$b"
        captures_end
        nothing_in_clear reborn_frames_captured
    fi
}

# Waits for the expected path on both sides, and says which it is.
settle() {
    local s
    if [ "$1" != any ]; then
        for s in a b; do wait_until 20 "the path on gw-$s is $1" tunnel_path_is "$s" "$1"; done
    fi
    say "path: $(tunnel a path), because: $(tunnel a why)"
}

# Nothing of the inside in clear on any WAN, and the camera's bytes really took the path that was said.
wire() {
    nothing_in_clear frames_captured
    if scan "$OUT/gw-b-lan0.pcap" >/dev/null; then fail "the scan finds nothing even on a LAN, where all is in clear"; fi
    local own="('10.0.0.2', '192.0.2.2', '2001:db8:3::2')" to
    to=$(tool pcap "$OUT/gw-b-wan0.pcap" | json - "[a for a in d['bytes_to'] if a not in $own][0]")
    case $1:$to in
    relay:"$RS4" | relay:"$RS6") ;;
    relay:*) fail "the path is said to be relayed, but the camera's bytes go to $to" ;;
    direct:"$RS4" | direct:"$RS6") fail "the path is said to be direct, but bytes go to the relay" ;;
    esac
}

nothing_in_clear() {
    local got files=() n
    for n in "${CAPTURED[@]}"; do
        case $n in *-lan0) ;; *) files+=("$OUT/$n.pcap") ;; esac
    done
    got=$(scan "${files[@]}") || fail "in clear on a WAN, or a capture is empty: $got"
    say "on ${#files[@]} WANs: $(json - "f\"{d['frames']} frames, {d['udp_bytes'] >> 20} MB, nothing in clear\"" <<<"$got")"
    act_figure "$1" "$(json - "d['frames']" <<<"$got")"
}

scan() {
    tool pcap "$@" --inner "$(lan_address laptop)" "$(lan_address camera)" \
        "$(vip4 laptop)" "$(vip4 camera)" "$(vip6 laptop)" "$(vip6 camera)"
}

# Every daemon dies and both routers lose power: names, virtual addresses and node ids stay.
reborn() {
    local before h t
    before=$(identity laptop; identity camera)
    say "everything restarts"
    t=$(now_ms)
    daemon_kill dc
    daemon_kill rs
    gw_reboot a "$1" laptop
    gw_reboot b "$2" camera
    for h in laptop camera; do
        wait_until 20 "$h has a lease again" has_lease "$h"
        wait_until 20 "$h has its identity again" has_identity "$h"
    done
    [ "$(identity laptop; identity camera)" = "$before" ] || fail "identities changed: $before -> $(identity laptop; identity camera)"
    wait_until 30 "laptop pings camera again" on laptop ping -qc 1 -W 1 "$(fqdn camera)"
    wait_until 30 "camera pings laptop again" on camera ping -qc 1 -W 1 "$(fqdn laptop)"
    say "the same names, node ids and addresses; talking again after $(($(now_ms) - t)) ms"
    act_figure reborn_ms $(($(now_ms) - t))
}

scenario story "$@"
