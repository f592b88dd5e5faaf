# shellcheck shell=bash
# Others between the same routers, on the same uplinks, under the same traffic: wireguard-go, and nebula with a lighthouse
# that is also its relay. Sourced after lib/moves.sh and its moves.
#
# They carry LANs by their own addresses, so the two LANs differ here. WireGuard has nobody to ask where its other end is:
# where it is to work at all, home has a public address.
# shellcheck disable=SC2034,SC2154 # used in the other files; `a` and `b` are keys

# The LANs' prefixes; hosts have fixed addresses.
LAN4[b]=192.168.2
declare -A HOST4=([laptop]=192.168.1.10 [camera]=192.168.2.10)
vip4() { echo "${HOST4[$1]}"; }

# Hosts that nobody gives an address.
fixed_hosts() {
    local h s
    for h in laptop camera; do
        s=${SIDE[$h]}
        ns_add "$h"
        link "gw-$s" "to-$h" "$h" eth0
        on "gw-$s" ip link set "to-$h" master lan0
        addr "$h" eth0 "${HOST4[$h]}/24"
        on "$h" ip route add default via "${LAN4[$s]}.1"
    done
}

# peers_world TOOL A_KINDS B_KINDS
peers_world() {
    inet_up
    site_up a "$2"
    site_up b "$3"
    fixed_hosts
    "$1_up"
    wait_until 30 "laptop reaches camera by $1" on laptop ping -qc 1 -W 1 "${HOST4[camera]}"
}

# --- WireGuard ---------------------------------------------------------------

# The control sockets of all namespaces are in one folder: the names tell them apart.
wg_name() { echo "w$1${RUN//-/}"; }

wireguard_up() {
    local s
    for s in a b; do (umask 077; wg genkey >"$OUT/wg-$s.key"); done
    wireguard_end a b
    wireguard_end b a
    # Only the car knows where to begin.
    on gw-a wg set "$(wg_name a)" peer "$(wg pubkey <"$OUT/wg-b.key")" endpoint "$(up_router4 b 0):51820"
}

wireguard_end() { # SIDE OTHER
    local name; name=$(wg_name "$1")
    background "wireguard-$1" "gw-$1" wireguard-go -f "$name"
    wait_until 5 "wireguard-go on gw-$1" on "gw-$1" wg show "$name"
    on "gw-$1" wg set "$name" private-key "$OUT/wg-$1.key" listen-port 51820 \
        peer "$(wg pubkey <"$OUT/wg-$2.key")" allowed-ips "${LAN4[$2]}.0/24" persistent-keepalive 25
    on "gw-$1" ip link set "$name" mtu 1420 up
    on "gw-$1" ip route add "${LAN4[$2]}.0/24" dev "$name"
}

wireguard_down() { rm -f "/var/run/wireguard/$(wg_name a).sock" "/var/run/wireguard/$(wg_name b).sock"; }

# --- nebula ------------------------------------------------------------------

nebula_up() {
    (cd "$OUT" && nebula-cert ca -name world && nebula-cert sign -name lighthouse -ip 10.77.0.100/24 &&
        nebula-cert sign -name car -ip 10.77.0.1/24 -subnets "${LAN4[a]}.0/24" &&
        nebula-cert sign -name home -ip 10.77.0.2/24 -subnets "${LAN4[b]}.0/24") || fail "nebula-cert"
    nebula_end dc lighthouse 'am_lighthouse: true' 'am_relay: true' ''
    nebula_end gw-a car 'hosts: [10.77.0.100]' 'relays: [10.77.0.100]' "{route: ${LAN4[b]}.0/24, via: 10.77.0.2}"
    nebula_end gw-b home 'hosts: [10.77.0.100]' 'relays: [10.77.0.100]' "{route: ${LAN4[a]}.0/24, via: 10.77.0.1}"
}

nebula_end() { # NODE NAME LIGHTHOUSE RELAY ROUTE
    cat >"$OUT/nebula-$2.yml" <<EOT
pki: {ca: $OUT/ca.crt, cert: $OUT/$2.crt, key: $OUT/$2.key}
static_host_map: {"10.77.0.100": ["$DC4:4242"]}
lighthouse: {$3, interval: 10, local_allow_list: {"10.77.0.0/16": false, "192.168.0.0/16": false, "0.0.0.0/0": true}}
relay: {$4, use_relays: true}
listen: {host: 0.0.0.0, port: 4242}
punchy: {punch: true, respond: true, delay: 100ms, respond_delay: 1s}
tun: {dev: nebula1, mtu: 1300, unsafe_routes: [$5]}
logging: {level: info, format: text}
firewall:
  outbound: [{port: any, proto: any, host: any}]
  inbound: [{port: any, proto: any, host: any}]
EOT
    background "nebula-$2" "$1" nebula -config "$OUT/nebula-$2.yml"
}

nebula_down() { :; }

# --- one of them, one move ---------------------------------------------------

GIVE_UP_S=60

back_in_time() {
    local end=$(($(now_ms) + GIVE_UP_S * 1000))
    until came_back "${MOMENT#* }"; do
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# peer_moves FUNCTION: until the last repeat, or until nothing came back once.
peer_moves() {
    local i
    GIVEN_UP=0
    for ((i = 1; i <= REPEATS; i++)); do
        "$1" "$i"
        if ! back_in_time; then
            GIVEN_UP=1
            echo "$i $MOMENT $(clock_us) $(clock_us)" >>"$OUT/marks"
            say "$MOVE $i/$REPEATS: not back after $GIVE_UP_S s"
            break
        fi
        sleep "$APART_S"
        echo "$i $MOMENT $(clock_us) $(clock_us)" >>"$OUT/marks"
        say "$MOVE $i/$REPEATS: $(tool moves repeat "$OUT" "$i")"
    done
}
