# shellcheck shell=bash
# The routers our gateways run on: gw-a, gw-b, gw-c, each with wan0 and lan0, on a WAN of some kind.
#
#   global    a public IPv4 address        v6      IPv6 only       dual   both, public
#   nat       behind a NAT that masquerades        symnat  behind a symmetric NAT
#   hairpin   like nat, and the NAT turns datagrams to its own outside round
#   dual4     IPv4 behind a NAT, and public IPv6
#   cgn       behind a NAT behind a carrier's NAT  symcgn  the carrier's NAT is symmetric
#   haircgn   like cgn, and the carrier's NAT turns datagrams to its own outside round
#   shared    behind side a's NAT, beside side a's router
#   samecgn   behind a NAT of its own behind side a's carrier's NAT
#   within    on side b's LAN

KINDS='global v6 dual nat symnat hairpin dual4 cgn haircgn symcgn shared samecgn within'
# The router's number on its LAN if not 1, and its DHCP range.
# shellcheck disable=SC2034 # used in the other files
declare -A ROUTER4=() RANGE4=()
declare -A KIND=() # of each side's WAN
declare -A PLUG=() # where the other end of each side's wan0 is: NODE IFACE

gw_net_up() { # SIDE KIND
    local s=$1 kind=$2 g=gw-$1 dns=$DNS4
    [ "$kind" = v6 ] && dns=$DNS6
    KIND[$s]=$kind
    ns_add "$g" "$dns"
    forwarding "$g"
    case $kind in
    nat | symnat | hairpin | dual4 | cgn | haircgn | symcgn | samecgn)
        ns_exists "nat-$s" || nats_up "$s" "$kind"
        behind_nat "$s" "nat-$s" 2
        ;;
    shared) behind_nat "$s" nat-a 3 ;;
    global | v6 | dual) on_the_internet "$s" ;;
    within) within_lan "$s" ;;
    *) fail "no such kind of WAN: $kind ($KINDS)" ;;
    esac
    bridge "$g" lan0 "${LAN4[$s]}.${ROUTER4[$s]:-1}/24"
}

behind_nat() { # SIDE NAT HOST_NUMBER
    local g=gw-$1 v6=${PUBLIC6[$1]}1
    PLUG[$1]="$2 to-gw-$1"
    wan_link "$1" "$2" "to-gw-$1"
    on "$2" ip link set "to-gw-$1" master in0
    addr "$g" wan0 "10.0.0.$3/24"
    on "$g" ip route add default via 10.0.0.1
    if [ "${KIND[$1]}" = dual4 ]; then
        addr "$g" wan0 "$v6::2/64"
        on "$g" ip -6 route add default via "$v6::1"
    else
        tune "$g" net.ipv6.conf.wan0.disable_ipv6=1
    fi
}

on_the_internet() { # SIDE
    local s=$1 g=gw-$1 v4=${PUBLIC4[$1]} v6=${PUBLIC6[$1]}
    PLUG[$s]="inet to-$s"
    wan_link "$s" inet "to-$s"
    addr inet "to-$s" "$v4.1/24" "$v6:1/64"
    if [ "${KIND[$s]}" = global ]; then
        tune "$g" net.ipv6.conf.wan0.disable_ipv6=1
    else
        addr "$g" wan0 "$v6:2/64"
        on "$g" ip -6 route add default via "$v6:1"
    fi
    if [ "${KIND[$s]}" != v6 ]; then
        addr "$g" wan0 "$v4.2/24"
        on "$g" ip route add default via "$v4.1"
    fi
}

# The WAN is another of our gateways' LAN: address and route by DHCP, as any host there.
within_lan() { # SIDE
    local g=gw-$1
    PLUG[$1]="gw-b to-$g"
    wan_link "$1" gw-b "to-$g"
    on gw-b ip link set "to-$g" master lan0
    tune "$g" net.ipv6.conf.wan0.disable_ipv6=1
    RESOLV=/etc/netns/$(nsname "$g")/resolv.conf background "$g-dhcp" "$g" udhcpc_run "${GATEWAY[$1]}-wan" wan0
}

# gw_net_down SIDE: the router loses power; the NATs in front of it stay.
gw_net_down() {
    ns_gone "gw-$1"
    # The other end of its cable goes a moment later.
    # shellcheck disable=SC2086 # NODE IFACE
    wait_until 5 "gw-$1's cable is gone" has_no_link ${PLUG[$1]}
}

# side_net_down SIDE: router, NATs and all they remember.
side_net_down() {
    ns_gone "gw-$1"
    nats_down "$1"
    wait_until 5 "side $1's cable is gone" has_no_link inet "to-$1"
    unset "KIND[$1]"
}

# The router comes back, with nothing left of its kernel's state; on another kind of WAN with other NATs.
gw_reboot_net() { # SIDE KIND
    if [ "${KIND[$1]}" = "$2" ]; then gw_net_down "$1"; else side_net_down "$1"; fi
    gw_net_up "$1" "$2"
}
