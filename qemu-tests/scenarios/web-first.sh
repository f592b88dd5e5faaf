#!/usr/bin/env bash
# The first run by the page: a router that belongs to nobody, a browser on its LAN, and at the end two devices that talk.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/lib/page.sh"

play() {
    local car
    need_browser
    need_binaries
    world_net_up global global
    dc_up
    rs_up
    gw_up b global
    host_up camera
    ready camera
    car=$OUT/${GATEWAY[a]}
    gw_start a
    host_up laptop
    wait_until 20 'the page is there' page_is_there
    not_at_the_wan
    CODE=$(dc gateway-code "${GATEWAY[a]}" --account demo 2>>"$OUT/dc-init.log" | tail -n 1) || fail 'ntm-dc gateway-code'
    export CODE
    in_browser first_run join typed
    unset CODE
    [ -s "$car/ntm-gateway.toml" ] || fail 'no configuration is written'
    ready laptop
    # What is not its own is no device's address.
    on laptop sysctl -qw net.ipv4.conf.eth0.promote_secondaries=1
    on laptop ip address del "${LAN4[a]}.50/24" dev eth0
    wait_until 20 'laptop pings camera' on laptop ping -qc 1 -W 1 "$(fqdn camera)"
    wait_until 20 'camera pings laptop' on camera ping -qc 1 -W 1 "$(fqdn laptop)"
    [ "$(wc -l <"$car.starts")" = 1 ] || fail 'the daemon was started more than once'
}

# Nobody gives addresses yet; the laptop's DHCP client takes away what is not its own at its start.
page_is_there() {
    on laptop ip address replace "${LAN4[a]}.50/24" dev eth0
    on laptop curl -sS -o /dev/null --max-time 2 "http://${LAN4[a]}.1:4752/" 2>/dev/null
}

# Before there is a configuration, too.
not_at_the_wan() {
    local at
    at=$(on gw-a ip -4 -o address show dev wan0 | awk '{ sub("/.*", "", $4); print $4 }')
    if on inet curl -sS -o /dev/null --max-time 2 "http://$at:4752/" 2>/dev/null; then fail "the page answers at $at"; fi
}

scenario web-first "$@"
