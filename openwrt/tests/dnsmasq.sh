#!/usr/bin/env bash
# The snippet, as our script writes it, in the real dnsmasq with OpenWrt's protection against rebinding: names of the
# domain and of a trusted one get the gateway's answers, private ones; what else is private is not passed on.
. "$(dirname "$0")/router.sh"

if ! command -v dnsmasq >/dev/null || ! command -v dig >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo '!!! SKIPPED: this takes root, dnsmasq (dnsmasq-base) and dig (bind9-dnsutils) !!!' >&2
    passed
    exit 0
fi

router plain
settings "	option enabled '1'" "	option dns_port '15354'"
gateway start
echo '{"domains": ["b.test"]}' >"$R/tmp/status.json"
look_at_names 15354
snippets=$R/tmp/dnsmasq.cfg01100e.d
checks=$((checks + 1))
dnsmasq --test -C /dev/null --conf-dir="$snippets" 2>/dev/null || fail "dnsmasq refuses $(cat "$snippets/ntm.conf")"

# In a network of its own. For the gateway stands a dnsmasq that has a private address for every name.
cat >"$ROOM/world.sh" <<'END'
ip link set lo up
alone="-k -C /dev/null --listen-address=127.0.0.1 --bind-interfaces --no-resolv --no-hosts --user=root --pid-file="
dnsmasq $alone -p 15354 --address=/#/10.9.9.9 &
first=$!
dnsmasq $alone -p 15353 --stop-dns-rebind --server=127.0.0.1#15354 --conf-dir="$1" 2>/dev/null &
second=$!
trap 'kill $first $second' EXIT
for port in 15354 15353; do
    for _ in $(seq 100); do
        ! dig +short +tries=1 +time=1 -p "$port" @127.0.0.1 up.b.test >/dev/null 2>&1 || break
        sleep 0.1
    done
done
for name in camera.home.ntm.example deep.b.test elsewhere.example; do
    echo "$name $(dig +short +tries=10 +time=1 -p 15353 @127.0.0.1 "$name")"
done
END
answers=$(unshare -n bash "$ROOM/world.sh" "$snippets")
same "$answers" "camera.home.ntm.example 10.9.9.9
deep.b.test 10.9.9.9
elsewhere.example " 'answers'
passed
