#!/usr/bin/env bash
# Three sites with the same LAN, ten devices each with the same host names; every device talks to every other
# site's devices, all at once: by name; by virtual address alone after the gateways were killed, and
# after the coordinator was, too.
. "$(dirname "$0")/../lib.sh"

DEVICES=${NTM_DEVICES:-10}

play() {
    local s i t
    need_binaries
    world_net_up nat global symnat
    dc_up
    rs_up
    for s in a b c; do
        gw_up "$s" nat
        for i in $(seq "$DEVICES"); do light_host "$s" "$i"; done
    done
    t=$(now_ms)
    for s in a b c; do
        for i in $(seq "$DEVICES"); do light_up "$s-$i"; done &
    done
    wait
    devices_there
    say "$((DEVICES * 3)) devices have their identities after $(($(now_ms) - t)) ms"
    figure devices $((DEVICES * 3))
    everyone_asks by_name name
    cp "$OUT/hosts.json" "$OUT/hosts-before.json"
    reborn car home office
    everyone_asks by_address_after_restart address
    # Now the coordinator has forgotten, too, who talked to whom.
    reborn car home office dc
    everyone_asks by_address_afresh address
    memory
}

# reborn DAEMON...: kill -9, and all as before.
reborn() {
    local d t; t=$(now_ms)
    for d in "$@"; do daemon_kill "$d"; done
    # The supervisor's second.
    sleep 1
    devices_there
    cmp -s "$OUT/hosts.json" "$OUT/hosts-before.json" || fail "the restart changed virtual addresses"
    say "killed with -9: $*; every device is known again after $(($(now_ms) - t)) ms"
}

devices_there() {
    wait_until 30 "every device has an identity" all_identities
    local n; n=$(json "$OUT/hosts.json" "str(len(set(d.values())))")
    [ "$n" -eq $((DEVICES * 3)) ] || fail "$n virtual addresses for $((DEVICES * 3)) devices"
}

# Writes hosts.json, name to virtual address, once all are there.
all_identities() {
    local s files=()
    for s in a b c; do
        gw "$s" devices --json >"$OUT/devices-$s.json" || return 1
        files+=("$OUT/devices-$s.json")
    done
    "$PYTHON" - "$((DEVICES * 3))" "$OUT/hosts.json" "${files[@]}" <<'PY'
import json, sys
want, out, *files = sys.argv[1:]
hosts = {d["name"]: d["vip4"] for f in files for d in json.load(open(f)) if d["name"] and d["vip4"]}
json.dump(hosts, open(out, "w"), sort_keys=True)
sys.exit(len(hosts) != int(want))
PY
}

# everyone_asks FIGURE name|address: all pairs of devices of different sites, in both directions, at once.
everyone_asks() {
    local s i o j h peers pids=() files=() got
    rm -f "$OUT/go"
    for s in a b c; do
        peers=()
        for o in a b c; do
            [ "$o" = "$s" ] || for j in $(seq "$DEVICES"); do peers+=("$(fqdn "$o-$j")"); done
        done
        for i in $(seq "$DEVICES"); do
            h=$s-$i
            on "$h" "$PYTHON" "$QT/tools/pairs.py" ask "$OUT/hosts.json" "$(fqdn "$h")" "${peers[@]}" \
                --by "$2" --go "$OUT/go" >"$OUT/$1-$h.json" 2>"$OUT/$1-$h.log" &
            pids+=($!)
            files+=("$OUT/$1-$h.json")
        done
    done
    sleep 2
    touch "$OUT/go"
    wait "${pids[@]}" || true
    got=$(tool pairs sum "${files[@]}") || fail "${1//_/ }: $got"
    say "${1//_/ }: $got"
    [ "$(json - "d['lost'] + d['late']" <<<"$got")" = 0 ] || for s in a b c; do
        say "$s: refused $(gw "$s" status --json | json - "d['rejects']"), the TUN interface dropped $(
            on "gw-$s" cat /sys/class/net/ntm0/statistics/tx_dropped)"
    done
    # First packets wait for the way: on a busy machine longer than a second, but they are not lost.
    json - "d['lost'] <= d['pairs'] / 50" <<<"$got" >/dev/null || fail "first packets were lost: $got"
    local k
    for k in pairs slowest_lookup_ms slowest_answer_ms late lost; do figure "$1.$k" "$(json - "d['$k']" <<<"$got")"; done
}

# What a daemon has allocated is bounded; the pages of its program, which a development build has many of, do not count.
MEMORY_KIB=4096
memory() {
    local d kb own
    for d in dc rs car home office; do
        kb=$(awk '/^VmRSS/ { print $2 }' "/proc/$(daemon_pid "$d")/status")
        own=$(awk '/^RssAnon/ { print $2 }' "/proc/$(daemon_pid "$d")/status")
        say "$d: $kb KiB resident, $own KiB of it allocated"
        figure "rss_kib.$d" "$kb"
        figure "allocated_kib.$d" "$own"
        [ "$own" -le $MEMORY_KIB ] || fail "$d has allocated $own KiB, more than $MEMORY_KIB"
    done
}

scenario overlap "$@"
