# shellcheck shell=bash
# NATs: home routers and carriers' boxes, from nftables. One box is one namespace with in0 (a bridge) and out0.

# What a box lets in: only answers. What it hides: IPv4 only, IPv6 is routed and not filtered.
nat_rules() { # NODE HOW
    on "$1" nft -f - <<EOF
table inet nat {
    chain out {
        type nat hook postrouting priority 100;
        oifname "out0" meta nfproto ipv4 masquerade $2
    }
    chain in {
        type filter hook input priority 0; policy accept;
        iifname "out0" ct state established,related accept
        iifname "out0" meta nfproto ipv4 drop
        iifname "in0" ip daddr { 198.51.100.2, 192.0.2.2, 192.0.3.2, 100.64.0.2, 100.64.0.3 } drop
    }
    chain through {
        type filter hook forward priority 0; policy accept;
        iifname "out0" meta nfproto ipv6 accept
        iifname "out0" ct state established,related accept
        iifname "out0" drop
    }
}
EOF
}

# hairpin NODE OUTSIDE INSIDE_PREFIX: datagrams from inside to an outside address and port in use turn round, and
# come from the sender's own outside port (RFC 4787, section 6).
hairpin() {
    on "$1" nft -f - <<EOF
table ip hairpin {
    map outside {
        typeof udp dport : ip daddr . udp dport
        flags dynamic, timeout
        timeout 120s
        size 4096
    }
    chain learn {
        type filter hook postrouting priority 300;
        oifname "out0" meta l4proto udp update @outside { udp sport : ct original ip saddr . ct original proto-src }
    }
    chain turn {
        type nat hook prerouting priority -100;
        iifname "in0" ip daddr $2 meta l4proto udp dnat to udp dport map @outside
    }
    chain own {
        type nat hook postrouting priority 99;
        ip saddr $3.0/24 oifname "in0" ct status dnat meta l4proto udp snat to $2
    }
}
EOF
}

# nat_box NODE INSIDE_PREFIX [HOW]: HOW `fully-random` gives every destination another outside port: a
# symmetric NAT. Its out0 must be there already.
nat_box() {
    forwarding "$1"
    bridge "$1" in0 "$2.1/24"
    nat_rules "$1" "${3:-}"
    # NAT_LIFE: seconds until an idle mapping dies.
    [ -z "${NAT_LIFE:-}" ] ||
        tune "$1" net.netfilter.nf_conntrack_udp_timeout="$NAT_LIFE" net.netfilter.nf_conntrack_udp_timeout_stream="$NAT_LIFE"
}

# The box at the side's place on the Internet: `nat-SIDE`, or the carrier's `cgn-SIDE`. Behind a NAT at home
# there may still be IPv6 for everybody: the prefix PUBLIC6:1::/64.
outer_box() { # NODE SIDE INSIDE_PREFIX [HOW]
    local n=$1 s=$2
    ns_add "$n"
    link inet "to-$s" "$n" out0
    addr inet "to-$s" "${PUBLIC4[$s]}.1/24" "${PUBLIC6[$s]}:1/64"
    addr "$n" out0 "${PUBLIC4[$s]}.2/24" "${PUBLIC6[$s]}:2/64"
    on "$n" ip route add default via "${PUBLIC4[$s]}.1"
    on "$n" ip -6 route add default via "${PUBLIC6[$s]}:1"
    on inet ip -6 route replace "${PUBLIC6[$s]}1::/64" via "${PUBLIC6[$s]}:2"
    nat_box "$n" "$3" "${4:-}"
    addr "$n" in0 "${PUBLIC6[$s]}1::1/64"
}

# A home router behind a carrier's NAT: its outside is a host of 100.64.0.0/24.
inner_box() { # NODE CARRIER HOST_NUMBER
    ns_add "$1"
    link "$2" "to-$1" "$1" out0
    on "$2" ip link set "to-$1" master in0
    addr "$1" out0 "100.64.0.$3/24"
    on "$1" ip route add default via 100.64.0.1
    nat_box "$1" 10.0.0
}

# nats_up SIDE KIND: the boxes in front of this side's router, nat-SIDE and what is before it.
nats_up() {
    local s=$1
    case $2 in
    nat | dual4) outer_box "nat-$s" "$s" 10.0.0 ;;
    symnat) outer_box "nat-$s" "$s" 10.0.0 fully-random ;;
    hairpin)
        outer_box "nat-$s" "$s" 10.0.0
        hairpin "nat-$s" "${PUBLIC4[$s]}.2" 10.0.0
        ;;
    cgn | haircgn | symcgn)
        outer_box "cgn-$s" "$s" 100.64.0 "$([ "$2" != symcgn ] || echo fully-random)"
        inner_box "nat-$s" "cgn-$s" 2
        [ "$2" != haircgn ] || hairpin "cgn-$s" "${PUBLIC4[$s]}.2" 100.64.0
        ;;
    samecgn) inner_box "nat-$s" cgn-a 3 ;;
    esac
}

nats_down() { # SIDE
    ns_gone "nat-$1"
    ns_gone "cgn-$1"
}
