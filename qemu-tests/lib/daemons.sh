# shellcheck shell=bash
# Our daemons in the world: set up, supervised as procd would, killed, asked.

DOMAIN=ntm.test
declare -A GATEWAY=([a]=car [b]=home [c]=office)
BIN=${NTM_BIN_DIR:-${CARGO_TARGET_DIR:-$TOP/target}/debug}

need_binaries() {
    local b
    for b in ntm-dc ntm-relay ntm-gateway; do
        [ -x "$BIN/$b" ] || fail "$BIN/$b is missing: run make daemons first, or set NTM_BIN_DIR"
    done
}

fqdn() { echo "${LABEL[$1]:-$1}.${GATEWAY[${SIDE[$1]}]}.$DOMAIN"; }

# --- supervision -----------------------------------------------------------------

# supervise NAME NODE COMMAND...: starts it again one second after it ends. NAME.daemon holds its pid,
# NAME.starts all it ever had.
supervise() {
    rm -f "$OUT/$1.off"
    background "$1" "$2" supervisor "$OUT/$1" "${@:3}"
}

supervisor() {
    local at=$1
    shift
    while [ ! -e "$at.off" ]; do
        "$@" &
        echo $! >"$at.daemon"
        echo $! >>"$at.starts"
        wait $! || echo "== ended with status $?, starting again in a second"
        sleep 1
    done
}

daemon_pid() { cat "$OUT/$1.daemon"; }
daemon_kill() { kill -KILL "$(daemon_pid "$1")"; }
daemon_runs() { [ -s "$OUT/$1.daemon" ] && kill -0 "$(daemon_pid "$1")"; }

# daemon_stop NAME: ends it for good (SIGTERM, then SIGKILL after five seconds).
daemon_stop() {
    touch "$OUT/$1.off"
    kill -TERM "$(daemon_pid "$1")" 2>/dev/null || return 0
    local _
    for _ in $(seq 50); do
        kill -0 "$(daemon_pid "$1")" 2>/dev/null || return 0
        sleep 0.1
    done
    say "$1 did not end on SIGTERM"
    daemon_kill "$1"
}

# --- the coordinator and the relay --------------------------------------------------

dc() { on dc timeout 10 "$BIN/ntm-dc" "$@" --dir "$OUT/dc"; }

dc_up() {
    dc init --domain "$DOMAIN" --listen "$DC4" --listen "$DC6" >"$OUT/dc-init.log" 2>&1 || fail "ntm-dc init"
    dc_start
    wait_until 10 "the DC answers DNS" dc_answers
    dc account add demo >>"$OUT/dc-init.log" 2>&1 || fail "ntm-dc account add"
}

dc_start() { supervise dc dc "$BIN/ntm-dc" run --dir "$OUT/dc"; }
dc_answers() { on inet dig +time=1 +tries=1 "@$DC4" "$DOMAIN" SOA | grep -q 'status: NOERROR'; }

rs_up() {
    local code
    code=$(dc relay-code rs1 2>>"$OUT/rs.log" | tail -n 1) || fail "ntm-dc relay-code"
    on rs "$BIN/ntm-relay" enrol "$code" --dir "$OUT/rs" --listen "$RS4" --listen "$RS6" >>"$OUT/rs.log" 2>&1 ||
        fail "ntm-relay enrol"
    rs_start
}

rs_start() { supervise rs rs "$BIN/ntm-relay" run --dir "$OUT/rs"; }

# --- gateways --------------------------------------------------------------------------

# gw SIDE COMMAND...: the command line of the side's gateway, beside the running daemon.
gw() {
    local s=$1 command=$2
    shift 2
    on "gw-$s" "$BIN/ntm-gateway" "$command" "$@" --dir "$OUT/${GATEWAY[$s]}"
}

gw_config() { # SIDE KIND
    local dir=$OUT/${GATEWAY[$1]} dns=$DNS4 range=
    [ -z "${RANGE4[$1]:-}" ] || range="range = \"${RANGE4[$1]}\""
    [ "$2" = v6 ] && dns=$DNS6
    mkdir -p "$dir"
    cat >"$dir/ntm-gateway.toml" <<EOF
[lan]
interface = "lan0"
address = "${LAN4[$1]}.${ROUTER4[$1]:-1}/24"
dhcp = "server"
$range
[wan]
interfaces = ["wan0"]
masquerade = true
[dns]
upstream = ["$dns"]
[log]
level = "${NTM_LOG:-info}"
EOF
}

gw_enrol() { # SIDE
    local code name=${GATEWAY[$1]}
    code=$(dc gateway-code "$name" --account demo 2>>"$OUT/$name.log" | tail -n 1) || fail "ntm-dc gateway-code $name"
    gw "$1" enrol "$code" >>"$OUT/$name.log" 2>&1 || fail "ntm-gateway enrol $name"
}

gw_start() { supervise "${GATEWAY[$1]}" "gw-$1" "$BIN/ntm-gateway" run --dir "$OUT/${GATEWAY[$1]}"; }

gw_up() { # SIDE KIND
    gw_config "$1" "$2"
    gw_enrol "$1"
    gw_start "$1"
}

# gw_anew SIDE KIND HOST...: instead of the side's gateway a new one of the same name that nobody has met.
gw_anew() {
    local s=$1 kind=$2 h dir=$OUT/${GATEWAY[$1]}
    shift 2
    for h in "$@"; do host_unplugged "$h"; done
    side_net_down "$s"
    if [ -e "$dir" ]; then
        dc node remove "${GATEWAY[$s]}" >>"$OUT/dc-init.log" 2>&1 || fail "ntm-dc node remove ${GATEWAY[$s]}"
        rm -rf "$dir" "$dir".*
    fi
    gw_net_up "$s" "$kind"
    gw_up "$s" "$kind"
    for h in "$@"; do host_plug "$h"; done
}

# The router loses power: its daemon dies, its namespace goes, both come back, its hosts ask DHCP again.
gw_reboot() { # SIDE KIND HOST...
    local s=$1 kind=$2 h
    shift 2
    touch "$OUT/${GATEWAY[$s]}.off"
    for h in "$@"; do host_unplugged "$h"; done
    gw_reboot_net "$s" "$kind"
    gw_start "$s"
    for h in "$@"; do
        wait_until 5 "$h's cable is gone" has_no_link "$h" eth0
        host_plug "$h"
    done
}

# tunnel SIDE MEMBER: one member of the first tunnel in `tunnels --json`, e.g. path.
tunnel() { gw "$1" tunnels --json 2>/dev/null | json - "(d or [{}])[0].get('$2')"; }
tunnel_path_is() { [ "$(tunnel "$1" path)" = "$2" ]; }

# identity HOST: name, node id and virtual addresses, as its gateway tells them.
identity() {
    gw "${SIDE[$1]}" devices --json 2>/dev/null |
        json - "' '.join(str(find(d, name='$(fqdn "$1")').get(k)) for k in ('name', 'node_id', 'vip4', 'vip6'))"
}

has_identity() { [ "$(identity "$1" | wc -w)" -eq 4 ] && ! identity "$1" | grep -qw None; }
vip4() { identity "$1" | cut -d' ' -f3; }
vip6() { identity "$1" | cut -d' ' -f4; }

# --- whole worlds -------------------------------------------------------------------------

# world_up A_KIND B_KIND HOST...: the story's world with all daemons and these hosts, ready to talk.
world_up() {
    local a=$1 b=$2 h
    shift 2
    need_binaries
    world_net_up "$a" "$b"
    [ -z "${CAPTURE:-}" ] || captures_of_wans
    dc_up
    rs_up
    gw_up a "$a"
    gw_up b "$b"
    for h in "$@"; do host_up "$h"; done
    for h in "$@"; do
        ready "$h"
        say "$h: $(lan_address "$h") on its LAN, $(vip4 "$h") everywhere"
    done
}

ready() { # HOST
    wait_until 20 "$1 has a DHCP lease" has_lease "$1"
    wait_until 20 "$1 has an identity" has_identity "$1"
}

# resolves HOST NAME: the host's own resolver, by DHCP, knows the name.
resolves() { [ -n "$(on "$1" dig +short +time=1 +tries=1 "$2" A)" ]; }

# captures NODE:IFACE...: tcpdump there until captures_end; files are NODE-IFACE.pcap.
captures() {
    local at n
    CAPTURED=()
    for at in "$@"; do
        n=${at/:/-}
        background "tcpdump-$n" "${at%%:*}" tcpdump -i "${at##*:}" -U -n --immediate-mode -s 2048 -B 32768 -w "$OUT/$n.pcap"
        CAPTURED+=("$n")
    done
    for n in "${CAPTURED[@]}"; do wait_until 5 "tcpdump on $n" grep -q 'listening on' "$OUT/tcpdump-$n.log"; done
}

# Every WAN, and a LAN as the control: there the scan must find what it looks for.
captures_of_wans() {
    local at=(gw-a:wan0 gw-b:wan0 rs:eth0 dc:eth0 gw-b:lan0)
    if ns_exists nat-a; then at+=(nat-a:out0); fi
    if ns_exists nat-b; then at+=(nat-b:out0); fi
    captures "${at[@]}"
}

# What outlives a router's power cut: the outsides of the NATs, and the servers.
captures_of_survivors() {
    local at=(rs:eth0 dc:eth0)
    if ns_exists nat-a; then at+=(nat-a:out0); fi
    if ns_exists nat-b; then at+=(nat-b:out0); fi
    captures "${at[@]}"
}

captures_end() {
    local n
    sleep 0.3
    for n in "${CAPTURED[@]}"; do kill -TERM "$(cat "$OUT/tcpdump-$n.pid")" 2>/dev/null || true; done
    for n in "${CAPTURED[@]}"; do
        wait_until 10 "tcpdump on $n has ended" grep -q 'dropped by kernel' "$OUT/tcpdump-$n.log"
        grep -q '^0 packets dropped by kernel' "$OUT/tcpdump-$n.log" || say "the capture on $n is not complete"
    done
}
