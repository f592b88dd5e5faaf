#!/usr/bin/env bash
# A move of the router from one NAT to another by us and by the kernel's WireGuard: in the same guests, on the same links,
# under the same traffic. NTM_REPEATS (5) moves each. The last line is one JSON object.
#
# Home has a public address: WireGuard has nobody to ask. The guests' netem gives delay (NTM_DELAY_MS, 20, one way) and
# NTM_LOSS (such as 1%). Silence is counted from before the router is told, so it has the emulator's slowness in it: what
# it is good for is the comparison.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/machine/lib/machines.sh"
. "$QT/machine/lib/jail.sh"
. "$QT/machine/lib/acts.sh"
[ -z "${OWRT_ROOT:-}" ] || {
    echo 'bench-qemu is for our own routers: unset OWRT_ROOT' >&2
    exit 2
}

REPEATS=${NTM_REPEATS:-5}
# WireGuard carries LANs by their own addresses.
# shellcheck disable=SC2154 # a key
LAN4[b]=192.168.2

play() {
    export NTM_BIG_MB=1
    need_machines
    inet_up
    dc_up
    rs_up
    site_up a 'nat nat'
    site_up b 'global'
    boots
    local h
    guest_does b "uci set network.lan.ipaddr=${LAN4[b]}.1/24 && uci commit && /etc/init.d/network reload"
    enrols
    for h in laptop camera; do host_up "$h"; done
    for h in laptop camera; do
        wait_until 60 "$h has a DHCP lease" has_lease "$h"
        wait_until 60 "$h has an identity" has_identity "$h"
        TARGET[$h]=$(identity "$h" | cut -d' ' -f3)
        INSIDE[$h]=$(lan_address "$h")
    done
    first_words laptop camera
    moves_of ntm
    wireguard_instead
    moves_of wireguard
}

declare -A TARGET=() INSIDE=()
vip4() { echo "${TARGET[$1]}"; }

wireguard_instead() {
    local s h key
    declare -A public=()
    for s in a b; do
        guest_does "$s" 'service ntm-gateway stop; uci set ntm.gateway.enabled=0; uci commit ntm; service ntm-guard start'
        guest_does "$s" 'uci batch <<E
add_list firewall.ntm.device=wg0
set firewall.wireguard=rule
set firewall.wireguard.src=wan
set firewall.wireguard.proto=udp
set firewall.wireguard.dest_port=51820
set firewall.wireguard.target=ACCEPT
E
uci commit firewall; service firewall reload'
        key=$(guest_does "$s" 'umask 077; wg genkey >/tmp/wg.key; wg pubkey </tmp/wg.key')
        public[$s]=$key
        guest_does "$s" 'ip link add wg0 type wireguard && wg set wg0 private-key /tmp/wg.key listen-port 51820 && ip link set wg0 mtu 1420 up'
    done
    guest_does a "wg set wg0 peer ${public[b]} allowed-ips ${LAN4[b]}.0/24 persistent-keepalive 25 endpoint $(up_router4 b 0):51820 && ip route add ${LAN4[b]}.0/24 dev wg0"
    guest_does b "wg set wg0 peer ${public[a]} allowed-ips ${LAN4[a]}.0/24 persistent-keepalive 25 && ip route add ${LAN4[a]}.0/24 dev wg0"
    for h in laptop camera; do TARGET[$h]=${INSIDE[$h]}; done
}

moves_of() { # NAME
    local i to rtt
    wait_until 60 "laptop reaches camera by $1" on laptop ping -qc 1 -W 1 "$(vip4 camera)"
    # Of the contender before.
    rm -f "$OUT"/{laptop,camera}.{sent,udp,lines,bulk,deaths}
    traffic_start
    sleep 3
    rtt=$(on laptop ping -qc 20 -i 0.2 "$(vip4 camera)" | sed -n 's/^rtt [^=]*= \([^/]*\)\/.*/\1/p')
    EVENTS=()
    for ((i = 1; i <= REPEATS; i++)); do
        to=$((1 - AT[a]))
        uplink_fresh a "$to"
        guest_switch a "${AT[a]}" "$to"
        event "$1-$i" guest_does a 'ip -batch /tmp/move'
        AT[a]=$to
    done
    traffic_down
    tool moves costs "$OUT" "$rtt" >"$OUT/costs-$1" || fail "no figures: $(cat "$OUT/costs-$1")"
    { grep -v '^aim' "$OUT/costs-$1"; printf 'rtt_ms\t%s\n' "$rtt"; } | sed "s/^/$1./" >>"$REPORT/figures"
}

scenario bench-qemu "$@"
