#!/usr/bin/env bash
# What the relay costs: how much more processor time this whole machine needs when a tunnel goes by the relay instead of
# directly, for each datagram and each GiB of TCP. Next to it, measured in the same way: what the kernel needs to forward
# the same traffic without a tunnel by way of the relay's host instead of directly.
# NTM_ROUNDS: that take turns (5). NTM_BENCH_S: seconds of each load (5). NTM_RATE: datagrams a second (20000).
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/peers.sh"
. "$QT/lib/contenders.sh"

ROUNDS=${NTM_ROUNDS:-5} SECONDS_EACH=${NTM_BENCH_S:-5} RATE=${NTM_RATE:-20000}
LENGTH=1200

play() {
    local round way
    command -v iperf3 >/dev/null || fail "iperf3 is missing: qemu-tests/bootstrap.sh --bench"
    ours_up 'aes = false' ChaCha20-Poly1305
    [ "$(lan_address camera)" ] || fail "the camera has no address"
    TUNNEL=$TARGET PLAIN=$(lan_address camera)
    forwarding rs
    for way in a:b b:a; do
        on "gw-${way%:*}" ip route add "${LAN4[${way#*:}]}.0/24" via "${PUBLIC4[${way%:*}]}.1"
        on inet ip route add "${LAN4[${way%:*}]}.0/24" via "$(up_router4 "${way%:*}")"
        on inet ip route add "${LAN4[${way%:*}]}.0/24" via "$(up_router4 "${way%:*}")" table 100
    done
    on inet ip rule add iif core lookup 100
    background iperf3 camera iperf3 -s
    sleep 1
    for ((round = 1; round <= ROUNDS; round++)); do
        loads plain "$PLAIN"
        for way in a b; do on inet ip route replace "${LAN4[$way]}.0/24" via "$RS4"; done
        loads plain-by-rs "$PLAIN"
        for way in a b; do on inet ip route replace "${LAN4[$way]}.0/24" via "$(up_router4 "$way")"; done
        loads direct "$TUNNEL"
        cut_direct a b both
        wait_until 30 "the tunnel goes by the relay" tunnel_path_is a relay
        wait_until 30 "so it does the other way" tunnel_path_is b relay
        loads relayed "$TUNNEL"
        heal direct
        wait_until 90 "the tunnel is direct again" tunnel_path_is a direct
        wait_until 90 "so it is the other way" tunnel_path_is b direct
        say "round $round of $ROUNDS"
    done
    costs datagram us "processor time of a datagram of $LENGTH bytes"
    costs gib s "processor time of a GiB of TCP"
}

# Without a tunnel the LANs are to reach each other: no masquerading, which lets nothing new in.
eval "with_masquerading_$(declare -f gw_config)"
gw_config() {
    with_masquerading_gw_config "$@"
    sed -i 's/^masquerade = true/masquerade = false/' "$OUT/${GATEWAY[$1]}/ntm-gateway.toml"
}

# loads NAME ADDRESS: UDP, then TCP at a rate that leaves the machine time.
loads() {
    local got busy
    busy=$(busy_ms)
    got=$(iperf "$2" -u -b "$((RATE * LENGTH * 8))" -l "$LENGTH" --pacing-timer 200 -w 2M)
    busy=$(($(busy_ms) - busy))
    json - "str(round($busy * 1000 / (d['end']['sum']['packets'] - d['end']['sum']['lost_packets']), 3))" <<<"$got" >>"$OUT/$1.datagram"
    busy=$(busy_ms)
    got=$(iperf "$2" -C cubic -b 1G)
    busy=$(($(busy_ms) - busy))
    json - "str(round($busy / 1000 * (1 << 30) / d['end']['sum_received']['bytes'], 3))" <<<"$got" >>"$OUT/$1.gib"
}

iperf() { # ADDRESS OPTION...
    local got _
    for _ in 1 2 3 4 5; do
        got=$(on laptop iperf3 -c "$1" -t "$SECONDS_EACH" -J "${@:2}") && { echo "$got"; return; }
        # The server ends the test before a moment later.
        sleep 0.5
    done
    fail "iperf3 $*: $(tail -c 300 <<<"$got")"
}

# All processors, what the host took from us not counted.
busy_ms() { awk -v tick="$(getconf CLK_TCK)" '/^cpu / { print int(($2 + $3 + $4 + $7 + $8) * 1000 / tick) }' /proc/stat; }

costs() { # WHAT UNIT TITLE
    local plain by_rs direct relayed
    plain=$(median plain."$1") by_rs=$(median plain-by-rs."$1") direct=$(median direct."$1") relayed=$(median relayed."$1")
    say "$3: plain $plain $2, by the relay's host $by_rs; tunnel $direct, by the relay $relayed"
    awk -v k="$by_rs" -v p="$plain" -v r="$relayed" -v d="$direct" -v u="$2" 'BEGIN {
        printf "         the hop: kernel %.2f %s, relay %.2f %s", k - p, u, r - d, u
        if (k > p && r > d) printf "; the relay does %.0f %% of what the kernel does in the same time", (k - p) / (r - d) * 100
        print "" }'
    figure "$1_kernel_$2" "$(awk "BEGIN { printf \"%.3f\", $by_rs - $plain }")"
    figure "$1_relay_$2" "$(awk "BEGIN { printf \"%.3f\", $relayed - $direct }")"
}

median() { sort -g "$OUT/$1" | sed -n "$(((ROUNDS + 1) / 2))p"; }

scenario bench-relay "$@"
