#!/usr/bin/env bash
# Wrong, hostile and unlucky input to the real daemons: clear errors, nothing breaks for the others.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

play() {
    mkdir -p "$OUT/dc"
    mount -t tmpfs -o size=6m tmpfs "$OUT/dc" # a disk that can be filled
    world_up global global laptop camera
    first_words laptop camera
    codes
    configs
    hostnames
    garbage
    dns
    full_disk
    if grep -rl 'panicked at' "$OUT" --include='*.log'; then fail "a daemon panicked"; fi
    figure checks "$CHECKS"
}

CHECKS=0
checked() { CHECKS=$((CHECKS + 1)); say "ok: $*"; }

# refused WORDS COMMAND...: ends with an error within ten seconds, and says these (a regular expression).
refused() {
    local words=$1 got rc=0
    shift
    got=$("$@" 2>&1) || rc=$?
    [ "$rc" -ne 0 ] || fail "accepted: $*"
    [ "$rc" -lt 124 ] || fail "hangs or dies of a signal ($rc): $*"
    grep -qiE -- "$words" <<<"$got" || fail "'$*' says '$got', not '$words'"
    ! grep -q 'panicked' <<<"$got" || fail "panics: $*"
    [ "$(wc -l <<<"$got")" -le 8 ] || fail "says too much: $got"
    checked "$(tail -n 1 <<<"$got" | cut -c1-150)"
}

# still_well WHO: what was there before works as before.
still_well() {
    on laptop ping -qc 2 -i 0.2 -W 2 "$(fqdn camera)" >/dev/null || fail "after $1: no ping"
    on camera ping -qc 2 -i 0.2 -W 2 "$(fqdn laptop)" >/dev/null || fail "after $1: no ping back"
    local d
    for d in dc rs car home; do
        [ "$(wc -l <"$OUT/$d.starts")" -eq 1 ] || fail "after $1: $d had to be started again"
    done
    checked "all is well after $1"
}

enrol() { on gw-a timeout 10 "$BIN/ntm-gateway" enrol "$1" --dir "$OUT/stranger"; }

codes() {
    local code
    mkdir -p "$OUT/stranger"
    code=$(dc gateway-code once --account demo 2>/dev/null | tail -n 1)
    enrol "$code" >/dev/null 2>&1 || fail "a good code is not accepted"
    rm -rf "$OUT/stranger"/*
    refused 'used|valid|unknown|expired' enrol "$code"
    code=$(dc gateway-code twice --account demo 2>/dev/null | tail -n 1)
    refused 'code' enrol "${code:0:${#code}/2}"
    refused 'code' enrol "not a code"
    refused 'code' enrol "$(tr 'A-Za-z' 'N-ZA-Mn-za-m' <<<"$code")"
    code=$(dc gateway-code soon --account demo --valid 1s 2>/dev/null | tail -n 1)
    sleep 2
    refused 'expired|valid|unknown|used' enrol "$code"
    refused 'account' dc gateway-code lost --account nobody
    refused 'name|label|letter' dc gateway-code '<script>' --account demo
    refused 'name|label|letter' dc account add 'a"b'
}

# bad_config LINE KEY CONFIG: the message names file, line and key.
bad_config() {
    local line=$1 key=$2
    printf '%b' "$3" >"$OUT/broken/ntm-gateway.toml"
    refused "ntm-gateway\\.toml" on gw-a timeout 10 "$BIN/ntm-gateway" run --dir "$OUT/broken"
    local got; got=$(on gw-a timeout 10 "$BIN/ntm-gateway" run --dir "$OUT/broken" 2>&1) || true
    grep -qE "(line |toml:)$line\b" <<<"$got" || fail "does not name line $line: $got"
    grep -q -- "$key" <<<"$got" || fail "does not name $key: $got"
}

configs() {
    cp -r "$OUT/car" "$OUT/broken"
    bad_config 3 address '[lan]\ninterface = "lan0"\naddress = "192.168.1/24"\n'
    bad_config 4 dhcp '[lan]\ninterface = "lan0"\naddress = "192.168.1.1/24"\ndhcp = "maybe"\n'
    bad_config 2 interfase '[lan]\ninterfase = "lan0"\naddress = "192.168.1.1/24"\n'
    bad_config 5 interfaces '[lan]\ninterface = "lan0"\naddress = "192.168.1.1/24"\n[wan]\ninterfaces = "wan0"\n'
    bad_config 2 interface '[lan]\ninterface = \n'
    rm -rf "$OUT/broken"
}

hostnames() {
    local got before; before=$(devices)
    got=$(on laptop "$PYTHON" "$QT/tools/rawdhcp.py" eth0)
    json - "d['offered'] == d['acknowledged'] == d['asked'] > 0" <<<"$got" >/dev/null || fail "not every odd host got a lease: $got"
    checked "hosts with odd names got leases: $got"
    wait_until 30 "every device has a name" all_named
    gw a devices --json | json - "all(__import__('re').fullmatch(r'[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+', x['name']) for x in d)" \
        >/dev/null || fail "an odd name got through: $(gw a devices --json)"
    # Who got a lease is a device, and nobody else.
    got=$(json - "str(d['asked'])" <<<"$got")
    [ "$(devices)" -eq $((before + got)) ] || fail "$before devices, $got odd hosts, and now $(devices)"
    checked "$(devices) devices, all names are plain labels"
    still_well "odd hostnames"
}

all_named() { gw a devices --json | json - "all(x['name'] for x in d) and len({x['name'] for x in d}) == len(d)"; }

devices() { gw a devices --json | json - "str(len(d))"; }

# How many datagrams and packets the daemon has refused: car, dc, rs.
rejects() {
    case $1 in
    car) gw a status --json | json - "str(sum(d['rejects'].values()))" ;;
    dc) dc status --json | json - "str(sum(d['rejected'].values()))" ;;
    rs) on rs "$BIN/ntm-relay" status --json --dir "$OUT/rs" | json - "str(sum(d['rejects'].values()))" ;;
    esac
}

# udp_ports NODE DAEMON: the ports it listens on.
udp_ports() { on "$1" ss -Hlunp | grep "\"$2\"" | awk '{n = split($4, a, ":"); print a[n]}' | sort -un; }

garbage() {
    local at=() p d got count=3000
    local -A before=()
    for d in car dc rs; do before[$d]=$(rejects "$d"); done
    for p in $(udp_ports dc ntm-dc); do at+=("$DC4:$p" "[$DC6]:$p"); done
    for p in $(udp_ports rs ntm-relay); do at+=("$RS4:$p" "[$RS6]:$p"); done
    for p in $(udp_ports gw-a ntm-gateway); do at+=("198.51.100.2:$p"); done
    [ ${#at[@]} -ge 5 ] || fail "found too few ports: ${at[*]}"
    got=$(on inet "$PYTHON" "$QT/tools/garbage.py" "$count" "${at[@]}") || fail "garbage: $got"
    checked "garbage on ${at[*]}: $got"
    # A third at least: a busy machine's queues may have dropped the rest before the daemons saw them.
    for d in car dc rs; do
        [ "$(rejects "$d")" -ge $((before[$d] + count / 3)) ] || fail "$d did not count what it refused: ${before[$d]}, then $(rejects "$d")"
    done
    checked "what was refused is counted by all three"
    got=$(on inet "$PYTHON" "$QT/tools/badweb.py" "$DC4" 4751) || fail "the Account Server: $got"
    checked "hostile JSON, bodies without end and no TLS on $DC4:4751: $got"
    still_well "garbage"
}

dns() {
    local no=nonexistent.home.$DOMAIN how got
    for how in +notcp +tcp; do
        got=$(on inet dig "$how" "@$DC4" "$no" A)
        grep -q 'status: NXDOMAIN' <<<"$got" || fail "DC, $how: $got"
        grep -q 'IN[[:space:]]*SOA' <<<"$got" || fail "DC, $how, no SOA: $got"
        grep -q 'flags:[a-z ]* aa' <<<"$got" || fail "DC, $how, not authoritative: $got"
    done
    got=$(on laptop dig "$no" A)
    grep -q 'status: NXDOMAIN' <<<"$got" || fail "LAN: $got"
    grep -q 'IN[[:space:]]*SOA' <<<"$got" || fail "LAN, no SOA: $got"
    [ -z "$(on laptop dig +short "$(fqdn camera)" AAAA)" ] || fail "AAAA has an answer before inner IPv6 works"
    checked "NXDOMAIN with SOA over UDP and TCP, and on the LAN"
    on inet dig "@$DC4" "$DOMAIN" AXFR | grep -qiE 'failed|refused' || fail "AXFR is not refused"
    checked "AXFR is refused"
    on inet dig "@$DC4" example.org A | grep -q 'status: REFUSED' || fail "the DC resolves for strangers"
    checked "names of others are refused"
    on inet dig +time=1 +tries=1 "@198.51.100.2" example.org A >/dev/null && fail "the router resolves for strangers on its WAN"
    checked "the router answers no DNS on its WAN"
}

full_disk() {
    dd if=/dev/zero of="$OUT/dc/filler" bs=4k >/dev/null 2>&1 || true
    refused 'space|full|disk' dc gateway-code late --account demo
    still_well "the disk filled up"
    rm "$OUT/dc/filler"
    dc gateway-code late --account demo >/dev/null || fail "no code although there is space again"
    checked "codes again, once there is space"
}

scenario bad-input "$@"
