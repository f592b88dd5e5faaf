#!/usr/bin/env bash
# The world itself, without our daemons: NATs hide and filter, leases come, DNS and web answer.
. "$(dirname "$0")/../lib.sh"

# A stand-in for the gateway's DHCP server, DNS forwarder and NAT, from what busybox and nft give.
stand_in() {
    local g=gw-$1
    command -v dnsmasq >/dev/null || fail "dnsmasq is needed here (package dnsmasq-base)"
    background "dnsmasq-$1" "$g" dnsmasq -k --pid-file= -C /dev/null -i lan0 --bind-interfaces --no-hosts --leasefile-ro \
        -F 192.168.1.100,192.168.1.199,60s -R -S "$DNS4"
    on "$g" nft -f - <<EOF
table inet nat { chain post { type nat hook postrouting priority 100; oifname "wan0" masquerade; }; }
EOF
}

play() {
    world_net_up nat symnat
    stand_in a
    stand_in b
    host_up laptop
    host_up camera
    wait_until 10 "leases" has_lease laptop
    wait_until 10 "leases" has_lease camera
    say "laptop $(lan_address laptop), camera $(lan_address camera)"
    on laptop ping -qc 2 -i 0.2 "$DC4" | tail -1
    on laptop curl -sSf http://example.org/ | grep -q ordinary || fail "no web"
    [ "$(on laptop dig +short nothing.example.net)" = "" ] || fail "an answer for nothing"
    # Nobody outside gets in, neither to the router nor to its LAN.
    on rs ping -qc 1 -W 1 192.168.1.1 >/dev/null && fail "a LAN address is routed"
    on inet ip route add 10.0.0.0/24 via 198.51.100.2
    on inet ping -qc 1 -W 1 10.0.0.2 >/dev/null && fail "nat-a lets strangers in"
    # The echo and its clients.
    host_up_www_echo
    on laptop "$PYTHON" "$QT/tools/talk.py" udp "$WWW4" --seconds 2 --interval 10 --trace "$OUT/trace" || fail udp
    on laptop "$PYTHON" "$QT/tools/talk.py" tcp "$WWW4" --seconds 1 || fail tcp
    tool gaps "$OUT/trace" 0 99999999999999
    captures rs:eth0
    on laptop curl -sSo /dev/null "http://$WWW4/" && on dc ping -c1 -q "$RS4" >/dev/null
    captures_end
    tool pcap "$OUT/rs-eth0.pcap" --inner 198.18.0.1
    [ "$(sort -u "$OUT/www.seen" | grep -c '"peer": "198.51.100.2"')" -ge 2 ] || fail "the NAT does not masquerade"
    say "a router's reboot"
    kill -KILL "$(cat "$OUT/laptop-dhcp.pid")"
    gw_reboot_net a nat
    wait_until 5 "laptop's cable is gone" has_no_link laptop eth0
    stand_in a
    host_plug laptop
    wait_until 10 "leases" has_lease laptop
    on laptop ping -qc 1 "$DC4" | tail -1
    figure hosts 2
}

host_up_www_echo() { wait_until 5 "the web server" on inet curl -sSf "http://$WWW4/"; }

scenario world "$@"
