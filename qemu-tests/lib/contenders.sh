# shellcheck shell=bash
# Who is compared by `make bench`: between the same two routers, on the same cables, for the same two hosts. Sourced after
# lib/peers.sh.
#
#   laptop -- gw-a -- inet -- gw-b -- camera
#
# NAME_up brings a contender up; PIDS_A and PIDS_B are its processes on the two routers, and TARGET is camera's address.
# Each is as its package or crate has it: default cipher, default threads, the MTU it recommends.
# shellcheck disable=SC2034,SC2154 # used in the other files; `a` and `b` are keys

CONTENDERS='plain plain-off ntm ntm-chacha wireguard-go-new wireguard-go boringtun nebula tinc openvpn vpncloud'
PIDS_A=() PIDS_B=()
# Where `bootstrap.sh --bench` puts what is no package here.
PEERS_BIN=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "${BASH_SOURCE[0]}")/../../target}")/peers/bin

# has_contender NAME: whether it is installed.
has_contender() {
    local needs
    case $1 in
    plain | ntm | ntm-chacha) return 0 ;;
    plain-off) needs=ethtool ;;
    wireguard-go) needs='wireguard-go wg' ;;
    wireguard-go-new) needs="$PEERS_BIN/wireguard-go wg" ;;
    boringtun) needs="$PEERS_BIN/boringtun-cli wg" ;;
    nebula) needs='nebula nebula-cert' ;;
    tinc) needs=tincd ;;
    openvpn) needs='openvpn openssl' ;;
    vpncloud) needs=$PEERS_BIN/vpncloud ;;
    esac
    # shellcheck disable=SC2086 # words
    PATH=$PATH:/usr/sbin:/sbin command -v $needs >/dev/null
}

# Where the routers are.
up_router4() { echo "${PUBLIC4[$1]}.2"; }
pid() { cat "$OUT/$1.pid"; }

routers_up() {
    local s
    inet_up
    for s in a b; do gw_net_up "$s" global; done
    fixed_hosts
    TARGET=${HOST4[camera]}
}

# --- no tunnel ---------------------------------------------------------------

plain_up() {
    local s o
    routers_up
    for s in a b; do
        if [ "$s" = a ]; then o=b; else o=a; fi
        on inet ip route add "${LAN4[$s]}.0/24" via "$(up_router4 "$s")"
        on "gw-$s" ip route add "${LAN4[$o]}.0/24" via "${PUBLIC4[$s]}.1"
    done
}

plain_off_up() {
    plain_up
    local s
    for s in a b; do
        no_offload "gw-$s" wan0
        no_offload inet "to-$s"
        no_offload "gw-$s" "to-$([ "$s" = a ] && echo laptop || echo camera)"
    done
    for s in laptop camera; do no_offload "$s" eth0; done
}

no_offload() { on "$1" ethtool -K "$2" tso off gso off gro off tx off >/dev/null 2>&1 || fail "ethtool on $1"; }

# --- ours ----------------------------------------------------------------------

ntm_up() { ours_up 'aes = true' AES-256-GCM; }
ntm_chacha_up() { ours_up 'aes = false' ChaCha20-Poly1305; }

ours_up() { # LINE_OF_TUNNEL CIPHER
    need_binaries
    inet_up
    local s
    for s in a b; do gw_net_up "$s" global; done
    dc_up
    rs_up
    for s in a b; do
        gw_config "$s" global
        printf '[tunnel]\n%s\n%s\n' "$1" "${NTM_TUNNEL:-}" >>"$OUT/${GATEWAY[$s]}/ntm-gateway.toml"
        gw_enrol "$s"
        gw_start "$s"
    done
    for s in laptop camera; do host_up "$s"; done
    for s in laptop camera; do ready "$s"; done
    wait_until 20 "laptop finds camera" resolves laptop "$(fqdn camera)"
    # Not by vip4: lib/peers.sh has another.
    TARGET=$(identity camera | cut -d' ' -f3)
    wait_until 20 "laptop reaches camera" on laptop ping -qc 1 -W 1 "$TARGET"
    wait_until 20 "the tunnel is direct" tunnel_path_is a direct
    PIDS_A=("$(daemon_pid car)") PIDS_B=("$(daemon_pid home)")
    [ "$(tunnel a cipher)" = "$2" ] || fail "traffic is sealed by $(tunnel a cipher), not $2: has this processor the instructions?"
}

# --- others ----------------------------------------------------------------------

# The distribution's, and Debian's newest.
wireguard_go_up() {
    routers_up
    wireguard_up
    PIDS_A=("$(pid wireguard-a)") PIDS_B=("$(pid wireguard-b)")
}

wireguard_go_new_up() {
    PATH=$PEERS_BIN:$PATH
    wireguard_go_up
}

boringtun_up() {
    routers_up
    local s
    for s in a b; do (umask 077; wg genkey >"$OUT/wg-$s.key"); done
    boringtun_end b a
    boringtun_end a b
    PIDS_A=("$(pid boringtun-a)") PIDS_B=("$(pid boringtun-b)")
}

# It takes a peer's settings once only.
boringtun_end() { # SIDE OTHER
    local name; name=$(wg_name "$1")
    background "boringtun-$1" "gw-$1" "$PEERS_BIN/boringtun-cli" -f --disable-drop-privileges "$name"
    wait_until 5 "boringtun on gw-$1" on "gw-$1" wg show "$name"
    on "gw-$1" wg set "$name" private-key "$OUT/wg-$1.key" listen-port 51820 peer "$(wg pubkey <"$OUT/wg-$2.key")" \
        endpoint "$(up_router4 "$2"):51820" allowed-ips "${LAN4[$2]}.0/24" persistent-keepalive 25
    on "gw-$1" ip link set "$name" mtu 1420 up
    on "gw-$1" ip route add "${LAN4[$2]}.0/24" dev "$name"
}

nebula_contender_up() {
    routers_up
    nebula_up
    PIDS_A=("$(pid nebula-car)") PIDS_B=("$(pid nebula-home)")
}

tinc_up() {
    routers_up
    local s o
    for s in a b; do
        mkdir -p "$OUT/tinc-$s/hosts"
        printf 'Name = %s\nDeviceType = tun\nInterface = tinc0\n' "side$s" >"$OUT/tinc-$s/tinc.conf"
        printf 'Address = %s\nSubnet = %s.0/24\n' "$(up_router4 "$s")" "${LAN4[$s]}" >"$OUT/tinc-$s/hosts/side$s"
        tincd -c "$OUT/tinc-$s" -K2048 </dev/null >>"$OUT/tinc-$s.log" 2>&1 || fail "tincd -K"
    done
    echo 'ConnectTo = sideb' >>"$OUT/tinc-a/tinc.conf"
    cp "$OUT/tinc-a/hosts/sidea" "$OUT/tinc-b/hosts/"
    cp "$OUT/tinc-b/hosts/sideb" "$OUT/tinc-a/hosts/"
    for s in a b; do
        if [ "$s" = a ]; then o=b; else o=a; fi
        # shellcheck disable=SC2016 # tinc sets it
        printf '#!/bin/sh\nip link set "$INTERFACE" up\nip route add %s.0/24 dev "$INTERFACE"\n' "${LAN4[$o]}" >"$OUT/tinc-$s/tinc-up"
        chmod +x "$OUT/tinc-$s/tinc-up"
        background "tinc-$s" "gw-$s" tincd -c "$OUT/tinc-$s" -D --pidfile="$OUT/tinc-$s.tinc-pid"
    done
    PIDS_A=("$(pid tinc-a)") PIDS_B=("$(pid tinc-b)")
}

# Certificates that the two know by their fingerprints, as OpenVPN's manual has it for a few fixed ends.
openvpn_up() {
    routers_up
    local s
    for s in a b; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$s" \
            -keyout "$OUT/openvpn-$s.key" -out "$OUT/openvpn-$s.crt" 2>>"$OUT/openvpn.log" || fail "openssl"
    done
    openvpn_end b a 10.77.0.2 10.77.0.1 --tls-server --dh none
    openvpn_end a b 10.77.0.1 10.77.0.2 --tls-client
    PIDS_A=("$(pid openvpn-a)") PIDS_B=("$(pid openvpn-b)")
}

openvpn_end() { # SIDE OTHER ADDRESS REMOTE_ADDRESS OPTION...
    local print; print=$(openssl x509 -in "$OUT/openvpn-$2.crt" -noout -fingerprint -sha256 | cut -d= -f2)
    background "openvpn-$1" "gw-$1" openvpn --dev tun0 --dev-type tun --proto udp --lport 1194 \
        --remote "$(up_router4 "$2")" 1194 --ifconfig "$3" "$4" --route "${LAN4[$2]}.0" 255.255.255.0 \
        --cert "$OUT/openvpn-$1.crt" --key "$OUT/openvpn-$1.key" --peer-fingerprint "$print" --disable-dco "${@:5}"
}

vpncloud_up() {
    routers_up
    local s o
    for s in a b; do
        if [ "$s" = a ]; then o=b; else o=a; fi
        background "vpncloud-$s" "gw-$s" "$PEERS_BIN/vpncloud" --type tun --device vpn0 --password bench \
            --connect "$(up_router4 "$o"):3210" --listen 3210 --claim "${LAN4[$s]}.0/24" --mode router \
            --ifup "ip link set \$IFNAME up; ip route add ${LAN4[$o]}.0/24 dev \$IFNAME" --no-port-forwarding
    done
    PIDS_A=("$(pid vpncloud-a)") PIDS_B=("$(pid vpncloud-b)")
}
