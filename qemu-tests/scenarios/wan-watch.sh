#!/usr/bin/env bash
# One gateway whose WANs come, go and change: how soon it knows, the order, what costs money, a person's choice.
. "$(dirname "$0")/../lib.sh"

play() {
    need_binaries
    export NTM_LOG=trace
    inet_up
    dc_up
    gw_net_up a global
    gw_config a global
    # No list of interfaces: the routes and `metered` decide.
    sed -i 's/^interfaces = .*/interfaces = []\nmetered = ["wwan0"]/' "$OUT/car/ntm-gateway.toml"
    # The one way to the DC is the worst of all.
    # shellcheck disable=SC2016 # for the inner shell
    on gw-a sh -c 'r=$(ip route show default); ip route add $r metric 900 && ip route del $r metric 0'
    gw_enrol a
    gw_start a
    wait_until 10 "the gateway is registered" order_is wan0

    local n
    for n in wlan0 wwan0; do
        link inet "to-$n" gw-a "$n"
        tune gw-a "net.ipv6.conf.$n.disable_ipv6=1"
        on gw-a ip link set "$n" up
    done
    by_metric
    by_hand
    quick
    tentative
    calm
}

order() { gw a wan --json | json - '" ".join(w["name"] for w in d)'; }
order_is() { [ "$(order)" = "$*" ]; }
know() { wait_until 2 "the order is $*" order_is "$@"; }

by_metric() {
    on gw-a ip addr add 192.0.2.9/24 dev wlan0
    on gw-a ip addr add 100.64.0.9/24 dev wwan0
    on gw-a ip route add default via 192.0.2.1 dev wlan0 metric 300
    on gw-a ip route add default via 100.64.0.1 dev wwan0 metric 10
    know wlan0 wan0 wwan0
    gw a wan >"$OUT/wan.txt"
    grep -Eq '^[0-9]+ +wwan0 +ready +yes +100\.64\.0\.9:4750 ' "$OUT/wan.txt" || fail "wwan0 is not shown as metered"
    # Only the metric: the sockets stay, no WAN goes away meanwhile.
    local before; before=$(sockets)
    printf '%s\n' 'route del default dev wlan0' 'route add default via 192.0.2.1 dev wlan0 metric 950' |
        on gw-a ip -batch -
    know wan0 wlan0 wwan0
    [ "$(sockets)" = "$before" ] || fail "another metric cost a WAN its sockets"
}

sockets() { on gw-a ss -Huanp | grep ntm-gateway | awk '{print $4}' | sort; }

by_hand() {
    gw a wan prefer wwan0 --json | json - 'd[0]["name"] + " " + str(d[0]["preferred"])' | grep -qx 'wwan0 True' ||
        fail "the answer to wan prefer is not the new order"
    order_is wwan0 wan0 wlan0 || fail "the preferred WAN is not first at once: $(order)"
    if gw a wan prefer eth9 2>"$OUT/prefer.txt"; then fail "wan prefer takes what is no WAN"; fi
    grep -q '"eth9" is no WAN now; there are wan0, wlan0, wwan0' "$OUT/prefer.txt" ||
        fail "wan prefer does not say which WANs there are: $(cat "$OUT/prefer.txt")"
    gw a wan auto >/dev/null
    order_is wan0 wlan0 wwan0 || fail "wan auto does not restore the order: $(order)"
    gw a wan prefer wlan0 >/dev/null
    on gw-a ip link set wlan0 down
    know wan0 wwan0
    on gw-a ip link set wlan0 up
    on gw-a ip route add default via 192.0.2.1 dev wlan0 metric 950
    know wan0 wlan0 wwan0
}

# How soon the machine is told, by the clock of the log.
quick() {
    local _ delays=()
    for _ in 1 2 3 4 5 6; do
        delays+=("$(told_after 'addr del 192.0.2.9/24 dev wlan0')")
        sleep 0.2
        on gw-a ip addr add 192.0.2.9/24 dev wlan0
        sleep 0.2
        delays+=("$(told_after 'route add default via 192.0.2.1 dev wlan0 metric 950')")
        sleep 0.2
    done
    say "told after ${delays[*]} ms"
    local median; median=$(printf '%s\n' "${delays[@]}" | sort -n | sed -n '6p')
    figure told_ms_median "$median"
    figure told_ms_worst "$(printf '%s\n' "${delays[@]}" | sort -n | tail -n 1)"
    [ "$median" -le 100 ] || fail "a change of a WAN takes $median ms to be known"
}

# told_after COMMAND: milliseconds until the log shows the machine's new list; with the start of `ip COMMAND`.
told_after() {
    local lines began _
    lines=$(wc -l <"$OUT/car.log")
    began=$(on gw-a sh -c "date +%s%3N; exec ip $1")
    for _ in $(seq 100); do
        tail -n "+$((lines + 1))" "$OUT/car.log" | grep -q 'INFO WAN ' && break
        sleep 0.02
    done
    local at
    at=$(tail -n "+$((lines + 1))" "$OUT/car.log" | grep -m 1 'INFO WAN ' | cut -d' ' -f1)
    [ -n "$at" ] || fail "the gateway does not notice: $1"
    echo $(($(date -d "$at" +%s%3N) - began))
}

# An IPv6 address is used when the kernel has found no other host with it, and not before.
tentative() {
    tune gw-a net.ipv6.conf.wlan0.disable_ipv6=0 net.ipv6.conf.wlan0.accept_dad=1 net.ipv6.conf.wlan0.dad_transmits=2
    on gw-a ip -6 route add default via fe80::1 dev wlan0
    on gw-a ip -6 addr add 2001:db8:9::9/64 dev wlan0
    has_v6 && fail "an address is used before duplicate address detection ends"
    wait_until 10 "duplicate address detection ends" no_tentative
    wait_until 1 "the IPv6 address is used" has_v6
}

has_v6() { gw a wan --json | json - 'str(d)' | grep -qF '[2001:db8:9::9]:4750'; }
no_tentative() { [ -z "$(on gw-a ip -6 addr show dev wlan0 tentative)" ]; }

# What flaps all the time costs little.
calm() {
    local lines looks seconds=3 end
    lines=$(wc -l <"$OUT/car.log")
    end=$(($(now_ms) + seconds * 1000))
    on gw-a sh -c 'while [ -d /proc/self ]; do echo "addr add 100.65.0.9/24 dev wwan0"; echo "addr del 100.65.0.9/24 dev wwan0"; done | timeout '"$seconds"' ip -force -batch - >/dev/null 2>&1' || true
    [ "$(now_ms)" -ge "$end" ] || fail "the storm ended early"
    sleep 0.2
    looks=$(tail -n "+$((lines + 1))" "$OUT/car.log" | grep -c 'looked at the interfaces') || true
    figure looks_per_second "$((looks / seconds))"
    say "$looks looks in a storm of $seconds s"
    [ "$looks" -gt $((seconds * 5)) ] || fail "it did not look during the storm"
    [ "$looks" -lt $((seconds * 60)) ] || fail "it looked $looks times in $seconds s"
    order_is wan0 wlan0 wwan0 || fail "the storm changed the order: $(order)"
}

scenario wan-watch "$@"
