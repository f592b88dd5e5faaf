# shellcheck shell=bash
# The world: namespaces, links, the Internet and its servers. NATs are in nat.sh, routers in routers.sh,
# hosts in hosts.sh, what goes wrong in faults.sh.
#
#   laptop, phone -- gw-a -- [nat-a -- [cgn-a]] --\                    /-- dc  203.0.113.10
#                                                  inet (routes only) --- rs  203.0.113.20
#   camera, printer -- gw-b -- [nat-b -- [cgn-b]] -/                   \-- dns .53, www .80 (in inet)
#                      (gw-c: a third side, where a scenario wants one)
#
# All LANs are 192.168.1.0/24, all insides of NATs 10.0.0.0/24, of carriers' NATs 100.64.0.0/24. Side a
# lives on 198.51.100.0/24 and 2001:db8:2::/48, side b on 192.0.2.0/24 and 2001:db8:3::/48, side c on
# 192.0.3.0/24 and 2001:db8:4::/48, the servers on 203.0.113.0/24 and 2001:db8:1::/64. Nothing here uses
# 198.18.0.0/15: that is the virtual range.

DC4=203.0.113.10 DC6=2001:db8:1::10
RS4=203.0.113.20 RS6=2001:db8:1::20
DNS4=203.0.113.53 DNS6=2001:db8:1::53
WWW4=203.0.113.80 WWW6=2001:db8:1::80
# Which domains' name servers the Internet's DNS knows; a scenario may have others.
DELEGATIONS=("ntm.test=$DC4")
# shellcheck disable=SC2034 # used in the other files
declare -A PUBLIC4=([a]=198.51.100 [b]=192.0.2 [c]=192.0.3) PUBLIC6=([a]=2001:db8:2: [b]=2001:db8:3: [c]=2001:db8:4:)
# The LANs' prefixes; a scenario may change one.
# shellcheck disable=SC2034 # used in the other files
declare -A LAN4=([a]=192.168.1 [b]=192.168.1 [c]=192.168.1)

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

# ns_gone NODE: ends what runs there, and the namespace; its cables go with it.
ns_gone() {
    ns_exists "$1" || return 0
    ns_kill "$1"
    ip netns del "$(nsname "$1")"
}

has_no_link() { ! on "$1" ip link show "$2"; }

# bridge NODE NAME [ADDRESS/LEN...]
# Its hardware address stays what it is: left to itself, it changes as cables come and go.
bridge() {
    on "$1" ip link add "$2" type bridge
    on "$1" ip link set "$2" address "$(on "$1" cat "/sys/class/net/$2/address")"
    on "$1" ip link set "$2" up
    [ $# -le 2 ] || addr "$@"
}

forwarding() { tune "$1" net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; }

# --- the Internet and its servers ----------------------------------------------

inet_up() {
    ns_add inet
    forwarding inet
    bridge inet core 203.0.113.1/24 "$DNS4/32" "$WWW4/32" 2001:db8:1::1/64 "$DNS6/128" "$WWW6/128"
    local n
    for n in dc rs; do
        ns_add "$n"
        link inet "to-$n" "$n" eth0
        on inet ip link set "to-$n" master core
    done
    addr dc eth0 "$DC4/24" "$DC6/64"
    addr rs eth0 "$RS4/24" "$RS6/64"
    for n in dc rs; do
        on "$n" ip route replace default via 203.0.113.1
        on "$n" ip -6 route replace default via 2001:db8:1::1
    done
    background dns inet "$PYTHON" "$QT/tools/dns.py" "$DNS4" "$DNS6" --web "$WWW4" "$WWW6" --delegate "${DELEGATIONS[@]}"
    mkdir -p "$OUT/www"
    echo 'an ordinary server' >"$OUT/www/index.html"
    background www inet "$PYTHON" "$QT/tools/host.py" --dir "$OUT/www" --log "$OUT/www.seen" --bind "$WWW4"
}

# --- whole worlds -----------------------------------------------------------------

# world_net_up A_KIND [B_KIND [C_KIND]]: everything but our daemons and the hosts.
world_net_up() {
    local s sides=(a b c)
    inet_up
    for s in "${sides[@]:0:$#}"; do
        gw_net_up "$s" "$1"
        shift
    done
}

# background NAME NODE COMMAND...: starts it in the node's namespace, output to NAME.log; by $FIRST, if that says something.
FIRST=
background() {
    local name=$1 node=$2
    shift 2
    if [ "$(type -t "$1")" = function ]; then
        local script; script="$(declare -f "$1"); QT='$QT'; $(printf '%q ' "$@")"
        set -- bash -c "$script"
    fi
    # shellcheck disable=SC2086 # words
    ip netns exec "$(nsname "$node")" $FIRST setsid "$@" </dev/null >>"$OUT/$name.log" 2>&1 &
    echo $! >"$OUT/$name.pid"
    disown $!
}

ns_kill() {
    local pids; pids=$(ip netns pids "$(nsname "$1")" 2>/dev/null) || return 0
    # shellcheck disable=SC2086 # a list
    [ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
}

# world_down RUN: ends every process in the run's namespaces, then the namespaces, and the group of processes if it has one.
world_down() {
    local n pids group
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
    for group in /sys/fs/cgroup/ntm-"$1" /sys/fs/cgroup/memory/ntm-"$1"; do
        # Who was in it may need a moment to go.
        for _ in 1 2 3 4 5; do
            [ -d "$group" ] || break
            rmdir "$group" 2>/dev/null || sleep 0.2
        done
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
