# shellcheck shell=bash
# Hosts on the LANs: a DHCP client and services, nothing of ours.

declare -A MAC=([laptop]=02:00:00:00:a0:01 [phone]=02:00:00:00:a0:02
    [camera]=02:00:00:00:b0:01 [printer]=02:00:00:00:b0:02)
declare -A SIDE=([laptop]=a [phone]=a [camera]=b [printer]=b)
# The name a host gives itself, where that is not what we call it.
declare -A LABEL=()

# host_up NAME: plugs it into its router and starts its DHCP client; it serves HTTP and echoes.
host_up() {
    host_make "$1"
    host_plug "$1"
}

# host_make NAME: all of it but the cable.
host_make() {
    local h=$1
    ns_exists "$h" || ns_add "$h" 127.0.0.1
    mkdir -p "$OUT/$h"
    big_bin "$OUT/$h/big.bin"
    background "$h-serves" "$h" "$PYTHON" "$QT/tools/host.py" --dir "$OUT/$h" --log "$OUT/$h.seen"
}

# light_host SIDE NUMBER: declares host SIDE-NUMBER, which calls itself dev-NUMBER, with a MAC of its own.
light_host() {
    SIDE[$1-$2]=$1 LABEL[$1-$2]=dev-$2
    MAC[$1-$2]=$(printf '02:00:00:00:%s0:%02x' "$1" $(($2 + 16)))
}

# light_up NAME: a host of which there may be many: it only answers datagrams.
light_up() {
    local h=$1
    ns_add "$h" 127.0.0.1
    host_plug "$h"
    background "$h-serves" "$h" "$PYTHON" "$QT/tools/pairs.py" serve "$(fqdn "$h")"
}

host_plug() {
    local h=$1
    link "gw-${SIDE[$h]}" "to-$h" "$h" eth0
    on "gw-${SIDE[$h]}" ip link set "to-$h" master lan0
    on "$h" ip link set eth0 address "${MAC[$h]}"
    RESOLV=/etc/netns/$(nsname "$h")/resolv.conf background "$h-dhcp" "$h" udhcpc_run "${LABEL[$h]:-$h}" eth0
}

# The host's cable goes, or has gone with its router.
host_unplugged() {
    { kill -KILL "$(cat "$OUT/$1-dhcp.pid")" && rm "$OUT/$1-dhcp.pid"; } 2>/dev/null || true
    on "$1" ip link del eth0 2>/dev/null || true
}

udhcpc_run() { # HOSTNAME IFACE
    local client=udhcpc
    command -v udhcpc >/dev/null || client='busybox udhcpc'
    # shellcheck disable=SC2086 # two words where busybox has it
    exec $client -f -i "$2" -x "hostname:$1" -s "$QT/tools/udhcpc.sh" -t 20 -T 1 -A 1
}

has_lease() { [ -n "$(lan_address "$1" "${2:-eth0}")" ]; }
lan_address() { on "$1" ip -4 -o addr show dev "${2:-eth0}" | awk '{split($4, a, "/"); print a[1]}'; }

# A file in which every kilobyte holds the marker that no WAN may show.
big_bin() { [ -s "$1" ] || tool bigfile "$1" "${NTM_BIG_MB:-20}"; }
