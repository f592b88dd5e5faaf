# shellcheck shell=bash
# What the hosts of the story do, one function per act; each fails the scenario or says figures.

# first_words FROM TO: the name resolves and the first ping gets through; how long that took.
first_words() {
    local from=$1 to=$2 t
    t=$(now_ms)
    wait_until 20 "$from resolves $(fqdn "$to")" resolves "$from" "$(fqdn "$to")"
    act_figure "$from.lookup_ms" $(($(now_ms) - t))
    local found; found=$(on "$from" dig +short "$(fqdn "$to")" A)
    [ "$found" = "$(vip4 "$to")" ] || fail "$from: $(fqdn "$to") is ${found:-nothing}, not $(vip4 "$to")"
    t=$(now_ms)
    wait_until 20 "$from pings $(fqdn "$to")" on "$from" ping -qc 1 -W 1 "$(fqdn "$to")"
    act_figure "$from.first_ping_ms" $(($(now_ms) - t))
}

# plain_ping FROM TO: ten pings, none lost.
plain_ping() {
    local out
    out=$(on "$1" ping -c 10 -i 0.2 -W 2 "$(fqdn "$2")" 2>&1) || { echo "$out"; fail "$1: ping $(fqdn "$2")"; }
    echo "$out" | head -n 2
    echo "$out" | tail -n 2
    grep -q ' 0% packet loss' <<<"$out" || fail "$1: ping $(fqdn "$2") lost packets"
    act_figure "$1.rtt_ms" "$(sed -n 's/^rtt [^=]*= [^/]*\/\([^/]*\)\/.*/\1/p' <<<"$out")"
}

# download FROM TO: the file over HTTP, bit for bit.
download() {
    local t name; name=$(fqdn "$2")
    t=$(now_ms)
    on "$1" curl -sS --fail --max-time 60 -o "$OUT/$1.got" "http://$name/big.bin" || fail "$1: curl http://$name/big.bin"
    t=$(($(now_ms) - t))
    same_file "$OUT/$1.got" "$OUT/$2/big.bin"
    local mbit=$(($(stat -c %s "$OUT/$1.got") / 125 / (t + 1)))
    rm -f "$OUT/$1.got"
    say "$1: curl http://$name/big.bin: sound, $mbit Mbit/s"
    act_figure "$1.download_mbit_s" "$mbit"
}

same_file() { [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$(cat "$2.sha256")" ] || fail "$1 is not what was served"; }

# session_start FROM TO: the long interactive TCP session, until session_end.
session_start() {
    background "$1-session" "$1" "$PYTHON" "$QT/tools/talk.py" tcp "$(fqdn "$2")" --stop "$OUT/sessions.stop"
}

session_end() { # FROM
    touch "$OUT/sessions.stop"
    wait_until 65 "$1's session has ended" [ -s "$OUT/$1-session.log" ]
    json "$OUT/$1-session.log" "d['ok']" >/dev/null || fail "$1's TCP session: $(cat "$OUT/$1-session.log")"
    say "$1: one TCP session: $(cat "$OUT/$1-session.log")"
    act_figure "$1.tcp_lines" "$(json "$OUT/$1-session.log" "d['lines']")"
    act_figure "$1.tcp_longest_gap_ms" "$(json "$OUT/$1-session.log" "d['longest_gap_ms']")"
}

# datagrams FROM TO: two seconds of UDP there and back, nothing lost.
datagrams() {
    local got
    got=$(on "$1" "$PYTHON" "$QT/tools/talk.py" udp "$(fqdn "$2")" --seconds 2 --interval 20) || fail "$1: UDP: $got"
    json - "d['received'] == d['sent']" <<<"$got" >/dev/null || fail "$1: UDP: $got"
    say "$1: UDP with $(fqdn "$2"): $got"
    act_figure "$1.udp_rtt_ms" "$(json - "d['rtt_ms']" <<<"$got")"
}

# saw_only HOST PEER: every client HOST has served came from PEER's virtual address.
saw_only() {
    local who kinds
    who=$(sed 's/.*"peer": "\([^"]*\)".*/\1/' "$OUT/$1.seen" | sort -u | tr '\n' ' ')
    for kinds in http tcp udp; do
        grep -q "\"$kinds\"" "$OUT/$1.seen" || fail "$1 has seen no $kinds"
    done
    case $who in
    "$(vip4 "$2") " | "$(vip6 "$2") " | "$(vip4 "$2") $(vip6 "$2") ") say "$1 saw as source: ${who}($2's own)" ;;
    *) fail "$1 saw as source: $who, not $2's $(vip4 "$2")" ;;
    esac
}

# the_rest HOST: names that are not ours, and the ordinary Internet, as through any router.
the_rest() {
    [ "$(on "$1" dig +short example.org A)" = "$WWW4" ] || fail "$1: dig example.org"
    on "$1" dig nothing.example.net A | grep -q 'status: NXDOMAIN' || fail "$1: dig nothing.example.net is not NXDOMAIN"
    on "$1" curl -sS --fail --max-time 5 http://example.org/ | grep -q 'an ordinary server' || fail "$1: curl example.org"
    say "$1: example.org answers, as ever"
}

# act_figure KEY VALUE: a figure of this world.
act_figure() { figure "${ACT:+$ACT.}$1" "$2"; }
