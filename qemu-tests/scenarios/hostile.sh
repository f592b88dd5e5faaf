#!/usr/bin/env bash
# Attacks on real daemons while two LANs talk through a relay: floods, replays, forgeries, a copied key, a bad LAN
# host. Memory, answers per byte, login times and the LANs' traffic are measured during each.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=qemu-tests/lib/story.sh
. "$QT/lib/story.sh"
# shellcheck source=qemu-tests/lib/attacker.sh
. "$QT/lib/attacker.sh"

FLOOD=${NTM_FLOOD_S:-60}
GW4=198.51.100.2

play() {
    # The laptop's router has only IPv4, the camera's only IPv6: all goes through the relay, and both can be sent to.
    export NTM_BIG_MB=1
    CAPTURE=1 world_up global v6 laptop phone camera
    attacker_up
    probe_up
    first_words laptop camera
    wait_until 20 "the path is relayed" tunnel_path_is a relay
    count_at_camera
    on laptop "$PYTHON" "$QT/tools/talk.py" udp "$(fqdn camera)" --seconds 2 --interval 20 >/dev/null
    captures_end
    DC_KEY=$(sed -n 's/^dc_key = "\(.*\)"$/\1/p' "$OUT/car/node.toml")
    CAR_KEY=$(tunnel b key)
    local act
    for act in ${NTM_ACTS:-strangers names copied starved impostor}; do
        say "--- $act"
        "$act"
    done
    sound
    figure flood_seconds "$FLOOD"
    [ ! -s "$REPORT/complaints" ] || fail "$(tr '\n' ';' <"$REPORT/complaints")"
}

# Whoever is on the servers' segment, with any source address.
strangers() {
    local before; before=$(state)
    steady_start wan
    session_start laptop camera
    attack handshakes attacks handshakes "$FLOOD"
    attack paths attacks paths $((FLOOD / 4 + 1))
    attack replay attacks replay $((FLOOD / 4 + 1))
    attack forged attacks forged $((FLOOD / 4 + 1))
    session_end laptop
    steady_end
    [ "$(state)" = "$before" ] || complain "what the attacker must not change changed: $before -> $(state)"
    once_each
    wait_until 10 "laptop resolves as ever" resolves laptop "$(fqdn camera)"
}

# Both name servers.
names() {
    # At least so long that an ordinary client gets to ask.
    local seconds=$((FLOOD / 4 + 1))
    [ "$seconds" -ge 3 ] || seconds=3
    steady_start names
    RATIO=3 attack dns name_server "$seconds"
    RATIO=3 attack lan-dns lan_resolver "$seconds"
    steady_end
}

attacks() { # KIND SECONDS
    on attacker "$PYTHON" "$QT/tools/attack.py" "$1" --seconds "$2" --dc "$DC4" --rs "$RS4" --gw "$GW4" \
        --dc-key "$DC_KEY" --gw-key "$CAR_KEY" --pcap "$OUT/dc-eth0.pcap" "$OUT/rs-eth0.pcap" "$OUT/gw-a-wan0.pcap"
}

# state: what no stranger may change: where the tunnel goes, since when the router runs, who is bound at the relay.
state() {
    echo "$(tunnel a path) $(tunnel a remote) starts $(dc nodes --json | json - "find(d, name='car.$DOMAIN')['starts']")" \
        "legs $(on rs "$BIN/ntm-relay" status --json --dir "$OUT/rs" | json - "sorted(l['address'] for p in d['paths'] for l in p['legs'])")"
}

# The datagrams the laptop sends to the camera, where they leave and where they arrive.
count_at_camera() {
    on laptop nft -f - <<'EOT'
table inet once {
    counter n { }
    chain c { type filter hook output priority 0; udp dport 7001 counter name n; }
}
EOT
    on camera nft -f - <<'EOT'
table inet once {
    counter n { }
    counter strays { }
    chain c {
        type filter hook input priority 0
        udp dport 7001 counter name n
        udp dport 7003 counter name strays
    }
}
EOT
}

counted() { on "$1" nft -j list counter inet once "${2:-n}" | json - "str([x['counter']['packets'] for x in d['nftables'] if 'counter' in x][0])"; }

once_each() {
    local left came twice; left=$(counted laptop) came=$(counted camera)
    twice=$(grep -c '"twice"' "$OUT/camera.seen") || true
    figure datagrams_sent_and_arrived "[$left,$came]"
    figure datagrams_seen_twice "$twice"
    say "the laptop sent $left datagrams, the camera got $came, $twice of them twice"
    [ "$left" -gt 0 ] || complain "the laptop sent nothing"
    # By number: a loss does not make up for a copy.
    [ "$twice" -eq 0 ] || complain "the camera got $twice datagrams twice"
    [ "$came" -le "$left" ] || complain "the camera got $came datagrams, the laptop sent $left"
    [ "$came" -ge $((left * 98 / 100)) ] || complain "the camera got only $came of $left datagrams"
}

# asks NODE SERVER NAME HOW...: a patient client's question, answered within a second; true when the answer has data.
asks() { [ -n "$(on "$1" dig +short +time=1 +tries=1 "${@:4}" "@$2" "$3")" ]; }

# answered LIST: how many of these (1 or 0 each) were, as a figure; nine of ten must be.
answered() { # NAME WHAT OF YES
    figure "$1.answered.$2" "[$4,$3]"
    say "$1: $4 of $3 questions of an ordinary client answered ($2)"
    [ "$3" -gt 0 ] || complain "$1: an ordinary client asked nothing during the flood ($2)"
    [ $(($4 * 10)) -ge $(($3 * 9)) ] || complain "$1: only $4 of $3 questions of an ordinary client answered ($2)"
}

name_server() {
    attacks dns "$1" >"$OUT/dns.json" & local flood=$!
    local n=0 udp=0 tcp=0
    sleep 1
    while kill -0 "$flood" 2>/dev/null; do
        n=$((n + 1))
        ! asks gw-a "$DC4" "$DOMAIN" SOA +notcp || udp=$((udp + 1))
        ! asks gw-a "$DC4" "$DOMAIN" SOA +tcp || tcp=$((tcp + 1))
        sleep 0.3
    done
    wait "$flood" || fail "the DNS flood: $(cat "$OUT/dns.json")"
    { answered dns udp "$n" "$udp"; answered dns tcp "$n" "$tcp"; } >&2
    cat "$OUT/dns.json"
}

lan_resolver() {
    on phone "$PYTHON" "$QT/tools/lanflood.py" 192.168.1.1 "$DOMAIN" "$1" 3000 >"$OUT/lan-dns.json" & local flood=$!
    local n=0 ours=0 theirs=0 tcp=0
    sleep 1
    while kill -0 "$flood" 2>/dev/null; do
        n=$((n + 1))
        ! asks laptop 192.168.1.1 "$(fqdn camera)" A || ours=$((ours + 1))
        ! asks laptop 192.168.1.1 example.org A || theirs=$((theirs + 1))
        ! asks laptop 192.168.1.1 "$(fqdn camera)" A +tcp || tcp=$((tcp + 1))
        sleep 0.3
    done
    wait "$flood" || fail "the flood on the LAN: $(cat "$OUT/lan-dns.json")"
    { answered lan-dns ours "$n" "$ours"; answered lan-dns theirs "$n" "$theirs"; answered lan-dns tcp "$n" "$tcp"; } >&2
    [ "$(json "$OUT/lan-dns.json" "str(d['ratio'] <= 3)")" = True ] || complain "the LAN's resolver: $(cat "$OUT/lan-dns.json")"
    cat "$OUT/lan-dns.json"
}

# A copy of the router's directory runs elsewhere: it is refused and told so, the rightful one is back in seconds.
copied() {
    local before after t back; before=$(dc nodes --json | json - "find(d, name='car.$DOMAIN')['starts']")
    on_core thief 203.0.113.77
    on thief ip link add lan0 type bridge
    on thief ip link set lan0 up
    addr thief lan0 192.168.1.1/24
    cp -r "$OUT/car" "$OUT/thief"
    rm -f "$OUT/thief/ctl.sock" "$OUT/thief/leases"
    steady_start clone
    t=$(now_ms)
    background thief thief "$BIN/ntm-gateway" run --dir "$OUT/thief"
    wait_until 30 "the coordinator reports the copied key" grep -q 'two machines use the key of car' "$OUT/dc.log"
    wait_until 30 "the copy says that it is refused" grep -q "another machine uses this gateway's key" "$OUT/thief.log"
    wait_until 20 "laptop pings camera beside the copy" on laptop ping -qc 3 -i 0.2 -W 1 "$(fqdn camera)"
    back=$(now_ms)
    figure clone.back_ms $((back - t))
    say "the copied key is reported and refused, the rightful router is back after $((back - t)) ms"
    sleep $((FLOOD / 4 + 3))
    json - "d['dc']['state']" < <(on thief "$BIN/ntm-gateway" status --json --dir "$OUT/thief") |
        grep -q "another machine" || complain "the copy's status does not say why it is refused"
    after=$(dc nodes --json | json - "find(d, name='car.$DOMAIN')['starts']")
    [ "$(dc nodes --json | json - "str(find(d, name='car.$DOMAIN')['key_used_twice'])")" = True ] ||
        complain "the coordinator's list does not show the copied key"
    figure clone.starts $((after - before))
    [ $((after - before)) -le 4 ] || complain "the copies took turns: $((after - before)) starts"
    on laptop ping -qc 3 -i 0.2 -W 1 "$(fqdn camera)" >/dev/null || complain "the copied key stays in the way"
    local stop; stop=$(now_ms)
    kill -KILL "$(cat "$OUT/thief.pid")"
    touch "$OUT/steady.stop"
    wait_until 10 "the exchange beside the copy is written down" grep -q sent "$OUT/steady-clone.log"
    # Until the coordinator has refused the copy, the two take turns: some is lost, which is told; from then on nothing.
    figure clone.traffic_until_back "$(tool steady "$OUT/steady-clone.trace" "$t" "$back" || true)"
    after=$(tool steady "$OUT/steady-clone.trace" "$back" "$stop") || complain "clone: traffic suffers beside the refused copy: $after"
    figure clone.traffic "$after"
}

# A LAN host takes all addresses: who has one keeps it, and gets it again after a power cut.
starved() {
    local address grown t; address=$(lan_address laptop)
    steady_start starved
    peak_reset car
    grown=$(memory car) t=$(now_ms)
    on phone "$PYTHON" "$QT/tools/starve.py" eth0 $((FLOOD / 4 + 5)) "$OUT/car/leases" "${MAC[laptop]}" "$address" >"$OUT/starve.json" ||
        fail "starve.py: $(cat "$OUT/starve.json")"
    say "starvation: $(cat "$OUT/starve.json")"
    figure starvation "$(cat "$OUT/starve.json")"
    figure starvation.memory_kib "[$grown,$(memory car),$(peak car)]"
    [ $(($(peak car) - grown)) -le 1024 ] || complain "starvation: car grew from $grown to $(peak car) KiB"
    [ "$(json "$OUT/starve.json" "str(d['writes'] <= 100)")" = True ] || complain "starvation wears the flash: $(cat "$OUT/starve.json")"
    gw a devices --json | json - "str(find(d, mac='${MAC[laptop]}')['online'])" | grep -q True || complain "the laptop's lease was taken from it"
    figure starvation.devices "$(gw a devices --json | json - "str(len(d))")"
    steady starvation "$t"
    steady_end
    # The laptop reboots: the same address.
    kill -KILL "$(cat "$OUT/laptop-dhcp.pid")"
    RESOLV=/etc/netns/$(nsname laptop)/resolv.conf background laptop-dhcp2 laptop udhcpc_run laptop eth0
    wait_until 15 "the laptop has a lease again" grep -qE "lease of [0-9.]+ obtained" "$OUT/laptop-dhcp2.log"
    wait_until 5 "the laptop has its address" has_lease laptop
    [ "$(lan_address laptop)" = "$address" ] || complain "the laptop had $address and now has $(lan_address laptop)"
    say "the laptop has $address, as before"
}

# Another LAN host takes the laptop's address: it reaches nothing, and the laptop goes on.
impostor() {
    local address t; address=$(lan_address laptop) t=$(now_ms)
    steady_start impostor
    kill -KILL "$(cat "$OUT/phone-dhcp.pid")" 2>/dev/null || true
    on phone ip addr flush dev eth0
    addr phone eth0 "$address/24"
    on phone ip route replace default via 192.168.1.1
    on phone "$PYTHON" "$QT/tools/announce.py" eth0 "$address" --seconds 6 &
    local announcer=$!
    sleep 0.5
    if on phone ping -qc 3 -i 0.3 -W 1 "$(vip4 camera)" >/dev/null; then complain "the impostor reaches the camera"; fi
    # What he sends must not even arrive; the laptop's own does, so the counter counts.
    for _ in 1 2 3 4 5; do on phone bash -c "echo no >/dev/udp/$(vip4 camera)/7003"; sleep 0.1; done
    [ "$(counted camera strays)" -eq 0 ] || complain "the impostor's datagrams reach the camera as the laptop's"
    on laptop bash -c "echo yes >/dev/udp/$(vip4 camera)/7003"
    sleep 0.3
    [ "$(counted camera strays)" -eq 1 ] || complain "the laptop's own datagram does not reach the camera"
    wait "$announcer"
    steady impostor "$t"
    steady_end
    on gw-a nft list chain inet ntm guard | grep -q '@devices' || complain "no rule binds addresses to hardware"
    say "an impostor with the laptop's address $address reaches nothing"
}

sound() {
    local d
    if grep -rl 'panicked at' "$OUT" --include='*.log'; then complain "a daemon panicked"; fi
    for d in dc rs car home; do
        [ "$(wc -l <"$OUT/$d.starts")" -eq 1 ] || complain "$d had to be started again"
        figure "log_lines.$d" "$(wc -l <"$OUT/$d.log")"
    done
}

scenario hostile "$@"
