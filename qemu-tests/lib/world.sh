# shellcheck shell=bash
# The world: namespaces, links, NATs, the Internet between them, hosts with DHCP clients.
#
#   laptop, phone -- gw-a -- [nat-a] --\                    /-- dc  203.0.113.10
#                                       inet (three routes)--- rs  203.0.113.20
#   camera, printer -- gw-b -- [nat-b] -/                   \-- dns .53, www .80 (in inet)
#
# Both LANs are 192.168.1.0/24, both NAT insides 10.0.0.0/24. Side a lives on 198.51.100.0/24 and
# 2001:db8:2::/64, side b on 192.0.2.0/24 and 2001:db8:3::/64, the servers on 203.0.113.0/24 and
# 2001:db8:1::/64. Nothing here uses 198.18.0.0/15: that is the virtual range.

DC4=203.0.113.10 DC6=2001:db8:1::10
RS4=203.0.113.20 RS6=2001:db8:1::20
DNS4=203.0.113.53 DNS6=2001:db8:1::53
WWW4=203.0.113.80 WWW6=2001:db8:1::80
declare -A PUBLIC4=([a]=198.51.100 [b]=192.0.2) PUBLIC6=([a]=2001:db8:2: [b]=2001:db8:3:)
declare -A MAC=([laptop]=02:00:00:00:a0:01 [phone]=02:00:00:00:a0:02
    [camera]=02:00:00:00:b0:01 [printer]=02:00:00:00:b0:02)
declare -A SIDE=([laptop]=a [phone]=a [camera]=b [printer]=b)

# --- namespaces and links ----------------------------------------------------

nsname() { echo "ntm-$RUN-$1"; }

# on NODE COMMAND...: runs it there, with the node's own resolv.conf.
on() { local n; n=$(nsname "$1"); shift; ip netns exec "$n" "$@"; }

# tune NODE KEY=VALUE...: kernel settings, without procps.
tune() {
    # shellcheck disable=SC2016 # for the inner shell
    on "$1" bash -c 'for s; do k=${s%%=*}; echo "${s#*=}" >"/proc/sys/${k//.//}"; done' tune "${@:2}"
}

ns_add() {
    local n; n=$(nsname "$1")
    mkdir -p "/etc/netns/$n"
    # Both must exist before anything is started there: `ip netns exec` binds them over /etc's.
    [ -e "/etc/netns/$n/resolv.conf" ] || echo "nameserver ${2:-$DNS4}" >"/etc/netns/$n/resolv.conf"
    echo 'hosts: files dns' >"/etc/netns/$n/nsswitch.conf"
    ip netns add "$n"
    # No waiting for duplicate address detection, no autoconfigured addresses.
    tune "$1" net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
        net.ipv6.conf.default.accept_ra=0 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    on "$1" ip link set lo up
}

ns_exists() { [ -e "/run/netns/$(nsname "$1")" ]; }

# link NODE IFACE NODE IFACE: a cable between the two, both ends up.
link() {
    ip link add "$2" netns "$(nsname "$1")" type veth peer name "$4" netns "$(nsname "$3")"
    on "$1" ip link set "$2" up
    on "$3" ip link set "$4" up
}

addr() { # NODE IFACE ADDRESS/LEN...
    local node=$1 iface=$2 a
    shift 2
    for a in "$@"; do
        case $a in
        *:*) on "$node" ip -6 addr add "$a" dev "$iface" nodad ;;
        *) on "$node" ip addr add "$a" dev "$iface" ;;
        esac
    done
}

forwarding() { tune "$1" net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; }

# --- the Internet and its servers ----------------------------------------------

inet_up() {
    ns_add inet
    forwarding inet
    on inet ip link add core type bridge
    on inet ip link set core up
    addr inet core 203.0.113.1/24 "$DNS4/32" "$WWW4/32" 2001:db8:1::1/64 "$DNS6/128" "$WWW6/128"
    local n
    for n in dc rs; do
        ns_add "$n"
        link inet "to-$n" "$n" eth0
        on inet ip link set "to-$n" master core
        on "$n" ip route add default via 203.0.113.1 2>/dev/null || true
    done
    addr dc eth0 "$DC4/24" "$DC6/64"
    addr rs eth0 "$RS4/24" "$RS6/64"
    for n in dc rs; do
        on "$n" ip route replace default via 203.0.113.1
        on "$n" ip -6 route replace default via 2001:db8:1::1
    done
    background dns inet "$PYTHON" "$QT/tools/dns.py" "$DNS4" "$DNS6" --web "$WWW4" "$WWW6" --delegate "ntm.test=$DC4"
    mkdir -p "$OUT/www"
    echo 'an ordinary server' >"$OUT/www/index.html"
    background www inet "$PYTHON" "$QT/tools/host.py" --dir "$OUT/www" --log "$OUT/www.seen" --bind "$WWW4"
}

# nat_up SIDE [random]: masquerades 10.0.0.0/24, lets nothing in that was not asked for.
# `random` gives every destination another outside port: a symmetric NAT.
nat_up() {
    local s=$1 n=nat-$1 out=${PUBLIC4[$1]} how=${2:+fully-random}
    ns_add "$n"
    forwarding "$n"
    link inet "to-$s" "$n" out0
    addr inet "to-$s" "$out.1/24" "${PUBLIC6[$s]}:1/64"
    addr "$n" out0 "$out.2/24"
    on "$n" ip route add default via "$out.1"
    on "$n" ip link add in0 type bridge
    on "$n" ip link set in0 up
    addr "$n" in0 10.0.0.1/24
    on "$n" nft -f - <<EOF
table inet nat {
    chain out {
        type nat hook postrouting priority 100;
        oifname "out0" masquerade $how
    }
    chain in {
        type filter hook input priority 0; policy accept;
        iifname "out0" ct state established,related accept
        iifname "out0" drop
    }
    chain through {
        type filter hook forward priority 0; policy accept;
        iifname "out0" ct state established,related accept
        iifname "out0" drop
    }
}
EOF
}

# --- routers ---------------------------------------------------------------------

# gw_net_up SIDE KIND: the router's interfaces, wan0 and lan0. KIND: nat, symnat, global, v6, dual.
gw_net_up() {
    local s=$1 kind=$2 g=gw-$1 v4=${PUBLIC4[$1]} v6=${PUBLIC6[$1]}
    local dns=$DNS4
    [ "$kind" = v6 ] && dns=$DNS6
    ns_add "$g" "$dns"
    forwarding "$g"
    case $kind in
    nat | symnat)
        if ! ns_exists "nat-$s"; then
            if [ "$kind" = symnat ]; then nat_up "$s" random; else nat_up "$s"; fi
        fi
        link "nat-$s" "to-gw" "$g" wan0
        on "nat-$s" ip link set to-gw master in0
        tune "$g" net.ipv6.conf.wan0.disable_ipv6=1
        addr "$g" wan0 10.0.0.2/24
        on "$g" ip route add default via 10.0.0.1
        ;;
    global | v6 | dual)
        link inet "to-$s" "$g" wan0
        addr inet "to-$s" "$v4.1/24" "$v6:1/64"
        if [ "$kind" = global ]; then
            tune "$g" net.ipv6.conf.wan0.disable_ipv6=1
        else
            addr "$g" wan0 "$v6:2/64"
            on "$g" ip -6 route add default via "$v6:1"
        fi
        if [ "$kind" != v6 ]; then
            addr "$g" wan0 "$v4.2/24"
            on "$g" ip route add default via "$v4.1"
        fi
        ;;
    *) fail "no such kind of WAN: $kind (nat, symnat, global, v6, dual)" ;;
    esac
    on "$g" ip link add lan0 type bridge
    on "$g" ip link set lan0 up
    addr "$g" lan0 192.168.1.1/24
}

# The router loses power and comes back: its namespace goes with all state of the kernel in it.
gw_reboot_net() { # SIDE KIND
    ns_kill "gw-$1"
    ip netns del "$(nsname "gw-$1")"
    # The other ends of its cables go a moment later.
    local other=inet cable=to-$1
    if ns_exists "nat-$1"; then other=nat-$1 cable=to-gw; fi
    wait_until 5 "gw-$1's cable is gone" has_no_link "$other" "$cable"
    # On another kind of WAN the old NAT is out of the way.
    if ns_exists "nat-$1" && [[ $2 != *nat ]]; then
        ns_kill "nat-$1"
        ip netns del "$(nsname "nat-$1")"
        wait_until 5 "nat-$1's cable is gone" has_no_link inet "to-$1"
    fi
    gw_net_up "$1" "$2"
}

has_no_link() { ! on "$1" ip link show "$2"; }

# --- hosts on the LANs ----------------------------------------------------------

# host_up NAME: plugs it into its router and starts its DHCP client; it serves HTTP and echoes.
host_up() {
    local h=$1
    ns_exists "$h" || ns_add "$h" 127.0.0.1
    host_plug "$h"
    mkdir -p "$OUT/$h"
    big_bin "$OUT/$h/big.bin"
    background "$h-serves" "$h" "$PYTHON" "$QT/tools/host.py" --dir "$OUT/$h" --log "$OUT/$h.seen"
}

host_plug() {
    local h=$1
    link "gw-${SIDE[$h]}" "to-$h" "$h" eth0
    on "gw-${SIDE[$h]}" ip link set "to-$h" master lan0
    on "$h" ip link set eth0 address "${MAC[$h]}"
    RESOLV=/etc/netns/$(nsname "$h")/resolv.conf background "$h-dhcp" "$h" udhcpc_run "$h"
}

udhcpc_run() {
    local client=udhcpc
    command -v udhcpc >/dev/null || client='busybox udhcpc'
    # shellcheck disable=SC2086 # two words where busybox has it
    exec $client -f -i eth0 -x "hostname:$1" -s "$QT/tools/udhcpc.sh" -t 20 -T 1 -A 1
}

has_lease() { on "$1" ip -4 addr show dev eth0 | grep -q 'inet 192\.168\.1\.'; }
lan_address() { on "$1" ip -4 -o addr show dev eth0 | awk '{split($4, a, "/"); print a[1]}'; }

# A file in which every kilobyte holds the marker that no WAN may show.
big_bin() { [ -s "$1" ] || tool bigfile "$1" "${NTM_BIG_MB:-20}"; }

# --- whole worlds -----------------------------------------------------------------

# world_net_up A_KIND B_KIND: everything but our daemons and the hosts.
world_net_up() {
    inet_up
    gw_net_up a "$1"
    gw_net_up b "$2"
}

# background NAME NODE COMMAND...: starts it in the node's namespace, output to NAME.log.
background() {
    local name=$1 node=$2
    shift 2
    if [ "$(type -t "$1")" = function ]; then
        local script; script="$(declare -f "$1"); QT='$QT'; $(printf '%q ' "$@")"
        set -- bash -c "$script"
    fi
    ip netns exec "$(nsname "$node")" setsid "$@" </dev/null >>"$OUT/$name.log" 2>&1 &
    echo $! >"$OUT/$name.pid"
    disown $!
}

ns_kill() {
    local pids; pids=$(ip netns pids "$(nsname "$1")" 2>/dev/null) || return 0
    # shellcheck disable=SC2086 # a list
    [ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
}

# world_down RUN: ends every process in the run's namespaces, then the namespaces.
world_down() {
    local n pids
    for n in /run/netns/ntm-"$1"-*; do
        [ -e "$n" ] || continue
        n=${n##*/}
        # Twice: a supervisor may have just started something.
        for _ in 1 2; do
            pids=$(ip netns pids "$n" 2>/dev/null) || true
            # shellcheck disable=SC2086 # a list
            [ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
        done
        ip netns del "$n" 2>/dev/null || true
    done
    rm -rf "/etc/netns/ntm-$1-"*
    rmdir /etc/netns 2>/dev/null || true
}

# Removes the worlds of runs that were killed before they could clean up.
world_sweep() {
    local n run
    for n in /run/netns/ntm-*; do
        [ -e "$n" ] || continue
        run=${n##*/ntm-}
        run=${run%%-*}
        [ -d "/proc/$run" ] || world_down "$run"
    done
}
