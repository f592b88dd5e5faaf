#!/usr/bin/env bash
# Beside others who steer packets on the same router: rules, tables and marks as mwan3, pbr, Tailscale (with an exit node)
# and wg-quick set them send everything into a void. Our datagrams, and packets to virtual addresses, go on as before.
# Then somebody removes what is ours of the kernel's tables, and it comes back.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

declare -A OTHER=([laptop]=camera [camera]=laptop)

play() {
    world_up nat global laptop camera
    first_words laptop camera
    settled
    void
    local other
    for other in mwan3 pbr tailscale wg_quick; do
        "$other"
        beside "$other"
        others_gone
    done
    put_back rules 'ip rule del pref 475; ip rule del pref 476; ip rule del pref 477; ip -6 rule del pref 475'
    put_back route 'ip route flush table 4750'
    put_back table 'nft flush ruleset'
    put_back interface 'ip link set ntm0 down; sleep 0.2; ip link set ntm0 up'
    stubborn
    leaves_nothing
}

settled() {
    local rules; rules=$(on gw-a ip rule)
    [[ $rules == *475:*'fwmark 0x4e000000/0xff000000 lookup main'*476:*'to 198.18.0.0/15 lookup 4750'*477:*'iif ntm0 lookup main'* ]] ||
        fail "our rules are not as they should be: $rules"
}

# Where others send packets: a cable whose other end only counts.
void() {
    on gw-a ip link add void0 type veth peer name void1
    local i
    for i in void0 void1; do
        tune gw-a "net.ipv6.conf.$i.disable_ipv6=1"
        on gw-a ip link set "$i" up
    done
    on gw-a ip addr add 192.0.2.1/24 dev void0
    on gw-a ip neigh replace 192.0.2.254 lladdr 02:00:00:00:00:fe dev void0 nud permanent
    on gw-a nft -f - <<E
table netdev void {
    chain seen {
        type filter hook ingress device void1 priority 0;
        ip daddr 198.18.0.0/15 counter comment "virtual"
        udp sport 4750 counter comment "ours"
        counter comment "all"
        drop
    }
}
E
}
in_void() { on gw-a nft list table netdev void | sed -n "s/.*packets \([0-9]*\) .*\"$1\"/\1/p"; }

# others_mark MARK MASK [router]: what comes from the LAN, and what the router itself sends, gets a mark where it has none.
others_mark() {
    local of_router=''
    [ -z "${3:-}" ] || of_router="oifname != { \"lo\", \"lan0\" } meta mark & $2 == 0 meta mark set meta mark | $1"
    on gw-a nft -f - <<E
table ip others {
    chain from_lan {
        type filter hook prerouting priority mangle;
        iifname "lan0" ip daddr != ${LAN4[a]}.0/24 meta mark & $2 == 0 meta mark set meta mark | $1
    }
    chain of_router {
        type route hook output priority mangle;
        $of_router
    }
}
E
}
void_table() { on gw-a ip route add default via 192.0.2.254 dev void0 table "$1"; }

# Balances: its mark's table, or nothing.
mwan3() {
    void_table 2
    others_mark 0x200 0x3f00 router
    on gw-a ip rule add pref 2002 fwmark 0x200/0x3f00 lookup 2
    on gw-a ip rule add pref 3002 fwmark 0x200/0x3f00 unreachable
}

# Policies for the LAN's hosts.
pbr() {
    void_table 257
    others_mark 0x20000 0xff0000
    on gw-a ip rule add pref 29998 fwmark 0x20000/0xff0000 lookup 257
}

# All goes to the exit node, but what carries it, and the LAN (--exit-node-allow-lan-access).
tailscale() {
    void_table 52
    on gw-a ip route add throw "${LAN4[a]}.0/24" table 52
    on gw-a ip rule add pref 5210 fwmark 0x80000/0xff0000 lookup main
    on gw-a ip rule add pref 5250 fwmark 0x80000/0xff0000 unreachable
    on gw-a ip rule add pref 5270 lookup 52
}

# A default route through a tunnel, without touching the main table's.
wg_quick() {
    void_table 51820
    on gw-a ip rule add pref 32764 lookup main suppress_prefixlength 0
    on gw-a ip rule add pref 32765 not fwmark 0xca6c lookup 51820
}

others_gone() {
    local n
    for n in 2002 3002 29998 5210 5250 5270 32764 32765; do on gw-a ip rule del pref "$n" 2>/dev/null || true; done
    for n in 2 257 52 51820; do on gw-a ip route flush table "$n" 2>/dev/null || true; done
    on gw-a nft delete table ip others 2>/dev/null || true
}

# beside NAME: what runs goes on, and a gateway that starts there finds its way.
beside() {
    local h before; before=$(in_void all)
    ! on laptop ping -qc 2 -i 0.2 -W 1 "$WWW4" >/dev/null || fail "$1 does not steer: the laptop's ordinary ping got through"
    [ "$(in_void all)" -gt "$before" ] || fail "$1 does not steer: nothing came into the void"
    for h in laptop camera; do
        on "$h" ping -qc 5 -i 0.1 -W 2 "$(fqdn "${OTHER[$h]}")" | grep -q ' 0% packet loss' || fail "$1: $h's pings are lost"
    done
    daemon_kill car
    wait_until 20 "the coordinator is reached beside $1 after a restart" dc_knows_us
    wait_until 20 "laptop reaches camera beside $1 after a restart" on laptop ping -qc 1 -W 1 "$(fqdn camera)"
    datagrams laptop camera
    [ "$(in_void ours)" = 0 ] || fail "$1: $(in_void ours) datagrams of ours went into the void"
    [ "$(in_void virtual)" = 0 ] || fail "$1: $(in_void virtual) packets to virtual addresses went into the void"
    say "beside $1: all as before, and $(($(in_void all) - before)) packets of others in its void"
}
dc_knows_us() { [ "$(gw a status --json | json - 'd["dc"]["state"]')" = registered ]; }

# put_back WHAT COMMAND: somebody does that, as root may; soon all of ours is there again.
put_back() {
    local t was; was=$(ours)
    on gw-a sh -c "$2"
    t=$(now_ms)
    wait_until 5 "our $1 back" is_as_it_was "$was"
    t=$(($(now_ms) - t))
    wait_until 5 "laptop reaches camera" on laptop ping -qc 1 -W 1 "$(fqdn camera)"
    say "$1 removed by hand: back after $t ms"
    figure "put_back_ms.$1" "$t"
}
ours() {
    on gw-a ip rule
    on gw-a ip -6 rule
    on gw-a ip route show table 4750
    # Chains, rules and the devices; not what they have counted.
    on gw-a nft -s list table inet ntm
}
is_as_it_was() { [ "$(ours 2>/dev/null)" = "$1" ]; }

# Whoever removes a rule ten times a second keeps no processor busy with us, and fills no log.
stubborn() {
    local n removed=0
    for n in $(seq 30); do
        ! on gw-a ip rule del pref 476 2>/dev/null || removed=$((removed + 1))
        sleep 0.1
    done
    wait_until 5 "the rule is back in the end" rule_is_back
    json - '2 <= d <= 10' <<<"$removed" >/dev/null || fail "in three seconds the rule was put back $removed times"
    n=$(grep -c 'removed our rules' "$OUT/car.log")
    [ "$n" = 1 ] || fail "the log says $n times that rules were removed, not once"
}
rule_is_back() { [[ $(on gw-a ip rule) == *476:* ]]; }

leaves_nothing() {
    daemon_stop car
    [[ $(on gw-a ip rule) != *47[567]:* ]] || fail "rules of ours stay after a clean stop"
    [ -z "$(on gw-a ip route show table 4750 2>/dev/null)" ] || fail "routes of ours stay after a clean stop"
    say "a clean stop takes rules and route along"
}

scenario coexist "$@"
