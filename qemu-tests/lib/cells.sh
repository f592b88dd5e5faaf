# shellcheck shell=bash
# What a cell of the matrix shows besides its first words, one function each.
#
# They say `wrong` instead of `fail`: one bad cell does not end the others. NOTE goes into the cell's line.

wrong() {
    say "$CELL_NAME: $*"
    [ -s "$OUT/why" ] || printf '%s' "$*" >"$OUT/why"
    mkdir -p "$REPORT/logs-$CELL_NAME"
    cp "$OUT"/*.log "$REPORT/logs-$CELL_NAME"
    gw a tunnels 2>&1 | tee "$REPORT/logs-$CELL_NAME/tunnels-a.log" || true
    gw b tunnels 2>&1 | tee "$REPORT/logs-$CELL_NAME/tunnels-b.log" || true
    exit 1
}

# holds SECONDS WHAT COMMAND...: `wait_until` for a cell.
holds() {
    local end=$(($(now_ms) + $1 * 1000)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$end" ] || wrong "waited in vain: $what"
        sleep 0.1
    done
}

# settled PATH [SECONDS]: both gateways agree on it.
settled() {
    local s
    [ "$1" != any ] || return 0
    for s in a b; do holds "${2:-15}" "the path on gw-$s is $1" tunnel_path_is "$s" "$1"; done
}

note() { NOTE=${NOTE:+$NOTE, }$*; }
cell_figure() { figure "$CELL_NAME.$1" "$2"; }

# --- which way -----------------------------------------------------------------

# Of several direct ways the better one may win a moment later.
goes_to() { # SIDE PATTERN WHAT
    holds 5 "gw-$1 sends to $3" sends_to "$1" "$2"
}
# shellcheck disable=SC2053 # a pattern
sends_to() { [[ $(tunnel "$1" remote) == $2 ]]; }
by_private_addresses() { goes_to a '10.0.0.3:*' 'its neighbour'; goes_to b '10.0.0.2:*' 'its neighbour'; }
# No private address leads there: only a carrier that turns datagrams round makes it direct.
by_the_carrier() { goes_to a '198.51.100.2:*' "the carrier's outside"; goes_to b '198.51.100.2:*' "the carrier's outside"; }
by_ipv4() { goes_to a '192.0.2.*' 'an IPv4 address'; goes_to b '198.51.100.*' 'an IPv4 address'; }
by_ipv6() { goes_to a '[[]2001:*' 'an IPv6 address'; goes_to b '[[]2001:*' 'an IPv6 address'; }

# A path that cannot become direct stays, and the table of tunnels says why.
says_another_port() {
    sleep 6
    settled relay 1
    gw a tunnels | grep -qi 'port' || wrong "nothing about ports: $(gw a tunnels)"
}

# --- path changes ----------------------------------------------------------------

# How often the tunnel of the side has taken another path, by its gateway's log.
path_changes() { grep -c 'a tunnel moved' "$OUT/${GATEWAY[$1]}.log" || true; }

few_changes() { # LIMIT: since `CHANGES_A`, `CHANGES_B` were noted.
    local a=$(($(path_changes a) - CHANGES_A)) b=$(($(path_changes b) - CHANGES_B))
    note "$a and $b path changes"
    cell_figure "changes_a" "$a"
    cell_figure "changes_b" "$b"
    [ $((a > b ? a : b)) -le "$1" ] || wrong "the path changed $a and $b times, more than $1"
}

count_changes() { CHANGES_A=$(path_changes a) CHANGES_B=$(path_changes b); }

# A download, a TCP session and numbered datagrams both ways, all at once.
traffic_start() { # SECONDS
    rm -f "$OUT"/{down,up,datagrams,session,session-back}.log "$OUT/stop" "$OUT"/*.got
    background down laptop "$PYTHON" "$QT/tools/slowly.py" "http://$(fqdn camera)/big.bin" "$OUT/down.got" $((NTM_BIG_MB * 1024 / $1))
    background up camera "$PYTHON" "$QT/tools/slowly.py" "http://$(fqdn laptop)/big.bin" "$OUT/up.got" $((NTM_BIG_MB * 1024 / $1))
    background datagrams laptop "$PYTHON" "$QT/tools/talk.py" udp "$(fqdn camera)" --interval 5 --stop "$OUT/stop"
    background session laptop "$PYTHON" "$QT/tools/talk.py" tcp "$(fqdn camera)" --stop "$OUT/stop"
}

has_ended() { ! kill -0 "$(cat "$OUT/$1.pid")"; }

# traffic_end LOST: all came through; of the datagrams at most LOST did not (`any`: only counted).
traffic_end() {
    local d got lost
    for d in down up; do holds 60 "the $d transfer ends" has_ended "$d"; done
    touch "$OUT/stop"
    holds 30 "the datagrams end" grep -q sent "$OUT/datagrams.log"
    holds 65 "the session ends" [ -s "$OUT/session.log" ]
    intact down camera
    intact up laptop
    json "$OUT/session.log" "d['ok']" >/dev/null || wrong "the TCP session: $(cat "$OUT/session.log")"
    got=$(cat "$OUT/datagrams.log")
    json - "not d['altered']" <<<"$got" >/dev/null || wrong "datagrams: $got"
    lost=$(json - "str(d['sent'] - d['received'])" <<<"$got")
    [ "$1" = any ] || [ "$lost" -le "$1" ] || wrong "datagrams were lost: $got"
    note "TCP intact, longest gap $(json "$OUT/session.log" "str(round(d['longest_gap_ms']))") ms"
    note "$(json - "f\"{d['sent']} datagrams, $lost lost, {d['reordered']} out of order, {d['twice']} twice\"" <<<"$got")"
    cell_figure datagrams "$got"
    cell_figure tcp_longest_gap_ms "$(json "$OUT/session.log" "d['longest_gap_ms']")"
}

intact() { # TRANSFER FROM
    [ ! -s "$OUT/$1.log" ] || wrong "the $1 transfer: $(cat "$OUT/$1.log")"
    [ "$(sha256sum <"$OUT/$1.got" | cut -d' ' -f1)" = "$(cat "$OUT/$2/big.bin.sha256")" ] || wrong "the $1 transfer is altered"
    rm -f "$OUT/$1.got"
}

# --- longer stories -----------------------------------------------------------------

# Two NATs that let each other through once both have sent: through the relay at once, then direct by itself. On this
# machine that takes a few milliseconds, so it is shown again slowly, under traffic.
becomes_direct() {
    local began moved
    began=$(grep -m 1 'a tunnel is up' "$OUT/car.log") || wrong "no tunnel came up by the log"
    grep -q 'path="relay' <<<"$began" || wrong "it did not begin through the relay: $began"
    moved=$(grep -m 1 'a tunnel moved.*path="direct' "$OUT/car.log") || wrong "it did not move by the log"
    note "direct $(($(log_ms "$moved") - $(log_ms "$began"))) ms after"
    # shellcheck disable=SC2034 # for the line
    SHOWN_PATH='relay>direct'
    networks nat nat
    cut_direct a b both
    on laptop "$PYTHON" "$QT/tools/first.py" "$(fqdn camera)" >"$OUT/second-first.log" || wrong "first words through the relay"
    settled relay
    count_changes
    traffic_start 8
    sleep 2
    settled relay 1
    heal direct
    settled direct 20
    traffic_end 0
    few_changes 1
}

# log_ms LINE: when the daemon wrote it, in milliseconds.
log_ms() { date -d "${1%% *}" +%s%3N; }

# The NATs forget after 30 s: what it costs not to let them, and that the idle end is still there for others.
idle_for_long() {
    local got before bytes
    settled direct 5
    before=$(wan_bytes a)
    sleep 75
    bytes=$(($(wan_bytes a) - before))
    got=$(on camera "$PYTHON" "$QT/tools/first.py" "$(fqdn laptop)") || wrong "after 75 s of idleness: $got"
    json - "d['tries'] == 1 and d['answer_ms'] < 1000" <<<"$got" >/dev/null || wrong "after 75 s of idleness: $got"
    note "after 75 s idle from the other end: $(json - "str(d['answer_ms'])" <<<"$got") ms, kept alive with $bytes bytes"
    cell_figure after_idle_ms "$(json - "d['answer_ms']" <<<"$got")"
    cell_figure idle_bytes "$bytes"
    # Less than 100 bytes a second, both ways, with all headers.
    [ "$bytes" -le 7500 ] || wrong "$bytes bytes on the WAN in 75 s of idleness"
    [ "$bytes" -gt 0 ] || wrong "not one byte in 75 s: what keeps the mappings?"
}

# Both ways, with Ethernet headers.
wan_bytes() { on "gw-$1" cat /sys/class/net/wan0/statistics/rx_bytes /sys/class/net/wan0/statistics/tx_bytes | awk '{ s += $1 } END { print s }'; }

# The direct path is lost on the Internet, one way, then both ways; everything goes on by the relay, and returns.
direct_turns_bad() {
    local how t
    traffic_start 20
    sleep 3
    count_changes
    for how in 'a b' 'b a' 'a b both'; do
        t=$(now_ms)
        # shellcheck disable=SC2086 # words
        cut_direct $how
        settled relay 10
        note "cut ${how/ /-}: relay after $(($(now_ms) - t)) ms"
        cell_figure "${how// /_}.relay_after_ms" $(($(now_ms) - t))
        sleep 2
        t=$(now_ms)
        heal direct
        settled direct 60
        note "direct $(($(now_ms) - t)) ms after it is healed"
        cell_figure "${how// /_}.direct_after_ms" $(($(now_ms) - t))
        sleep 2
    done
    traffic_end any
    # Away and back, three times.
    few_changes 6
}

# A direct path that comes and goes every two seconds does not drag the tunnel along.
path_flaps() {
    traffic_start 25
    sleep 2
    count_changes
    for _ in 1 2 3 4 5 6 7 8; do
        cut_direct a b both
        sleep 2
        heal direct
        sleep 2
    done
    traffic_end any
    few_changes 8
    settled direct 150
}
