#!/usr/bin/env bash
# Two domains with one virtual range: their coordinators find each other by DNS and pin each other's keys. A laptop
# of one and a camera of the other, which have the same virtual address, talk by name, when both sides allow it.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"
. "$QT/lib/domains.sh"

play() {
    local s h
    need_binaries
    world_net_up nat nat
    second_dc_net_up
    for s in a b; do domain_up "$s"; done
    for s in a b; do gw_up "$s" nat; done
    for h in laptop camera; do host_up "$h"; done
    for h in laptop camera; do wait_until 20 "$h has an identity" has_identity "$h"; done
    # It takes an address of b.test; later, so that the devices' ones collide.
    rs_up
    [ "$(vip4 laptop)" = "$(vip4 camera)" ] || fail "the addresses do not collide: nothing is shown"
    say "$(fqdn laptop) and $(fqdn camera) are both $(vip4 laptop), each in its domain"
    wrong_key
    groups_of_both
    both_ways
    restarts
    end_of_trust
}

wrong_key() {
    local key
    # Any key that is not that of b.test's coordinator.
    key=$(head -c 32 /dev/urandom | base64)
    dc_of a domain trust b.test --key "$key" >>"$OUT/dc-init.log" 2>&1 || fail "domain trust"
    trust b a
    dc_of a group add friends demo b.test >>"$OUT/dc-init.log" 2>&1 || fail "group add"
    local t; t=$(now_ms)
    wait_until 20 "the gateway says that b.test does not answer" says a "$(fqdn camera)" 'does not answer'
    figure wrong_key_told_ms $(($(now_ms) - t))
    grep -q 'no answer from the coordinator of b.test with the pinned key' "$OUT/dc.log" || fail "the coordinator does not tell of the key"
    say "with a wrong pinned key there is no link, and both daemons say so"
    dc_of a group remove friends >>"$OUT/dc-init.log" 2>&1
    trust a b
    dc_of a domain list
}

groups_of_both() {
    wait_until 20 "a.test's own groups refuse" says a "$(fqdn camera)" 'not allowed'
    dc_of a group add friends demo home.b.test >>"$OUT/dc-init.log" 2>&1 || fail "group add"
    wait_until 20 "b.test's groups refuse" says a "$(fqdn camera)" 'other domain does not allow'
    on laptop dig "$(fqdn camera)" A | grep -q 'status: REFUSED' || fail "the laptop's resolver does not refuse"
    dc_of b group add friends demo a.test >>"$OUT/dc-b-init.log" 2>&1 || fail "group add"
    say "refused until both sides allow it, and whose groups are missing is said"
}

both_ways() {
    local t from to
    for pair in laptop:camera camera:laptop; do
        from=${pair%:*} to=${pair#*:}
        t=$(now_ms)
        wait_until 20 "$from pings $(fqdn "$to")" on "$from" ping -qc 1 -W 1 "$(fqdn "$to")"
        figure "$from.first_ping_ms" $(($(now_ms) - t))
        say "$from knows $(fqdn "$to") as $(address_of "$from" "$(fqdn "$to")")"
        download "$from" "$to"
    done
    datagrams laptop camera
    t=$(($(dc_of a tunnels --json | json - 'str(len(d))') + $(dc_of b tunnels --json | json - 'str(len(d))')))
    [ "$t" -eq 1 ] || fail "$t tunnels for one pair of gateways"
    say "one tunnel, made by the domain with the relay; path $(tunnel a path)"
}

restarts() {
    local t d h
    for d in dc dc-b car home; do
        daemon_kill "$d"
        t=$(now_ms)
        sleep 1
        # A host's own resolver waits five seconds for one that has just died.
        for h in laptop camera; do wait_until 40 "$h's resolver is back" resolves "$h" "$(fqdn "$h")"; done
        wait_until 40 "after $d was killed, laptop reaches the camera" on laptop ping -qc 1 -W 1 "$(fqdn camera)"
        wait_until 40 "after $d was killed, the camera reaches the laptop" on camera ping -qc 1 -W 1 "$(fqdn laptop)"
        figure "after_$d.ms" $(($(now_ms) - t))
    done
    say "each coordinator and each gateway was killed with -9; both directions work again"
}

# By address: no name server has a say in it.
end_of_trust() {
    local s at back
    at=$(address_of laptop "$(fqdn camera)") back=$(address_of camera "$(fqdn laptop)")
    on laptop ping -qc 1 -W 2 "$at" >/dev/null || fail "the laptop does not reach the camera at $at"
    on camera ping -qc 1 -W 2 "$back" >/dev/null || fail "the camera does not reach the laptop at $back"
    dc_of b domain forget a.test >>"$OUT/dc-b-init.log" 2>&1 || fail "domain forget"
    wait_until 20 "nothing gets through any more" no_ping laptop "$at"
    for s in a b; do wait_until 20 "no tunnel in the list of ${DOMAIN_OF[$s]}" no_tunnel "$s"; done
    none_of_ten laptop "$at"
    none_of_ten camera "$back"
    for s in a b; do no_tunnel "$s" || fail "${DOMAIN_OF[$s]} has a tunnel again: $(dc_of "$s" tunnels --json)"; done
    say "b.test trusts a.test no more: the tunnel is over, ten pings each way are lost"
}

no_tunnel() { [ "$(dc_of "$1" tunnels --json | json - 'str(len(d))')" = 0 ]; }

none_of_ten() { # HOST ADDRESS
    local got; got=$(on "$1" ping -qc 10 -i 0.2 -W 1 "$2") || true
    grep -q '^10 packets transmitted, 0 received' <<<"$got" || fail "after the end of trust, $1 to $2: $got"
}

no_ping() { ! on "$1" ping -qc 1 -W 1 "$2"; }

scenario two-domains "$@"
