# shellcheck shell=bash
# The moves there are: what each does, on which uplinks, and what is aimed at; then those from one network to another.
# What breaks is in lib/movefaults.sh. Sourced after lib/moves.sh.
# shellcheck disable=SC2154 # `a` and `b` are keys

M='tcp_lost == 0;p50 <= 1.5 * rtt + 20;p99 <= 3 * rtt + 50' # a plain move
B='tcp_lost == 0;p50 <= 3 * rtt + 50'                       # both ends at once
R='tcp_lost == 0;resume <= 2 * rtt + 50'                    # the network comes back, the interactive session goes on

# NAME: FUNCTION A_KINDS B_KINDS [SETTING=VALUE...] | AIM;AIM...; settings: `changes` (as many repeats in any case),
# `only` (whose datagrams are all there is), `worlds` (that share the repeats, because each takes so long), `waits` (most of
# that time without traffic), `repeats` (because it takes long: so many, unless NTM_LONG=1), `clock` (the
# daemons have a wall clock of their own)
# shellcheck disable=SC2034 # for move.sh
declare -A MOVE_OF=(
    [still]="stays nat nat|tcp_lost == 0;udp_lost == 0;worst <= 10"
    [renumber]="renumber global nat|$M"
    [nat-to-nat]="other_uplink nat,nat nat|$M"
    [global-to-nat]="to_second global,nat nat|$M"
    [nat-to-global]="to_second nat,global nat|$M"
    [v4-to-v6]="to_second nat,v6 nat|$M"
    [v4-to-v6-peer6]="to_second nat,v6 v6|$M"
    [v4-to-v6-dual]="to_second nat,v6 dual|$M"
    [v6-to-v4]="to_second v6,nat nat|$M"
    [v6-to-v4-peer6]="to_second v6,nat v6|$M"
    [v6-to-v4-dual]="to_second v6,nat dual|$M"
    [both]="both_at_once nat,global nat,nat|$B"
    [both-nats]="both_at_once nat,nat nat,nat|$B"
    [nat-reboot]="nat_reboots nat nat|tcp_lost == 0;p99 <= 5 * rtt + 200"
    [outage]="outage_seen_5 nat nat|$R"
    [outage-silent]="outage_silent_5 nat nat|$R"
    [outage-60]="outage_seen_60 nat nat worlds=4 waits|$R"
    [outage-silent-60]="outage_silent_60 nat nat worlds=4 waits|$R"
    [outage-600]="outage_seen_600 nat nat repeats=6 worlds=20 waits|$R"
    [two-wans-planned]="planned nat,nat nat|tcp_lost == 0;udp_lost == 0;worst <= 10"
    [two-wans-cut]="cut_seen nat,nat nat|tcp_lost == 0;udp_lost == 0;worst <= 3 * rtt + 50"
    [two-wans-cut-silent]="cut_silent nat,nat nat|tcp_lost == 0;udp_lost == 0;worst <= 3 * rtt + 50"
    [two-wans-lossy]="lossy nat,nat nat repeats=6 worlds=2|tcp_lost == 0"
    [flap]="flap nat,nat nat changes=30|tcp_lost == 0"
    [awkward-twice]="twice nat,nat,nat nat|$B"
    [awkward-relay]="at_direct nat,nat nat|$B"
    [awkward-handshake]="at_handshake nat,nat nat|tcp_lost == 0"
    [awkward-renewal]="at_renewal nat,nat nat repeats=6 worlds=3|$B"
    [dc-down]="without_dc nat,nat nat|$M"
    [dc-down-both]="both_without_dc nat,global nat,nat|tcp_lost == 0"
    [rs-down]="rs_dies symnat symnat|tcp_lost == 0"
    [dhcp-slow]="slow_address nat,nat nat|$M"
    [clock]="clock_turns nat,nat nat clock|$M"
    [portal]="portal nat,nat nat worlds=2 waits|$R"
    [listening-renumber]="renumber global nat only=second|$M"
    [listening-nat-to-nat]="other_uplink nat,nat nat only=second|$M"
    [listening-global-to-nat]="to_second global,nat nat only=second|$M"
    [listening-nat-to-global]="to_second nat,global nat only=second|$M"
)
# What others are put to, and who they are.
# shellcheck disable=SC2034 # for move-peers.sh and moves.sh
PEERS_MOVES='renumber nat-to-nat both nat-reboot two-wans-cut listening-nat-to-nat' PEERS='wireguard nebula'
# In this order.
# shellcheck disable=SC2034 # for moves.sh
MOVES="still renumber nat-to-nat global-to-nat nat-to-global v4-to-v6 v4-to-v6-peer6 v4-to-v6-dual v6-to-v4 v6-to-v4-peer6 v6-to-v4-dual
    both both-nats nat-reboot outage outage-silent two-wans-planned two-wans-cut two-wans-cut-silent two-wans-lossy flap
    awkward-twice awkward-relay awkward-handshake dc-down dc-down-both rs-down dhcp-slow clock
    listening-renumber listening-nat-to-nat listening-global-to-nat listening-nat-to-global
    portal outage-60 outage-silent-60 outage-600 awkward-renewal"

# No move at all: what this machine and the measuring make of nothing.
stays() { moment true; }

# The same interface and network, another address.
renumber() {
    switch a 0
    moment "$COMMAND"
}

# To the other of two uplinks, which it has not seen like this.
other_uplink() {
    switch a $((1 - AT[a]))
    moment "$COMMAND"
}

# Always from uplink 0 to uplink 1.
to_second() {
    if [ "${AT[a]}" = 1 ]; then
        switch a 0
        quietly "$COMMAND"
    fi
    other_uplink
}

# Both routers in the same moment.
both_at_once() {
    local first
    switch a $((1 - AT[a]))
    first=$COMMAND
    switch b $((1 - AT[b]))
    moment "$first" "$COMMAND"
}

# Away every two seconds, whether or not all is well again.
flap() {
    # shellcheck disable=SC2034 # for moves.sh
    PATIENT='' APART_S=1.9
    other_uplink
}

# The second move follows 50 ms after the first; counted from the second.
twice() {
    local began
    switch a $(((AT[a] + 1) % 3))
    moment "$COMMAND"
    began=${MOMENT% *}
    switch a $(((AT[a] + 1) % 3))
    sleep 0.05
    moment "$COMMAND"
    MOMENT="$began ${MOMENT#* }"
}

# While the tunnel leaves the relay for a direct way: somewhere in the two seconds after one is there again.
at_direct() {
    cut_direct a b both
    wait_until 10 "the path is relay" tunnel_path_is a relay
    sleep 1
    heal direct
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    other_uplink
}

# While the other gateway, which was killed, makes the tunnel anew: it starts again after a second.
at_handshake() {
    local began
    began=$(tool moment true)
    daemon_kill home
    sleep "1.$((RANDOM % 4))$((RANDOM % 10))"
    other_uplink
    MOMENT="${began% *} ${MOMENT#* }"
}

# Keys are renewed every two minutes from the tunnel's first: moves all around that moment, the last one counts.
at_renewal() {
    local began up due now _
    began=$(tool moment true)
    up=$(date -d "$(grep -m 1 'a tunnel is up' "$OUT/car.log" | cut -d' ' -f1)" +%s%3N)
    now=$(now_ms)
    # Five seconds before it, eight seconds long.
    due=$((up + (1 + (now + 5000 - up) / 120000) * 120000 - 5000))
    sleep $(((due - now) / 1000))
    for _ in $(seq 16); do
        other_uplink
        sleep 0.35
    done
    other_uplink
    MOMENT="${began% *} ${MOMENT#* }"
}

without_dc() {
    [ "$1" != 1 ] || daemon_stop dc
    other_uplink
}

both_without_dc() {
    [ "$1" != 1 ] || daemon_stop dc
    both_at_once
}
