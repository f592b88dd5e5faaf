# shellcheck shell=bash
# The world of moves: `car` (side a) and `home` (side b) on uplinks, traffic between laptop and camera that runs all the
# while, and moves done over and over under it. Sourced after lib.sh, with lib/uplinks.sh.
#
# A move is a function that is called with the number of the repeat. It prepares what it likes, and then calls `moment`
# with the commands that are the move; what the network did before they ended is not counted.

REPEATS=${NTM_REPEATS:-20}
# What runs in the world, and the move itself, come before what looks on, here and in other worlds: the routers are
# measured, not how this machine shares its processors. Cables and traffic come before all, by themselves.
# shellcheck disable=SC2034 # for background
FIRST='nice -n -10'
APART_S=${NTM_APART:-3} # from one move's end to the next
PATIENT=yes              # the next one waits until all is well again

# moves_world A_KINDS B_KINDS: each a list, for uplinks 0, 1...; both routers begin on their uplink 0.
moves_world() {
    need_binaries
    export NTM_BIG_MB=1
    inet_up
    site_up a "$1"
    site_up b "$2"
    dc_up
    rs_up
    gw_up a any
    gw_up b any
    host_up laptop
    host_up camera
    ready laptop
    ready camera
}

site_up() { # SIDE KINDS
    local kind n=0
    ns_add "gw-$1"
    forwarding "gw-$1"
    bridge "gw-$1" lan0 "${LAN4[$1]}.1/24"
    for kind in $2; do
        uplink_up "$1" "$n" "$kind"
        n=$((n + 1))
    done
    uplink_join "$1" 0
    AT[$1]=0
}
declare -A AT=() # each side's uplink

# Takes the place of what there is for a single WAN: every interface with a default route is one, best metric first.
gw_config() { # SIDE
    mkdir -p "$OUT/${GATEWAY[$1]}"
    cat >"$OUT/${GATEWAY[$1]}/ntm-gateway.toml" <<EOT
[lan]
interface = "lan0"
address = "${LAN4[$1]}.1/24"
dhcp = "server"
[wan]
masquerade = true
[dns]
upstream = ["$DNS4", "$DNS6"]
[log]
level = "${NTM_LOG:-info}"
EOT
}

# --- traffic -----------------------------------------------------------------

# traffic_up [OPTION...]: between laptop and camera, by virtual address, until traffic_down.
traffic_up() {
    wait_until 20 "laptop resolves $(fqdn camera)" resolves laptop "$(fqdn camera)"
    wait_until 20 "laptop reaches camera" on laptop ping -qc 1 -W 1 "$(vip4 camera)"
    traffic_start "$@"
    # A direct way may still be found.
    sleep 2
    RTT_MS=$(gw a ping "$(fqdn camera)" --count 3 --json | json - "str(round(d['rtt_min_ms'], 1))") || fail "no round trip"
    figure rtt_ms "$RTT_MS"
    say "traffic runs; $(tunnel a path), round trip $RTT_MS ms"
}

traffic_start() {
    rm -f "$OUT/traffic.stop"
    background traffic-camera camera "$PYTHON" "$QT/tools/traffic.py" second "$(vip4 laptop)" "$OUT/camera" --stop "$OUT/traffic.stop" "$@"
    wait_until 5 "the camera listens" [ -e "$OUT/camera.udp" ]
    background traffic-laptop laptop "$PYTHON" "$QT/tools/traffic.py" first "$(vip4 camera)" "$OUT/laptop" --stop "$OUT/traffic.stop" "$@"
    : >"$OUT/marks"
    wait_until 10 "traffic runs" came_back 1
}

FLOWS='laptop.udp camera.udp laptop.lines laptop.bulk camera.bulk'

# came_back SINCE_US: every flow has brought something since.
came_back() {
    local rows=() row flows
    read -ra flows <<<"$FLOWS"
    mapfile -t rows < <(tail -qn 1 "${flows[@]/#/$OUT/}" 2>/dev/null)
    [ ${#rows[@]} -eq ${#flows[@]} ] || return 1
    for row in "${rows[@]}"; do [ "${row##* }" -gt "$1" ] || return 1; done
}

# CLOCK_MONOTONIC in microseconds, to ten milliseconds, as cheaply as can be: this is asked all the time.
clock_us() { local up _; read -r up _ </proc/uptime; echo $((${up/./} * 10000)); }

traffic_down() {
    touch "$OUT/traffic.stop"
    local h
    for h in laptop camera; do wait_until 10 "$h's traffic ends" has_no_traffic "$h"; done
}
has_no_traffic() { ! kill -0 "$(cat "$OUT/traffic-$1.pid")"; }

# --- moves -------------------------------------------------------------------

# moment COMMAND...: all at once; the move of this repeat.
moment() { MOMENT=$($FIRST "$PYTHON" "$QT/tools/moment.py" "$@") || fail "the move itself: $*"; }

# batch SIDE: reads words for `ip -batch`; COMMAND becomes the command that will do them in the router.
# shellcheck disable=SC2034 # for the moves
batch() {
    cat >"$OUT/batch-$1"
    COMMAND="ip -n $(nsname "gw-$1") -batch $OUT/batch-$1"
}

# switch SIDE TO [METRIC]: COMMAND takes the router from where it is to another uplink, which is made new.
switch() {
    uplink_fresh "$1" "$2"
    batch "$1" < <(leave_words "$1" "${AT[$1]}"; join_words "$@")
    AT[$1]=$2
}

# quietly COMMAND...: a move that is not measured, to begin the next one from where it is to begin.
quietly() {
    moment "$@"
    wait_until 10 "everything goes on before $MOVE" came_back "${MOMENT#* }"
    sleep "$APART_S"
}

# returns WHEN: every flow goes on within ten seconds. Later is a failure, too, but how much later shall be known.
returns() {
    while ! came_back "${MOMENT#* }"; do
        [ $(($(clock_us) - ${MOMENT#* })) -lt 10000000 ] || break
        sleep 0.1
    done
    ! came_back "${MOMENT#* }" || return 0
    LATE=$((LATE + 1))
    say "not everything goes on within ten seconds $1"
    wait_until 90 "everything goes on $1" came_back "${MOMENT#* }"
}
LATE=0

# repeats FUNCTION: under traffic, the move again and again; then what it cost.
repeats() {
    local i
    for ((i = 1; i <= REPEATS; i++)); do
        "$1" "$i"
        [ -z "$PATIENT" ] || returns "after $MOVE $i/$REPEATS"
        sleep "$APART_S"
        echo "$i $MOMENT $(clock_us) $(clock_us)" >>"$OUT/marks"
        say "$MOVE $i/$REPEATS: $(tool moves repeat "$OUT" "$i") path $(tunnel a path || true)"
    done
    returns "in the end"
}

# costs AIM...: ends the traffic; the figures, and which aims were missed.
costs() {
    gw a handovers --json >"$OUT/handovers.json" || fail "no record of the handovers"
    traffic_down
    tool moves costs "$OUT" "$RTT_MS" "$@" >"$OUT/costs" || fail "no figures: $(cat "$OUT/costs")"
    cat "$OUT/costs" >>"$REPORT/figures"
    local missed; missed=$(sed -n 's/^aims_missed\t//p' "$OUT/costs")
    [ "$missed" = '[]' ] || say "$MOVE: AIMS MISSED: $missed"
    [ "$LATE" = 0 ] || fail "$LATE times something did not go on within ten seconds"
    [ ! -s "$OUT/laptop.deaths" ] || fail "a session died: $(head -n 3 "$OUT/laptop.deaths" | tr '\n' ';')"
    ! grep -q ' udp ' "$OUT"/*.deaths || fail "altered datagrams"
}
