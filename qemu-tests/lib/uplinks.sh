# shellcheck shell=bash
# Networks a router can be plugged into, several at once: uplink N of side S is a box of its own, `box-S-N`, to which
# the router's interface wanN leads. The long cable is the one behind the box, `up-S-N`, so what a router does in its
# own network (ARP, DHCP) is quick, as it is at home. Sourced after lib.sh.
#
#   router wanN -- in0 box-S-N out0 ==== 20 ms, ntm-link ==== to-S-N inet
#
#   nat      10.0.N.0/24 behind a NAT             global   a public IPv4 address
#   symnat   likewise, symmetric                  v6, dual IPv6 only, both; public
#
# Each visit to a network finds it new: another address for the router, or another outside of the NAT, and nothing
# remembered there (uplink_fresh).

UPLINK_DELAY=${NTM_DELAY_MS:-20}
declare -A UP_KIND=() # of S-N
declare -A UP_TURN=() # how often S-N was made new

# What belongs to uplink S N at its present turn.
up_base() { echo $((64 * $2)); }
up_box4() { echo "${PUBLIC4[$1]}.$(($(up_base "$1" "$2") + 2 + UP_TURN[$1-$2] % 12))"; }
up_inside4() { # SIDE N: prefix of the inside, with the last dot's number to come
    case ${UP_KIND[$1-$2]} in *nat) echo "10.0.$2" ;; *) echo "${PUBLIC4[$1]}" ;; esac
}
up_inside_base() { case ${UP_KIND[$1-$2]} in *nat) echo 0 ;; *) echo $(($(up_base "$1" "$2") + 32)) ;; esac; }
up_len4() { case ${UP_KIND[$1-$2]} in *nat) echo 24 ;; *) echo 27 ;; esac; }
up_router4() { echo "$(up_inside4 "$1" "$2").$(($(up_inside_base "$1" "$2") + 2 + UP_TURN[$1-$2] % 28))"; }
up_gate4() { echo "$(up_inside4 "$1" "$2").$(($(up_inside_base "$1" "$2") + 1))"; }
up_router6() { printf '%s%x1::%x' "${PUBLIC6[$1]}" "$2" $((16 + UP_TURN[$1-$2])); }
up_gate6() { printf '%s%x1::1' "${PUBLIC6[$1]}" "$2"; }
has4() { [ "${UP_KIND[$1-$2]}" != v6 ]; }
has6() { case ${UP_KIND[$1-$2]} in v6 | dual) ;; *) false ;; esac; }

# uplink_up SIDE N KIND: the box and both cables. The router's end has a carrier and no address.
uplink_up() {
    local s=$1 n=$2 kind=$3 box=box-$1-$2 out6
    UP_KIND[$s-$n]=$kind UP_TURN[$s-$n]=0
    out6=$(printf '%s%x0' "${PUBLIC6[$s]}" "$n")
    ns_add "$box"
    forwarding "$box"
    link_emulated inet "to-$s-$n" "$box" out0 "up-$s-$n" "delay=${UPLINK_DELAY}ms"
    addr inet "to-$s-$n" "${PUBLIC4[$s]}.$(($(up_base "$s" "$n") + 1))/28" "$out6::1/64"
    # When an address goes, those beside it stay.
    tune "$box" net.ipv4.conf.out0.promote_secondaries=1
    addr "$box" out0 "$(up_box4 "$s" "$n")/28" "$out6::2/64"
    on "$box" ip route add default via "${PUBLIC4[$s]}.$(($(up_base "$s" "$n") + 1))"
    on "$box" ip -6 route add default via "$out6::1"
    case $kind in
    nat) nat_box "$box" "10.0.$n" ;;
    symnat) nat_box "$box" "10.0.$n" fully-random ;;
    *) bridge "$box" in0 "$(up_gate4 "$s" "$n")/27" "$(up_gate6 "$s" "$n")/64" ;;
    esac
    on inet ip route replace "${PUBLIC4[$s]}.$(($(up_base "$s" "$n") + 32))/27" via "$(up_box4 "$s" "$n")"
    on inet ip -6 route replace "${out6%0}1::/64" via "$out6::2"
    link "$box" to-gw "gw-$s" "wan$n"
    on "$box" ip link set to-gw master in0
    has6 "$s" "$n" || tune "gw-$s" "net.ipv6.conf.wan$n.disable_ipv6=1"
}

# uplink_fresh SIDE N: the router is not there, and finds a network it has never seen when it comes. A public
# uplink keeps its box's outside, to which its prefix is routed; its router gets another address.
uplink_fresh() {
    local s=$1 n=$2 box=box-$1-$2 old
    old=$(up_box4 "$s" "$n")
    uplink_ages "$s" "$n"
    case ${UP_KIND[$s-$n]} in
    *nat) outside_moves "$s" "$n" "$old" ;;
    esac
    provider_known "$s" "$n"
}

# provider_known SIDE N: only the router is new here. Its box has been on the net for long: it and the next hop know each
# other's hardware addresses, which would take them a round trip of the long cable to learn.
provider_known() {
    local box=box-$1-$2 out6
    out6=$(printf '%s%x0' "${PUBLIC6[$1]}" "$2")
    pings "$box" "${PUBLIC4[$1]}.$(($(up_base "$1" "$2") + 1))" || fail "$box does not reach its next hop"
    ! has6 "$1" "$2" || pings "$box" -6 "$out6::1" || fail "$box does not reach its next hop by IPv6"
}

# pings HOST ARG...: one answer will do; the link may be full.
pings() {
    local host=$1 _
    shift
    for _ in 1 2 3; do ! on "$host" ping -qc 1 -W 1 "$@" >/dev/null || return 0; done
    return 1
}

uplink_ages() { UP_TURN[$1-$2]=$((UP_TURN[$1-$2] + 1)); }

# outside_moves SIDE N OLD: the NAT gets another outside address, and has forgotten all.
outside_moves() {
    nat_words "$@" | on "box-$1-$2" ip -batch - || fail "another outside for box-$1-$2"
    forget "$1" "$2"
}
nat_words() {
    echo "addr add $(up_box4 "$1" "$2")/28 dev out0"
    echo "addr del $3/28 dev out0"
}

# forget SIDE N: the NAT's table is empty.
forget() { on "box-$1-$2" conntrack -F 2>/dev/null || fail "conntrack -F on box-$1-$2"; }

# join_words SIDE N [METRIC], leave_words SIDE N: for `ip -batch`, what the router does when it joins or leaves the network.
join_words() {
    local m=${3:-$((100 + $2))}
    ! has4 "$1" "$2" || echo "addr add $(up_router4 "$1" "$2")/$(up_len4 "$1" "$2") dev wan$2
route replace default via $(up_gate4 "$1" "$2") dev wan$2 metric $m"
    ! has6 "$1" "$2" || echo "addr add $(up_router6 "$1" "$2")/64 dev wan$2 nodad
route replace ::/0 via $(up_gate6 "$1" "$2") dev wan$2 metric $m"
}
leave_words() {
    ! has6 "$1" "$2" || echo "route del ::/0 via $(up_gate6 "$1" "$2") dev wan$2"
    echo "addr flush dev wan$2 scope global"
}

# uplink_join SIDE N [METRIC]: now.
uplink_join() { join_words "$@" | on "gw-$1" ip -batch - || fail "gw-$1 cannot join uplink $2"; }
