# shellcheck shell=bash
# Moves that something breaking makes: outages, NATs that start anew, WANs that die beside another. The network's return,
# or the death of what was in use, is the moment from which gaps count; what was lost counts from the beginning.
# shellcheck disable=SC2154 # `a` and `b` are keys

PORTAL_S=${NTM_PORTAL_S:-30}

# --- the only WAN ------------------------------------------------------------

# carrier SIDE N up|down: of the router's own cable.
carrier_command() { echo "ip -n $(nsname "box-$1-$2") link set to-gw $3"; }
has_carrier() { on "gw-$1" ip link show "wan$2" | grep -q 'state UP'; }

# The box's power is gone: no carrier, so no address, as netifd has it. It comes back as it was.
outage_seen() { # SECONDS
    local began n=${AT[a]}
    batch a < <(leave_words a "$n")
    moment "$(carrier_command a "$n" down)" "$COMMAND"
    began=${MOMENT% *}
    sleep "$1"
    moment "$(carrier_command a "$n" up)"
    wait_until 5 "wan$n has a carrier" has_carrier a "$n"
    batch a < <(join_words a "$n")
    moment "$COMMAND"
    MOMENT="$began ${MOMENT#* }"
}
outage_seen_5() { outage_seen 5; }
outage_seen_60() { outage_seen 60; }
outage_seen_600() { outage_seen 600; }

cable_command() { echo "$LINK_BIN ctl $OUT/link-up-$1-$2.sock $3"; }

# Nothing passes, and nothing tells. The box at the other end of the cable is there: if ARP were lost, too, the kernel
# would ask but once a second, and that would be measured.
outage_silent() { # SECONDS
    local began
    moment "$(cable_command a "${AT[a]}" blackhole=both)"
    began=${MOMENT% *}
    sleep "$1"
    moment "$(cable_command a "${AT[a]}" blackhole=none)"
    MOMENT="$began ${MOMENT#* }"
}
outage_silent_5() { outage_silent 5; }
outage_silent_60() { outage_silent 60; }

# The NAT has another outside address and has forgotten all; the router sees nothing of it.
nat_reboots() {
    local n=${AT[a]} old box
    box=$(nsname "box-a-$n")
    old=$(up_box4 a "$n")
    uplink_ages a "$n"
    nat_words a "$n" "$old" >"$OUT/batch-nat"
    echo "ip -n $box -batch $OUT/batch-nat; ip netns exec $box conntrack -F 2>/dev/null" >"$OUT/reboot"
    # The router's own address stays.
    moment "bash $OUT/reboot"
}

# The new network has a carrier at once and an address five seconds later.
slow_address() {
    local began to=$((1 - AT[a]))
    batch a < <(leave_words a "${AT[a]}")
    moment "$COMMAND"
    began=${MOMENT% *}
    sleep 5
    uplink_fresh a $to
    batch a < <(join_words a $to)
    AT[a]=$to
    moment "$COMMAND"
    MOMENT="$began ${MOMENT#* }"
}

# The new network gives an address, and lets nothing through until somebody has said yes to its portal.
portal() {
    local began to=$((1 - AT[a]))
    switch a $to
    linkctl "up-a-$to" blackhole=both >/dev/null
    moment "$COMMAND"
    began=${MOMENT% *}
    sleep "$PORTAL_S"
    moment "$(cable_command a $to blackhole=none)"
    MOMENT="$began ${MOMENT#* }"
}

# --- two WANs ----------------------------------------------------------------

# Both are up; the one in use has the better metric.
both_wans() {
    [ -z "${TWO:-}" ] || return 0
    TWO=yes METRIC=200
    uplink_join a 1 200
    sleep 3
}

# The user says that the other one is better.
planned() {
    both_wans
    local to=$((1 - AT[a]))
    if "$BIN/ntm-gateway" --help | grep -q '^ *wan '; then
        moment "ip netns exec $(nsname gw-a) $BIN/ntm-gateway wan prefer wan$to --dir $OUT/${GATEWAY[a]}"
    else
        # A better route by the other one; the one before, if any, goes at the same time.
        batch a < <(
            echo "route add default via $(up_gate4 a $to) dev wan$to metric $((100 - $1))"
            [ "$1" = 1 ] || echo "route del default via $(up_gate4 a "${AT[a]}") dev wan${AT[a]} metric $((101 - $1))"
        )
        moment "$COMMAND"
    fi
    # Every way works all the while, so there is nothing to wait for.
    MOMENT="${MOMENT% *} ${MOMENT% *}"
    AT[a]=$to
}

# The one in use loses its carrier; netifd takes its address a moment later. It returns as the worse one.
cut_seen() {
    both_wans
    local n=${AT[a]} cut
    [ "$1" = 1 ] || restored seen
    n=${AT[a]}
    moment "$(carrier_command a "$n" down)"
    cut=$MOMENT
    sleep 0.1
    batch a < <(leave_words a "$n")
    moment "$COMMAND"
    MOMENT=$cut
    GONE=$n AT[a]=$((1 - n))
}

# The one in use swallows everything, silently.
cut_silent() {
    both_wans
    [ "$1" = 1 ] || restored silent
    GONE=${AT[a]} AT[a]=$((1 - AT[a]))
    moment "$(cable_command a "$GONE" blackhole=both)"
}

# The one in use loses three of ten datagrams each way, until the tunnel has left it; then it is good again, and the
# tunnel comes back. `left_ms`: how long it took to leave; gaps count from then.
lossy() {
    both_wans
    local n=${AT[a]} began bad
    began=$(tool moment true)
    "$LINK_BIN" ctl "$OUT/link-up-a-$n.sock" loss=30% >/dev/null
    wait_until 60 "the tunnel leaves wan$n, which is lossy" leaves_by "$((1 - n))"
    MOMENT="${began% *} $(tool moment true | cut -d' ' -f2)"
    bad=$(((${MOMENT#* } - ${MOMENT% *}) / 1000))
    LEFT+=("$bad")
    figure left_ms "[$(IFS=,; echo "${LEFT[*]}")]"
    "$LINK_BIN" ctl "$OUT/link-up-a-$n.sock" loss=0% >/dev/null
    wait_until 120 "the tunnel comes back to wan$n, which is good again" leaves_by "$n"
}
LEFT=()
# The tunnel's traffic leaves by this WAN.
leaves_by() { [ "$(tunnel a wan)" = "wan$1" ]; }

# restored HOW: what was cut last is there again, with a worse metric than the other; not measured.
restored() {
    METRIC=$((METRIC + 10))
    if [ "$1" = seen ]; then
        moment "$(carrier_command a "$GONE" up)"
        wait_until 5 "wan$GONE has a carrier" has_carrier a "$GONE"
    else
        moment "$(cable_command a "$GONE" blackhole=none)"
        batch a < <(leave_words a "$GONE")
        moment "$COMMAND"
    fi
    uplink_join a "$GONE" "$METRIC"
    sleep 3
}

# --- relays ------------------------------------------------------------------

# The relay in use dies and stays dead while there is another; then it returns.
rs_dies() {
    local name=rs
    [ "$1" != 1 ] || second_relay
    case $(tunnel a remote) in
    "$RS4":* | "[$RS6]":*) ;;
    *) name=rs2 ;;
    esac
    for d in rs rs2; do
        [ ! -e "$OUT/$d.off" ] || { "${d}_start"; sleep 4; }
    done
    touch "$OUT/$name.off"
    moment "kill -KILL $(daemon_pid $name)"
}

second_relay() {
    local code
    ns_add rs2
    link inet to-rs2 rs2 eth0
    on inet ip link set to-rs2 master core
    addr rs2 eth0 203.0.113.21/24 2001:db8:1::21/64
    on rs2 ip route replace default via 203.0.113.1
    on rs2 ip -6 route replace default via 2001:db8:1::1
    code=$(dc relay-code rs2 2>>"$OUT/rs2.log" | tail -n 1) || fail "ntm-dc relay-code"
    on rs2 "$BIN/ntm-relay" enrol "$code" --dir "$OUT/rs2" --listen 203.0.113.21 --listen 2001:db8:1::21 >>"$OUT/rs2.log" 2>&1 ||
        fail "ntm-relay enrol"
    rs2_start
    sleep 3
}
rs2_start() { supervise rs2 rs2 "$BIN/ntm-relay" run --dir "$OUT/rs2"; }

# --- the wall clock ------------------------------------------------------------

# Days before or after today: a router that has just booted, one whose battery or time server is wrong, and back.
CLOCKS=(-20000d +12000d -9000d +0d +30000d)

# own_clock: the daemons get a wall clock that is ours to turn, and begin in the year of CLOCKS[0].
own_clock() {
    local lib d real=$BIN
    lib=$(compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' | head -n 1)
    [ -n "$lib" ] || fail "nothing to turn a clock with: install faketime"
    BIN=$OUT/bin
    mkdir -p "$BIN"
    for d in ntm-dc ntm-relay ntm-gateway; do
        printf '#!/bin/sh\nexec env LD_PRELOAD=%s FAKETIME_TIMESTAMP_FILE=%s FAKETIME_NO_CACHE=1 %s %s "$@"\n' \
            "$lib" "$OUT/clock" FAKETIME_DONT_FAKE_MONOTONIC=1 "$real/$d" >"$BIN/$d"
        chmod +x "$BIN/$d"
    done
    echo "${CLOCKS[0]}" >"$OUT/clock"
}

# The clock of all daemons jumps in the moment of a move; the third time the DC starts anew in another decade, too.
clock_turns() { # NUMBER
    local to=${CLOCKS[$1 % ${#CLOCKS[@]}]} year
    year=$(date -u -d "now ${to%d} days" +%Y)
    switch a $((1 - AT[a]))
    echo "$to" >"$OUT/clock.next"
    echo "mv $OUT/clock.next $OUT/clock; $COMMAND" >"$OUT/turn"
    [ "$1" != 3 ] || daemon_kill dc
    moment "bash $OUT/turn"
    wait_until 5 "car's log is of $year" logs_of "$year"
}
logs_of() { tail -n 3 "$OUT/car.log" | grep -q "^$1-"; }
