# shellcheck shell=bash
# Two domains on one Internet: side a is a.test with its coordinator `dc`, side b is b.test with `dc-b` and the relay.
# Sourced after lib.sh; takes the place of what there is for one domain.

declare -A DOMAIN_OF=([a]=a.test [b]=b.test) DC_OF=([a]=dc [b]=dc-b)
declare -A DC_ADDRESSES=([dc]="$DC4 $DC6" [dc-b]="203.0.113.30 2001:db8:1::30")
# shellcheck disable=SC2034 # for world.sh
DELEGATIONS=("a.test=$DC4" "b.test=203.0.113.30")

fqdn() { echo "$1.${GATEWAY[${SIDE[$1]}]}.${DOMAIN_OF[${SIDE[$1]}]}"; }

# dc_of SIDE COMMAND...: the command line of the side's coordinator.
dc_of() { on "${DC_OF[$1]}" timeout 10 "$BIN/ntm-dc" "${@:2}" --dir "$OUT/${DC_OF[$1]}"; }

# A second coordinator's machine beside the first.
second_dc_net_up() {
    local four six
    read -r four six <<<"${DC_ADDRESSES[dc-b]}"
    ns_add dc-b
    link inet to-dc-b dc-b eth0
    on inet ip link set to-dc-b master core
    addr dc-b eth0 "$four/24" "$six/64"
    on dc-b ip route replace default via 203.0.113.1
    on dc-b ip -6 route replace default via 2001:db8:1::1
}

domain_up() { # SIDE
    local n=${DC_OF[$1]} at=() address
    for address in ${DC_ADDRESSES[$n]}; do at+=(--listen "$address"); done
    dc_of "$1" init --domain "${DOMAIN_OF[$1]}" "${at[@]}" >"$OUT/$n-init.log" 2>&1 || fail "ntm-dc init for ${DOMAIN_OF[$1]}"
    supervise "$n" "$n" "$BIN/ntm-dc" run --dir "$OUT/$n"
    wait_until 10 "the coordinator of ${DOMAIN_OF[$1]} is found by DNS" domain_answers "${DOMAIN_OF[$1]}"
    dc_of "$1" account add demo >>"$OUT/$n-init.log" 2>&1 || fail "ntm-dc account add"
}

# domain_answers DOMAIN: the world's DNS knows where its coordinator is.
domain_answers() { on inet dig +short +time=1 +tries=1 "@$DNS4" "_ntm._udp.$1" SRV | grep -q "4750 dc.$1."; }

# The functions of daemons.sh that speak to "the" coordinator speak to this side's.
gw_enrol() { # SIDE
    local code name=${GATEWAY[$1]}
    code=$(dc_of "$1" gateway-code "$name" --account demo 2>>"$OUT/$name.log" | tail -n 1) || fail "ntm-dc gateway-code $name"
    gw "$1" enrol "$code" >>"$OUT/$name.log" 2>&1 || fail "ntm-gateway enrol $name"
}

dc() { dc_of b "$@"; }

# trust SIDE OTHER: as the two operators do it, by what the other side prints.
trust() {
    local words
    read -ra words <<<"$(dc_of "$2" domain show 2>/dev/null | grep '^ntm-dc domain trust')"
    dc_of "$1" "${words[@]:1}" >>"$OUT/${DC_OF[$1]}-init.log" 2>&1 || fail "${words[*]}"
}

# says SIDE NAME WORDS: the side's gateway cannot reach the name and says why.
says() {
    local got
    got=$(gw "$1" ping "$2" --count 1 2>&1) && return 1
    grep -qi "$3" <<<"$got"
}

# address_of HOST NAME: what the host's own resolver says.
address_of() { on "$1" dig +short +time=2 +tries=1 "$2" A; }
