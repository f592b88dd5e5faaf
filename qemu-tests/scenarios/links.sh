#!/usr/bin/env bash
# The emulated cable does what it is told: delay, rate, loss, copies, black holes, MTU, carrier, a time table.
. "$(dirname "$0")/../lib.sh"

NTM_BIG_MB=10

play() {
    WAN_LINK[a]='delay=20ms seed=7'
    inet_up
    gw_net_up a dual
    big_bin "$OUT/www/big.bin"
    wait_until 5 "the web server" on inet curl -sSf "http://$WWW4/"
    delays
    transfers
    rates
    chances
    black_holes
    lengths
    time_table
    carrier
    refuses_nonsense
    figure late_us "$(linkctl wan-a | json - 'max(d["ab"]["late_us_mean"], d["ba"]["late_us_mean"])')"
    gw_net_down a
    say "the cable goes with its router"
}

# pinged HOST ARGUMENT...: one JSON object of ping's last lines.
pinged() {
    { on gw-a ping -q -W 1 "${@:2}" "$1" || true; } | awk -F '[ /,=]+' '
        / transmitted/ { s = $1; r = $4; for (i = 1; i < NF; i++) if ($i ~ /duplicates/) d = $(i - 1) }
        /^rtt/ { min = $6; avg = $7 }
        END { printf "{\"sent\": %d, \"back\": %d, \"copies\": %d, \"min\": %s, \"avg\": %s}\n", s, r, d, min + 0, avg + 0 }' |
        tr -d + >"$OUT/ping.json"
}

# expect FILE|- EXPRESSION WHAT
expect() { json "$1" "$2" >/dev/null || fail "$3: $(cat "$OUT/ping.json") $(linkctl wan-a)"; }
expect_ping() { expect "$OUT/ping.json" "$1" "$2"; }
expect_link() { linkctl wan-a | json - "$1" >/dev/null || fail "$2: $(linkctl wan-a)"; }

delays() {
    pinged "$WWW4" -c 2 -i 0.1 # ARP
    pinged "$WWW4" -c 30 -i 0.02
    # The shortest of many: a busy machine lets some wait, the emulation no more than all of them.
    expect_ping '39.9 <= d["min"] <= 41.5' "40 ms there and back"
    figure rtt_ms "$(json "$OUT/ping.json" '[d["min"], d["avg"]]')"
    linkctl wan-a ba.delay=5ms >/dev/null
    pinged "$WWW6" -c 30 -i 0.02
    expect_ping '24.9 <= d["min"] <= 26.5' "25 ms there and back"
    linkctl wan-a delay=20ms >/dev/null
    say "delays: $(cat "$OUT/ping.json")"
}

# mbit: of one sound download.
mbit() {
    local speed
    speed=$(on gw-a curl -sSf --max-time 20 -o "$OUT/big.got" -w '%{speed_download}' "http://$WWW4/big.bin") || fail "no download"
    [ "$(sha256sum <"$OUT/big.got" | cut -d' ' -f1)" = "$(cat "$OUT/www/big.bin.sha256")" ] || fail "the download is altered"
    awk -v s="$speed" 'BEGIN { printf "%.1f", s * 8 / 1e6 }'
}

transfers() {
    local how m
    for how in on off; do
        linkctl wan-a "offload=$how" reset >/dev/null
        m=$(mbit)
        expect_link 'sum(d["ab"]["dropped"].values()) == 0 and d["ab"]["packets_out"] > 7000' "all packets through"
        figure "mbit_offload_$how" "$m"
        say "download with offload $how: sound, $m Mbit/s"
    done
    linkctl wan-a offload=auto >/dev/null
}

rates() {
    local m
    linkctl wan-a delay=5ms rate=60mbit queue=10ms reset >/dev/null
    m=$(mbit)
    expect <(echo "$m") '40 < d < 60' "60 Mbit/s less headers, not $m"
    expect_link 'd["ab"]["dropped"]["queue"] > 0' "a queue that overflows"
    figure mbit_at_60 "$m"
    say "download at a rate of 60 Mbit/s: $m"
    linkctl wan-a delay=1ms rate=none >/dev/null
}

chances() {
    linkctl wan-a ab.loss=10% reset >/dev/null
    pinged "$WWW4" -c 600 -i 0.001
    expect_ping '505 <= d["back"] <= 575' "a tenth is lost"
    expect_link 'd["ab"]["dropped"]["loss"] == '"$(json "$OUT/ping.json" 'd["sent"] - d["back"]')" "the counter says the same"
    figure lost_of_600 "$(json "$OUT/ping.json" 'd["sent"] - d["back"]')"
    linkctl wan-a loss=0% ba.duplicate=20% reset >/dev/null
    pinged "$WWW6" -c 200 -i 0.002
    expect_ping 'd["back"] == 200 and 15 <= d["copies"] <= 70' "a fifth comes twice"
    linkctl wan-a duplicate=0% >/dev/null
    say "a tenth lost, a fifth twice"
}

reaches() { on gw-a ping -qc 2 -i 0.05 -W 0.3 "$1" >/dev/null; }
reaches_not() { ! reaches "$1" || fail "$1 should be out of reach: $2"; }

black_holes() {
    linkctl wan-a ba.blackhole=4 >/dev/null
    reaches_not "$WWW4" "IPv4 is swallowed"
    reaches "$WWW6" || fail "IPv6 should pass"
    linkctl wan-a blackhole=none ab.blackhole=6 >/dev/null
    reaches "$WWW4" || fail "IPv4 should pass"
    reaches_not "$WWW6" "IPv6 is swallowed"
    on gw-a ip neigh flush dev wan0
    linkctl wan-a blackhole=both reset >/dev/null
    reaches_not "$WWW4" "both are swallowed"
    reaches_not "$WWW6" "both are swallowed"
    on gw-a ip neigh show "${PUBLIC4[a]}.1" | grep -q lladdr || fail "ARP should be answered"
    linkctl wan-a blackhole=all >/dev/null
    on gw-a ip neigh flush dev wan0
    reaches_not "$WWW4" "all is swallowed"
    linkctl wan-a blackhole=none >/dev/null
    on gw-a ip neigh flush dev wan0
    reaches "$WWW4" || fail "the black hole should be gone"
    say "black holes by family and direction"
}

lengths() {
    linkctl wan-a mtu=1280 >/dev/null
    on gw-a ping -qc 1 -W 0.5 -M "do" -s 1252 "$WWW4" >/dev/null || fail "1280 bytes should pass"
    on gw-a ping -qc 1 -W 0.5 -M "do" -s 1253 "$WWW4" >/dev/null && fail "1281 bytes should vanish"
    linkctl wan-a mtu=none >/dev/null
}

time_table() {
    local gap late
    linkctl wan-a reset 'at 0.3s blackhole=both
        at 0.8s blackhole=none   # half a second' >/dev/null
    gap=$(on gw-a ping -D -c 120 -i 0.01 -W 1 "$WWW4" | awk -F '[][]' '
        /icmp_seq/ { if (last && $2 - last > gap) gap = $2 - last; last = $2 }
        END { printf "%d", gap * 1000 }') || true
    # What a busy machine adds, the emulated cable itself has seen.
    late=$(linkctl wan-a | json - 'str(int(2 * max(d["ab"]["late_us_max"], d["ba"]["late_us_max"]) / 1000))')
    expect <(echo "$gap") "450 <= d <= 580 + $late" "silent for half a second, not $gap ms"
    figure silent_ms "$gap"
    say "a black hole of half a second: $gap ms"
}

wan_is() { on gw-a ip link show dev wan0 | grep -q "state $1 "; }

carrier() {
    on gw-a timeout 3 ip -ts monitor link >"$OUT/heard" &
    sleep 0.2
    linkctl wan-a carrier=down >/dev/null
    sleep 0.2
    wan_is DOWN || fail "wan0 should have no carrier"
    on inet ip link show dev to-a | grep -q NO-CARRIER || fail "the other end should have no carrier"
    grep -q 'wan0.*NO-CARRIER' "$OUT/heard" || fail "nobody heard that the carrier is gone"
    reaches_not "$WWW4" "there is no carrier"
    linkctl wan-a carrier=up >/dev/null
    wait_until 2 "wan0 is up" wan_is UP
    wait_until 5 "traffic is back" reaches "$WWW4"
    say "carrier down and up"
}

refuses_nonsense() {
    local e
    e=$("$LINK_BIN" ctl "$OUT/link-wan-a.sock" loss=1% dlay=3ms 2>&1) && fail "nonsense was taken"
    [[ $e == *dlay* ]] || fail "the wrong word is not named: $e"
    expect_link '"loss=0%" in d["ab"]["settings"]' "all or nothing"
}

scenario links "$@"
