# shellcheck shell=bash
# An attacker on the servers' own segment who may write any source address, and what is measured while he works.
#
#   attacker -- core -- dc, rs            gw-c (a third gateway, which registers anew again and again) -- core
#
# His packets carry a mark (DSCP), his made-up sources are 11.KIND.0.0/16, which is nobody's here: so each victim's
# counters tell his bytes from all others, and the answers to each kind from those to the others.

ATTACKER4=203.0.113.66 PROBE4=203.0.113.30
# As in tools/attack.py: no kind, openers with mac1 right and wrong, kinds of datagrams.
KINDS_SPOOFED='0 1 2 4 5 16 18'
# The victims: daemon, namespace.
declare -A VICTIM=([dc]=dc [rs]=rs [car]=gw-a)

attacker_up() {
    on_core attacker "$ATTACKER4"
    local v k counters='counter in { }; counter in_attacker { }; counter out_attacker { };' in='' out=''
    for k in $KINDS_SPOOFED; do
        counters+=" counter in_$k { }; counter out_$k { };"
        in+=" ip saddr 11.$k.0.0/16 counter name in_$k;"
        out+=" ip daddr 11.$k.0.0/16 counter name out_$k;"
    done
    for v in "${VICTIM[@]}"; do
        on "$v" nft -f - <<EOT
table inet seen {
    $counters
    chain in {
        type filter hook input priority -300
        ip dscp 42 counter name in
        ip saddr $ATTACKER4 counter name in_attacker
        $in
    }
    chain out {
        type filter hook output priority -300
        ip daddr $ATTACKER4 counter name out_attacker
        $out
    }
}
EOT
    done
}

# on_core NODE ADDRESS: a machine beside dc and rs.
on_core() {
    ns_add "$1"
    link inet "to-$1" "$1" wan0
    on inet ip link set "to-$1" master core
    addr "$1" wan0 "$2/24"
    on "$1" ip route add default via 203.0.113.1
}

# seen VICTIM: the attacker's packets and bytes since it was asked last, by counter.
seen() {
    on "${VICTIM[$1]}" nft -j reset counters table inet seen |
        json - "{x['counter']['name']: [x['counter']['packets'], x['counter']['bytes']] for x in d['nftables'] if 'counter' in x}"
}

# memory DAEMON: what it has allocated of its resident set, in KiB. peak: the most since `peak_reset`. The pages of its
# program are not counted: they come in when code runs for the first time, and the kernel can drop them again.
memory() { awk '/^RssAnon/ { print $2 }' "/proc/$(daemon_pid "$1")/status"; }
peak() { awk '/^VmHWM/ { h = $2 } /^RssFile/ { f = $2 } END { print h - f }' "/proc/$(daemon_pid "$1")/status"; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$(daemon_pid "$1")/status"; }
peak_reset() { echo 5 >"/proc/$(daemon_pid "$1")/clear_refs"; }

# The third gateway: enrolled, not started; tools/logins.py starts it again and again.
probe_up() {
    GATEWAY+=([c]=probe)
    on_core gw-c "$PROBE4"
    on gw-c ip link add lan0 type bridge
    on gw-c ip link set lan0 up
    addr gw-c lan0 192.168.1.1/24
    gw_config c global
    gw_enrol c
}

# attack NAME COMMAND...: does it while logins are timed; a row of the table, and figures.
attack() {
    local name=$1 d got before=() starts; shift
    starts=$(now_ms)
    for d in dc rs car; do
        peak_reset "$d"
        before+=("$(memory "$d")")
        seen "$d" >/dev/null
    done
    rm -f "$OUT/logins.stop"
    background "logins-$name" gw-c "$PYTHON" "$QT/tools/logins.py" "$BIN/ntm-gateway" "$OUT/probe" "$OUT/logins.stop"
    "$@" >"$OUT/attack-$name.json" || fail "$name: $(cat "$OUT/attack-$name.json")"
    touch "$OUT/logins.stop"
    wait_until 30 "the logins during $name are over" grep -q longest "$OUT/logins-$name.log"
    json "$OUT/attack-$name.json" "d['sent'] > 0" >/dev/null || complain "$name: nothing was sent: $(cat "$OUT/attack-$name.json")"
    figure "$name.sent" "$(json "$OUT/attack-$name.json" "d['sent']")"
    figure "$name.per_second" "$(json "$OUT/attack-$name.json" "d['per_second']")"
    got=$(tail -n 1 "$OUT/logins-$name.log")
    figure "$name.logins" "$got"
    say "$name: $(json "$OUT/attack-$name.json" "f\"{d['sent']} packets, {d['per_second']} a second\"")," \
        "logins: $(json - "f\"{d['count']}, p99 {d['p99_ms']} ms, longest {d['longest_ms']} ms\"" <<<"$got")"
    local i=0
    for d in dc rs car; do
        attack_row "$name" "$d" "${before[i]}" "$(seen "$d")"
        i=$((i + 1))
    done
    [ "$(json - "str(d['p99_ms'] <= 2000 and d['count'] > 1)" <<<"$got")" = True ] || complain "$name: logins too slow: $got"
    steady "$name" "$starts"
}

# attack_row NAME DAEMON BEFORE_KIB SEEN
attack_row() {
    local after high bytes more
    after=$(memory "$2") high=$(peak "$2")
    bytes=$(json - "f\"{sum(d[k][1] for k in ('in', 'in_attacker'))} {sum(d[k][1] for k in d if k.startswith('out'))}\"" <<<"$4")
    printf '         %-12s %-4s %6d -> %6d KiB, peak %6d (resident %6d)   in %10d  out %9d bytes\n' \
        "$1" "$2" "$3" "$after" "$high" "$(resident "$2")" "${bytes% *}" "${bytes#* }" |
        tee -a "$REPORT/table"
    figure "$1.$2.memory_kib" "[$3,$after,$high]"
    figure "$1.$2.bytes_in_out" "[${bytes/ /,}]"
    more=$(json - "{k: (d['in' + k][1], d['out' + k][1]) for k in (n[3:] for n in d if n[:3] == 'out')
        if d['out' + k][1] > d['in' + k][1] * ${RATIO:-1}}" <<<"$4") && complain "$1: $2 answers with more than came, by kind: $more"
    arrived "$1" "$2" "$(json - "str(d['in'][0])" <<<"$4")"
    [ $((high - $3)) -le "${MEMORY_KIB:-1024}" ] || complain "$1: $2 grew from $3 to $high KiB"
}

# arrived NAME DAEMON PACKETS: a tenth at least of what was sent to it; else the attack shows nothing.
arrived() {
    local address sent
    case $2 in dc) address=$DC4 ;; rs) address=$RS4 ;; car) address=$GW4 ;; esac
    sent=$(json "$OUT/attack-$1.json" "str(d.get('to', {}).get('$address', 0))")
    figure "$1.$2.packets_sent_and_arrived" "[$sent,$3]"
    [ $(($3 * 10)) -ge "$sent" ] || complain "$1: only $3 of $sent packets reached $2"
    # All three are meant by every attack on the protocol.
    case $1 in handshakes | paths | replay | forged) [ "$sent" -gt 0 ] || complain "$1: nothing was sent to $2" ;; esac
}

# complain WORDS: the scenario fails at its end; what comes after is measured all the same.
complain() {
    say "NOT AS PROMISED: $*"
    printf '%s\n' "$*" >>"$REPORT/complaints"
}

# steady_start: the exchange between laptop and camera that has to go on; steady NAME SINCE_MS notes a stretch of it.
steady_start() {
    STEADY=$1
    rm -f "$OUT/steady.stop"
    background "steady-$1" laptop "$PYTHON" "$QT/tools/talk.py" udp "$(fqdn camera)" --interval 100 --stop "$OUT/steady.stop" --trace "$OUT/steady-$1.trace"
}

steady() { printf '%s %s %s\n' "$1" "$2" "$(now_ms)" >>"$OUT/steady-$STEADY.marks"; }

# steady_end: less than one in a hundred lost in each stretch, no gap of two seconds.
steady_end() {
    local name from to got
    touch "$OUT/steady.stop"
    wait_until 10 "the exchange is written down" grep -q sent "$OUT/steady-$STEADY.log"
    while read -r name from to; do
        got=$(tool steady "$OUT/steady-$STEADY.trace" "$from" "$to") || complain "$name: traffic suffered: $got"
        say "$name: LAN to LAN: $got"
        figure "$name.traffic" "$got"
    done <"$OUT/steady-$STEADY.marks"
}
