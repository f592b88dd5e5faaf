#!/usr/bin/env bash
# The car comes home: its router hangs on the home's LAN, its hosts move there, both routers serve one LAN.
# What is near goes by the short way, nothing goes round in circles, no route of the LAN leads into a tunnel.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

play() {
    local kind
    for kind in nat global; do
        OUT=$REPORT/$kind ACT=$kind
        mkdir -p "$OUT"
        say "--- the home's router is $kind"
        LAN4[a]=192.168.8
        ROUTER4=() RANGE4=()
        nested "$kind"
        moves_over
        world_down "$RUN"
    done
    OUT=$REPORT/one-lan ACT=one_lan
    mkdir -p "$OUT"
    say "--- two gateways on one LAN"
    one_lan
}

# The car's WAN is the home's LAN.
nested() { # KIND_OF_HOME
    need_binaries
    inet_up
    dc_up
    rs_up
    gw_net_up b "$1"
    gw_up b "$1"
    gw_net_up a within
    wait_until 10 "the car has a lease on the home's LAN" has_lease gw-a wan0
    gw_up a within
    local h
    for h in laptop phone camera; do host_up "$h"; done
    for h in laptop phone camera; do
        ready "$h"
        say "$h: $(lan_address "$h") on its LAN, $(vip4 "$h") everywhere"
    done
    first_words laptop camera
    first_words camera laptop
    wait_until 20 "the path on gw-a is direct" tunnel_path_is a direct
    wait_until 20 "the path on gw-b is direct" tunnel_path_is b direct
    say "path: $(tunnel a path) to $(tunnel a remote), because: $(tunnel a why)"
    act_figure path "\"$(tunnel a path)\""
    straight laptop camera
    straight camera laptop
    no_lan_in_tunnel a
    no_lan_in_tunnel b
    the_rest laptop
}

# The phone leaves the car's network for the home's: it is a device of the home now.
moves_over() {
    local old; old=$(vip4 phone)
    host_unplugged phone
    SIDE[phone]=b
    host_plug phone
    ready phone
    say "the phone is at home: $(lan_address phone), $(fqdn phone), $(vip4 phone)"
    # A name and an address belong to a device behind a router; behind another it is another.
    [ "$old" != "$(vip4 phone)" ] || fail "the phone has the address $old behind both routers"
    [ "$(gw a devices --json | json - "str(find(d, vip4='$old')['mac'])")" = "${MAC[phone]}" ] || fail "somebody else has the phone's address behind the car, $old"
    first_words phone camera
    first_words camera phone
    first_words laptop phone
    on phone ping -qc 3 -i 0.2 -W 2 "$(vip4 camera)" >/dev/null || fail "the phone does not reach the camera's virtual address"
    on camera ping -qc 3 -i 0.2 -W 2 "$(vip4 phone)" >/dev/null || fail "the camera does not reach the phone's virtual address"
    on phone ping -qc 3 -i 0.2 -W 2 "$(lan_address camera)" >/dev/null || fail "the phone does not reach the camera's LAN address"
    straight phone camera
    # On one LAN nothing of it goes to the Internet.
    no_lan_in_tunnel a
    no_lan_in_tunnel b
    SIDE[phone]=a
}

# Both routers serve one segment, each with its own addresses for hosts.
one_lan() {
    LAN4[a]=192.168.1 LAN4[b]=192.168.1
    ROUTER4=([a]=2 [b]=1) RANGE4=([a]=192.168.1.150-192.168.1.199 [b]=192.168.1.100-192.168.1.149)
    world_up nat global laptop camera
    link gw-a lan1 gw-b lan1
    on gw-a ip link set lan1 master lan0
    on gw-b ip link set lan1 master lan0
    on laptop ping -qc 2 -i 0.2 -W 2 "$(lan_address camera)" >/dev/null || fail "the LAN is not one"
    first_words laptop camera
    first_words camera laptop
    straight laptop camera
    straight camera laptop
    on laptop ping -qc 3 -i 0.2 -W 2 "$(lan_address camera)" >/dev/null || fail "the camera's LAN address is lost"
    no_lan_in_tunnel a
    no_lan_in_tunnel b
    # A new lease may come from either router; whoever gives it, the host is reached.
    host_unplugged laptop
    host_plug laptop
    wait_until 20 "laptop has a lease again" has_lease laptop
    case $(on laptop ip route show default) in *192.168.1.1\ *) SIDE[laptop]=b ;; esac
    ready laptop
    say "the laptop's new lease is from ${GATEWAY[${SIDE[laptop]}]}"
    first_words camera laptop
    straight laptop camera
    SIDE[laptop]=a
}

# straight FROM TO: a hundred datagrams there and their answers back; no interface carries more than a few others.
straight() {
    local at before got n most
    before=$(frames)
    got=$(on "$1" "$PYTHON" "$QT/tools/talk.py" udp "$(fqdn "$2")" --seconds 2 --interval 20) || fail "$1: UDP: $got"
    json - "d['received'] == d['sent']" <<<"$got" >/dev/null || fail "$1: UDP: $got"
    n=$(json - "str(d['sent'])" <<<"$got")
    most=$(paste <(echo "$before") <(frames) | awk '{ print $4 - $2, $1 }' | sort -rn)
    # There and back is 2 n in each tunnel, and twice that where a router sees a datagram inside and outside, or turns
    # it round in its tunnel's interface as both hosts are its own. A loop is a multiple.
    local tunnel=$((n * 2 + 30))
    [ "${SIDE[$1]}" != "${SIDE[$2]}" ] || tunnel=$((n * 4 + 30))
    at=$(awk -v n="$n" -v t="$tunnel" '$1 > ($2 ~ /ntm0/ ? t : 4 * n + 60) { print $2 ": " $1 }' <<<"$most")
    [ -z "$at" ] || fail "$n datagrams from $1 to $2 and back made this many packets: ${at//$'\n'/, }"
    say "$1 to $2: $n datagrams and their answers; most packets: $(head -n 1 <<<"$most")"
    act_figure "packets_of_$1_to_$2" "{\"datagrams\":$n,\"most\":$(head -n 1 <<<"$most" | cut -d' ' -f1)}"
}

# What every interface that could be in a circle has sent and received: NODE:IFACE COUNT.
frames() {
    local s i
    for s in a b; do
        for i in ntm0 lan0 wan0; do
            echo "gw-$s:$i $(on "gw-$s" cat "/sys/class/net/$i/statistics/rx_packets" "/sys/class/net/$i/statistics/tx_packets" |
                awk '{ s += $1 } END { print s }')"
        done
    done
}

# Only virtual addresses lead into the tunnel, by any table, and no rule is about the LAN.
no_lan_in_tunnel() { # SIDE
    local got
    on "gw-$1" ip -4 route show table 4750 dev ntm0 | grep -q '^198\.18\.0\.0/15' || fail "gw-$1 has no route for virtual addresses: $(on "gw-$1" ip -4 route)"
    got=$(on "gw-$1" ip -4 route show table all | grep 'dev ntm0' | grep -vE '(^| )198\.1[89]\.') || true
    [ -z "$got" ] || fail "gw-$1 has these routes into the tunnel: $got"
    got=$(on "gw-$1" ip -4 rule | grep -F '192.168.') || true
    [ -z "$got" ] || fail "gw-$1 has these rules: $got"
    got=$(on "gw-$1" ip -4 route get "$(lan_address camera)")
    ! grep -q ntm0 <<<"$got" || fail "gw-$1 sends to the camera's LAN by the tunnel: $got"
}

scenario at-home "$@"
