# shellcheck shell=bash
# Cables with delay, loss and a rate, whose faults can be switched while the world runs: qemu-tests/link.
#
# All of a world's cables are carried by processes in one namespace, `cables`, which outlives routers. Where an
# interface goes, its cable ends, and the interface at its other end is gone a moment later, as with `link`.

# Settings of a side's WAN cable; a side that has none gets a plain cable. `ba` is what the router sends.
declare -A WAN_LINK=()
# Not among the daemons that NTM_BIN_DIR may name.
LINK_BIN=${CARGO_TARGET_DIR:-$TOP/target}/debug/ntm-link

# link_emulated NODE IFACE NODE IFACE NAME [SETTING...]: a cable between the two, both ends up. `ab` is from the
# first end to the second.
link_emulated() {
    local socket=$OUT/link-$5.sock _
    [ -x "$LINK_BIN" ] || fail "$LINK_BIN is missing: run make daemons first"
    ns_exists cables || ns_add cables
    rm -f "$socket"
    background "link-$5" cables "$LINK_BIN" run "$socket" \
        "$(nsname "$1")" "$2" "$(nsname "$3")" "$4" "${@:6}"
    for _ in $(seq 500); do
        [ ! -S "$socket" ] || break
        kill -0 "$(cat "$OUT/link-$5.pid")" 2>/dev/null || fail "no cable $5: $(tail -n 1 "$OUT/link-$5.log")"
        sleep 0.01
    done
    on "$1" ip link set "$2" up
    on "$3" ip link set "$4" up
}

# linkctl NAME [WORD...]: changes an emulated cable, now or (`at 2s WORD...`) later; prints its state as JSON.
linkctl() { "$LINK_BIN" ctl "$OUT/link-$1.sock" "${@:2}" || fail "linkctl $*"; }

# wan_link SIDE NODE IFACE: the cable of the side's router, called wan-SIDE if it is an emulated one.
wan_link() {
    local settings=${WAN_LINK[$1]:-}
    [ -n "$settings" ] || settings=${NTM_DELAY_MS:+delay=${NTM_DELAY_MS}ms}
    if [ -z "$settings" ]; then
        link "$2" "$3" "gw-$1" wan0
    else
        # shellcheck disable=SC2086 # a list of settings
        link_emulated "$2" "$3" "gw-$1" wan0 "wan-$1" $settings
    fi
}
