#!/usr/bin/env bash
# As on OpenWrt: dnsmasq serves the LAN, the gateway is set up by UCI's file, follows dnsmasq's leases and answers it for
# our names.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

play() {
    need_binaries
    inet_up
    dc_up
    rs_up
    gw_net_up a nat
    gw_net_up b nat
    gw_up b nat
    router_up
    dnsmasq_up
    uci_written ''
    gw_enrol a
    uci_start
    host_up laptop
    host_up camera
    ready laptop
    ready camera
    say "laptop: $(lan_address laptop) from dnsmasq, $(vip4 laptop) everywhere"
    first_words laptop camera
    first_words camera laptop
    other_names
    comes_and_goes
    leases_lost
    new_policies
    wrong_settings
    new_settings
    clean_stop
}

# What OpenWrt's firewall does for the LAN.
router_up() {
    on gw-a sysctl -qw net.ipv4.ip_forward=1
    on gw-a nft 'add table inet fw4; add chain inet fw4 srcnat { type nat hook postrouting priority srcnat; }
        add rule inet fw4 srcnat oifname "wan0" masquerade'
}

UCI=
dnsmasq_up() {
    UCI=$OUT/config-ntm
    mkdir -p "$OUT/dnsmasq.d"
    # What the init script writes where OpenWrt's dnsmasq looks for it.
    cat >"$OUT/dnsmasq.d/ntm.conf" <<EOT
server=/$DOMAIN/127.0.0.1#5354
rebind-domain-ok=/$DOMAIN/
EOT
    # As OpenWrt starts it: no answers of the outside with addresses of the inside, which those of documentation are to it.
    background dnsmasq gw-a dnsmasq --keep-in-foreground --conf-file=/dev/null --conf-dir="$OUT/dnsmasq.d" \
        --interface=lan0 --bind-interfaces --dhcp-authoritative --dhcp-range="${LAN4[a]}.100,${LAN4[a]}.200,2m" \
        --dhcp-leasefile="$OUT/dhcp.leases" --stop-dns-rebind --rebind-domain-ok=/example.org/ --no-resolv --server="$DNS4" --no-hosts --user=root \
        --domain=lan --pid-file= --log-facility=-
}

# uci_written LINE...: the file as it is shipped, and these lines in its section.
uci_written() {
    {
        printf "config gateway 'gateway'\n\toption enabled '1'\n\toption dhcp 'follow'\n\tlist leases '%s'\n" "$OUT/dhcp.leases"
        printf '%s\n' "$@"
        printf "config wan\n\toption network 'wan'\n"
    } >"$UCI"
}
uci_options() { echo --dir "$OUT/car" --uci "$UCI" --network "lan=lan0,${LAN4[a]}.1/24" --network wan=wan0; }
ACT=follow
# shellcheck disable=SC2046 # words
uci_start() { supervise car gw-a "$BIN/ntm-gateway" run $(uci_options); }
# shellcheck disable=SC2046 # words
uci_check() { on gw-a "$BIN/ntm-gateway" check $(uci_options) 2>&1; }

# dnsmasq's own names and the Internet's are answered as ever, and addresses of the inside from outside are not.
other_names() {
    [ "$(on laptop dig +short +time=2 laptop.lan A)" = "$(lan_address laptop)" ] || fail "dnsmasq knows laptop.lan no more"
    on laptop curl -sSf --max-time 5 "http://www.example.org/" >"$OUT/page" || fail "the Internet by name"
    local got
    got=$(on gw-a dig +time=2 +tries=1 "@127.0.0.1" -p 5354 www.example.org A)
    grep -q 'status: REFUSED' <<<"$got" || fail "names that are not ours are not for us to answer here: $got"
    [ "$(on gw-a dig +short +time=2 "@$DNS4" rebind.example.net A)" = 192.168.1.1 ] || fail "the Internet has no name for an inside address"
    got=$(on laptop dig +short +time=2 +tries=1 rebind.example.net A)
    [ -z "$got" ] || fail "an inside address came from outside: $got"
    on laptop timeout 3 bash -c "exec 3<>/dev/tcp/${LAN4[a]}.1/5354" 2>/dev/null && fail "the LAN reaches port 5354"
    say "dnsmasq answers for the rest"
}

comes_and_goes() {
    local before; before=$(vip4 laptop)
    host_up phone
    ready phone
    first_words phone camera
    # A device that gives its lease back leaves dnsmasq's file.
    kill -USR2 "$(cat "$OUT/phone-dhcp.pid")"
    wait_until 10 "phone's lease is gone" lease_gone phone
    wait_until 10 "phone is off" is_offline phone
    # An address that changes: the device keeps its identity.
    host_unplugged laptop
    sed -i "/${MAC[laptop]}/d" "$OUT/dhcp.leases"
    echo "dhcp-host=${MAC[laptop]},${LAN4[a]}.77" >"$OUT/dnsmasq.d/host.conf"
    kill -KILL "$(cat "$OUT/dnsmasq.pid")"
    dnsmasq_up
    wait_until 5 "laptop's cable is gone" has_no_link laptop eth0
    host_plug laptop
    wait_until 20 "laptop has its other address" has_address laptop "${LAN4[a]}.77"
    wait_until 10 "the gateway knows laptop's address" knows_address laptop "${LAN4[a]}.77"
    [ "$(vip4 laptop)" = "$before" ] || fail "laptop had $before and has $(vip4 laptop)"
    first_words laptop camera
    say "devices come, go and change their address"
}
# The clock leaps, and dnsmasq ends all leases; or the router boots, and tmpfs is empty. The devices see nothing of it.
leases_lost() {
    local before; before=$(vip4 laptop)
    kill -KILL "$(cat "$OUT/dnsmasq.pid")"
    background pings laptop ping -qi 0.1 -c 40 -W 2 "$(vip4 camera)"
    sleep 1
    : >"$OUT/dhcp.leases"
    wait_until 10 "the pings have ended" grep -q 'packets transmitted' "$OUT/pings.log"
    grep -q ' 0% packet loss' "$OUT/pings.log" || fail "with its lease the laptop lost its packets: $(tail -n 2 "$OUT/pings.log")"
    # The list of devices is written some seconds after one came.
    wait_until 20 "the devices are remembered" grep -q "${MAC[laptop]} ${LAN4[a]}.77 " "$OUT/car/followed"
    daemon_kill car
    wait_until 20 "laptop reaches camera though it has no lease" on laptop ping -qc 1 -W 1 "$(vip4 camera)"
    [ "$(vip4 laptop)" = "$before" ] || fail "laptop had $before and has $(vip4 laptop)"
    dnsmasq_up
    first_words laptop camera
    say "leases are lost, devices are not"
}
lease_gone() { ! grep -q "${MAC[$1]}" "$OUT/dhcp.leases"; }
has_address() { [ "$(lan_address "$1")" = "$2" ]; }
device_of() { gw a devices --json | json - "next((x for x in d if x['mac'] == '${MAC[$1]}'), {})"; }
knows_address() { device_of "$1" | grep -q "\"$2\""; }
is_offline() { device_of "$1" | grep -Eq '"online": *false|^\{\}'; }

# Policies in UCI's file are taken up by the daemon as it runs.
new_policies() {
    local pid; pid=$(daemon_pid car)
    printf "config policy\n\toption from 'laptop'\n\toption action 'deny'\n" >>"$UCI"
    uci_check || fail "a right policy was found wrong"
    gw a reload || fail "ntm-gateway reload"
    on laptop ping -qc 1 -W 2 "$(vip4 camera)" >/dev/null && fail "the laptop begins what it may not"
    on camera ping -qc 1 -W 2 "$(vip4 laptop)" >/dev/null || fail "the laptop does not answer"
    uci_written ''
    gw a reload >/dev/null || fail "ntm-gateway reload"
    on laptop ping -qc 1 -W 2 "$(vip4 camera)" >/dev/null || fail "the laptop may begin again, and does not"
    [ "$(daemon_pid car)" = "$pid" ] || fail "the gateway started anew for a policy"
    say "policies are taken up as it runs"
}

# A wrong file is told by section and option, and the gateway goes on as it is.
wrong_settings() {
    local said pid; pid=$(daemon_pid car)
    uci_written $'\toption port \'many\''
    if said=$(uci_check); then fail "a wrong port was found right"; fi
    [[ $said == *'config-ntm:5: section "gateway", option "port": is a whole number'* ]] || fail "what was said: $said"
    # shellcheck disable=SC2016 # is not to be expanded
    uci_written $'\toption interface \'$(reboot)\''
    if said=$(uci_check); then fail "a wrong interface was found right"; fi
    [[ $said == *'option "interface"'*'is no interface name'* ]] || fail "what was said: $said"
    # Nor does one start by it: the last that was right is what the init script keeps.
    # shellcheck disable=SC2046 # words
    said=$(on gw-a timeout 5 "$BIN/ntm-gateway" run $(uci_options) 2>&1) && fail "a gateway runs by a wrong file"
    [[ $said == *'option "interface"'*'is no interface name'* ]] || fail "what was said at the start: $said"
    [ "$(daemon_pid car)" = "$pid" ] || fail "the gateway started anew"
    on laptop ping -qc 1 -W 2 "$(vip4 camera)" >/dev/null || fail "the gateway did not go on"
    say "wrong settings: $said"
}

# Another port: the daemon starts anew, and a session goes on.
new_settings() {
    uci_written $'\toption port \'4777\''
    uci_check || fail "a right file was found wrong"
    traffic_begin
    kill -TERM "$(daemon_pid car)"
    wait_until 10 "the session goes on" traffic_goes_on
    on gw-a ss -lun | grep -q ':4777 ' || fail "port 4777 is not used"
    say "another port, and the session goes on after $(($(now_ms) - BEGAN)) ms"
    figure settings_ms $(($(now_ms) - BEGAN))
}
# A line of TCP every tenth of a second.
traffic_begin() {
    # shellcheck disable=SC2016 # for that shell
    background talk laptop bash -c 'exec 3<>"/dev/tcp/$0/7000"; while sleep 0.1; do echo x >&3; read -r -t 60 l <&3 || exit 1; echo "$l"; done' "$(vip4 camera)"
    wait_until 5 "the session runs" traffic_goes_on
    BEGAN=$(now_ms)
    : >"$OUT/talk.log"
}
BEGAN=0
traffic_goes_on() { [ "$(grep -c x "$OUT/talk.log")" -ge 3 ]; }

clean_stop() {
    daemon_stop car
    on gw-a nft list tables | grep -qw ntm && fail "a table is left"
    on gw-a ip link show ntm0 2>/dev/null && fail "the interface is left"
    on laptop curl -sSf --max-time 5 "http://www.example.org/" >"$OUT/page" || fail "the Internet after the gateway's end"
    say "stopped; the LAN is as it was"
}

scenario follow "$@"
