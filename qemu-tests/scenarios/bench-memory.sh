#!/usr/bin/env bash
# A gateway with 50 devices and tunnels to 10 others, in 64 MiB for everything: what it takes when nobody talks, under a
# load of every kind, and in an outage in which everybody goes on talking. NTM_LOAD_S: seconds of each (10).
# shellcheck disable=SC2034,SC2004 # arrays of the other files
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

ROOM=$((64 << 20))
IDLE_LIMIT=$((10 << 10)) LOADED_LIMIT=$((16 << 10)) # KiB
DEVICES=50
# A side's letter is part of its hosts' MAC addresses.
HOMES='b c d e f 0 1 2 3 4'
LOAD_S=${NTM_LOAD_S:-10}

play() {
    local s number=5 h before sent homes=()
    need_binaries
    inet_up
    dc_up
    rs_up
    for s in $HOMES; do
        GATEWAY[$s]=home-$s LAN4[$s]=192.168.1 PUBLIC4[$s]=192.0.$((100 + number)) PUBLIC6[$s]=2001:db8:$number:
        number=$((number + 1))
        light_host "$s" 1
        gw_net_up "$s" global
        gw_up "$s" global
        light_up "$s-1"
        homes+=("$(fqdn "$s-1")")
    done
    gw_net_up a nat
    gw_config a nat
    gw_enrol a
    cgroup_up
    # The groups are not to be seen in a namespace's /sys.
    (echo "$BASHPID" >"$CGROUP/cgroup.procs" && gw_start a)
    wait_until 5 "the gateway is in its group" confined
    for ((h = 1; h <= DEVICES; h++)); do
        light_host a "$h"
        ns_add "a-$h" 127.0.0.1
        host_plug "a-$h"
    done
    host_up laptop
    wait_until 60 "$DEVICES devices have identities" devices_have_identities
    for s in $HOMES; do wait_until 30 "a-1 finds $s-1" resolves a-1 "$(fqdn "$s-1")"; done
    for s in "${homes[@]}"; do on a-1 ping -qc 2 -i 0.2 -W 2 "$s" >>"$OUT/ping.log" 2>&1 || fail "$s does not answer"; done
    wait_until 20 "10 tunnels are up" tunnels_are 10
    # What was kept to be sent again is given back.
    sleep 15
    resident idle "$IDLE_LIMIT"

    before=$(sent_by_all)
    for ((h = 1; h <= 10; h++)); do background "spray-$h" "a-$h" "$PYTHON" "$QT/tools/spray.py" "$LOAD_S" 1000 "${homes[@]}"; done
    background flood laptop "$PYTHON" "$QT/tools/lanflood.py" "${LAN4[a]}.1" "$DOMAIN" "$LOAD_S" 2000
    sleep "$LOAD_S"
    resident loaded "$LOADED_LIMIT"
    sent=$((($(sent_by_all) - before) >> 20))
    say "$sent MiB were sent meanwhile"
    figure sent_mib "$sent"
    [ "$sent" -ge $((LOAD_S * 4)) ] || fail "hardly a load: $sent MiB in $LOAD_S s"

    say "the WAN is gone, and all go on talking"
    for ((h = 1; h <= 10; h++)); do background "spray-$h" "a-$h" "$PYTHON" "$QT/tools/spray.py" "$((LOAD_S + 5))" 1000 "${homes[@]}"; done
    sleep 1
    on gw-a ip link set wan0 down
    sleep "$LOAD_S"
    resident outage "$LOADED_LIMIT"
    on gw-a ip link set wan0 up
    on gw-a ip route add default via 10.0.0.1
    for s in "${homes[@]}"; do
        wait_until 30 "$s answers again" on a-20 ping -qc 1 -W 1 "$s"
    done
    [ "$(wc -l <"$OUT/car.starts")" -eq 1 ] || fail "the gateway was started anew"
    [ "$(refused)" -eq 0 ] || fail "the kernel refused it memory $(refused) times"
    figure room_kib $((ROOM >> 10))
}

devices_have_identities() { [ "$(gw a devices --json | json - "sum(1 for x in d if x['vip4'])")" -gt "$DEVICES" ]; }
confined() { grep -qx "$(daemon_pid car)" "$CGROUP/cgroup.procs"; }
sent_by_all() { gw a tunnels --json | json - "sum(t['sent'] for t in d)"; }
tunnels_are() { [ "$(gw a tunnels --json | json - "sum(1 for t in d if t['state'] == 'up')")" -eq "$1" ]; }

# resident NAME LIMIT: what the daemon has in memory, in KiB, now and at most so far.
resident() {
    local now most
    now=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(daemon_pid car)/status")
    most=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(daemon_pid car)/status")
    say "$1: $now KiB resident, $most KiB at most so far, limit $2"
    figure "rss_kib_$1" "$now"
    figure "rss_kib_limit_$1" "$2"
    [ "$now" -le "$2" ] || fail "$1: $now KiB resident, more than $2"
}

# The group of processes that has ROOM: for the gateway's process and what the kernel keeps for it.
cgroup_up() {
    local base=/sys/fs/cgroup
    if [ -e "$base/cgroup.controllers" ]; then
        echo +memory >"$base/cgroup.subtree_control" 2>/dev/null || true
        CGROUP=$base/ntm-$RUN
        { mkdir "$CGROUP" && echo "$ROOM" >"$CGROUP/memory.max"; } || fail "no memory cgroup here"
    else
        CGROUP=$base/memory/ntm-$RUN
        { mkdir "$CGROUP" && echo "$ROOM" >"$CGROUP/memory.limit_in_bytes"; } || fail "no memory cgroup here"
    fi
}

# How often the group had to be refused memory.
refused() {
    if [ -e "$CGROUP/memory.events" ]; then sed -n 's/^oom //p' "$CGROUP/memory.events"; else sed -n 's/^oom_kill //p' "$CGROUP/memory.oom_control"; fi
}

scenario bench-memory "$@"
