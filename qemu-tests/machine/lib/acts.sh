# shellcheck shell=bash
# What is played with routers in qemu, one function per act. Sourced after lib/machines.sh.
# shellcheck disable=SC2154 # used in the other files

boots() {
    local s t year; t=$(now_ms)
    for s in a b; do machine_on "$s"; done
    for s in a b; do
        machine_booted "$s"
        say "${GATEWAY[$s]} has booted: $(guest "$s" 'uname -r; date' | xargs)"
        year=$(guest "$s" date +%Y)
        [ "$year" = 1970 ] || fail "${GATEWAY[$s]}'s clock says $year, not 1970"
    done
    figure both_booted_s $((($(now_ms) - t) / 1000))
    for s in a b; do
        wan_settings "$s" wan 0
        [ "$s" != a ] || wan_settings a wan2 1
        guest_does "$s" "uci -q set network.wan2.auto=0; uci set system.@system[0].hostname=${GATEWAY[$s]}; uci commit;
            hostname ${GATEWAY[$s]}; /etc/init.d/network up wan"
        delay "$s" "${NTM_DELAY_MS:-20}" "${NTM_LOSS:-}"
    done
}

declare -A BEFORE=()
enrols() {
    local s
    for s in a b; do
        BEFORE[$s]=$(traces "$s")
        settings "$s"
        machine_enrol "$s"
        [ -z "$(daemon_pid_in "$s" 2>/dev/null)" ] || fail "${GATEWAY[$s]}: the daemon runs though it is not enabled"
        machine_enable "$s"
    done
    for s in a b; do wait_until 60 "${GATEWAY[$s]} is registered" gw "$s" status --json; done
    say "both are enrolled, with clocks that say $(guest a date +%Y)"
}

story() {
    local h
    for h in laptop camera; do host_up "$h"; done
    for h in laptop camera; do
        wait_until 60 "$h has a DHCP lease" has_lease "$h"
        wait_until 60 "$h has an identity" has_identity "$h"
        say "$h: $(lan_address "$h") on its LAN, $(vip4 "$h") everywhere"
    done
    VIPS="$(vip4 laptop) $(vip4 camera)"
    first_words laptop camera
    plain_ping laptop camera
    download laptop camera
    the_rest laptop
}

# --- under traffic -------------------------------------------------------------

EVENTS=()

# event NAME COMMAND...: it happens, and what it cost is counted from before its beginning; all flows go on after it.
# Commands of a guest take a moment themselves, so this is more than the router's own share.
event() {
    local name=$1 before; before=$(clock_us)
    shift
    "$@"
    MOMENT="$before $(clock_us)"
    wait_until "${PATIENCE_S:-30}" "everything goes on after $name" came_back "${MOMENT#* }"
    sleep "$APART_S"
    EVENTS+=("$name")
    echo "${#EVENTS[@]} $before $before $(clock_us) $(clock_us)" >>"$OUT/marks"
    say "$name: $(tool moves repeat "$OUT" "${#EVENTS[@]}") path $(tunnel a path 2>/dev/null || true)"
}

# guest_switch SIDE FROM TO: the router is told at once, as when netifd does it, that it left an uplink for another.
guest_switch() {
    guest_does "$1" "cat >/tmp/move <<E
$(leave_words "$1" "$2" | sed "s/wan$2/eth$(($2 + 1))/")
$(join_words "$1" "$3" | sed "s/wan$3/eth$(($3 + 1))/")
E"
}

# The car leaves a NAT for another.
wan_change() {
    guest_switch a 0 1
    event wan_change guest_does a 'ip -batch /tmp/move'
    guest_does a 'uci batch <<E
set network.wan.auto=0
delete network.wan2.auto
E
uci commit network'
}

# The cable in use is pulled, with another WAN that waits; nobody tells the router but its own port.
cable_pulled() {
    guest_does a "cat >/tmp/join <<E
$(join_words a 0 200 | sed 's/wan0/eth1/')
E
ip -batch /tmp/join"
    # The waiting way is found and measured.
    sleep 5
    event cable_pulled cable a 1 out
    event cable_back cable a 1 in
    guest_does a "cat >/tmp/leave <<E
$(leave_words a 0 | sed 's/wan0/eth1/')
E
ip -batch /tmp/leave"
}

# A new program over the net, put in place as a package does, and the service restarted.
upgrade() {
    local old pid
    old=$(guest a 'md5sum </usr/bin/ntm-gateway')
    # Another file of the same program, unless there is a newer one to go to.
    if [ -n "${NTM_NEW_BIN:-}" ]; then
        cp "$NTM_NEW_BIN" "$OUT/www/ntm-gateway"
    else
        cp "$DIST/router-$ARCH.daemon" "$OUT/www/ntm-gateway"
        printf 'another build' >>"$OUT/www/ntm-gateway"
    fi
    guest_does a "wget -q -O /usr/bin/.ntm-new http://$WWW4/ntm-gateway && chmod 755 /usr/bin/.ntm-new && mv /usr/bin/.ntm-new /usr/bin/ntm-gateway && sync"
    event upgrade guest_does a 'service ntm-gateway restart'
    pid=$(daemon_pid_in a)
    [ "$(guest a "md5sum </proc/$pid/exe")" = "$(md5sum <"$OUT/www/ntm-gateway")" ] || fail "the old program still runs"
    figure upgrade_in_the_guest "$("$PYTHON" "$MACHINE/restart.py" "$OUT/car-console.log")"
    [ "$(guest a "md5sum </proc/$pid/exe")" != "$old" ] || fail "the new program is the old one"
}

# kill -9: procd starts it again, the LAN's own way to the Internet is not touched, and nothing is there twice after it.
crash() {
    local was now pid lost
    was=$(traces a)
    pid=$(daemon_pid_in a)
    background ordinary laptop ping -qi 0.2 -c 60 -W 2 "$WWW4"
    sleep 1
    event crash guest_does a "kill -9 $pid"
    wait_until 60 "the daemon runs again" another_daemon a "$pid"
    wait_until 30 "the ordinary pings have ended" grep -q 'packets transmitted' "$OUT/ordinary.log"
    lost=$(sed -n 's/.* \([0-9]*\)% packet loss.*/\1/p' "$OUT/ordinary.log")
    [ "$lost" = 0 ] || fail "the laptop's ordinary way out lost $lost% while our daemon was dead"
    figure crash_in_the_guest "$("$PYTHON" "$MACHINE/restart.py" "$OUT/car-console.log")"
    now=$(traces a)
    [ "$was" = "$now" ] || fail "after kill -9 the router is not what it was: $(diff <(echo "$was") <(echo "$now") | grep '^[<>]' | xargs)"
    say "crash: the laptop's ordinary way out lost nothing; the router's tables are what they were"
}
another_daemon() { local p; p=$(daemon_pid_in "$1") && [ -n "$p" ] && [ "$p" != "$2" ]; }

# The first time from the net: from 1970 to now and then years beyond, and back.
clock() {
    local to
    for to in '2026-11-22 12:00:00' '2031-01-01 00:00:00' '1999-12-31 23:59:00'; do
        event "clock_${to%%-*}" guest_does a "date -s '$to' >/dev/null"
    done
    [ "$(guest a date +%Y)" = 1999 ] || fail "the clock was not put back"
}

# The power goes in the middle of it. The same disk, another boot, in 1970 again.
power_loss() {
    local t; t=$(now_ms)
    PATIENCE_S=120 event power_cut cut_and_boot b
    figure power_cut_back_s $((($(now_ms) - t) / 1000))
    [ "$(vip4 laptop) $(vip4 camera)" = "$VIPS" ] || fail "other virtual addresses: $(vip4 laptop) $(vip4 camera), not $VIPS"
    say "after the power cut: enrolled, $VIPS as before"
}
cut_and_boot() {
    power_cut "$1"
    machine_on "$1"
    machine_booted "$1"
    delay "$1" "${NTM_DELAY_MS:-20}" "${NTM_LOSS:-}"
}

traffic_ends() {
    local i
    traffic_down
    tool moves costs "$OUT" "$RTT_MS" >"$OUT/costs" || fail "no figures: $(cat "$OUT/costs")"
    for i in "${!EVENTS[@]}"; do
        figure "events.${EVENTS[i]}" "$(sed -n 's/^each\t//p' "$OUT/costs" | json - "d[$i]")"
    done
    local deaths=0
    [ ! -s "$OUT/laptop.deaths" ] || deaths=$(wc -l <"$OUT/laptop.deaths")
    figure tcp_lost "$deaths"
    [ "$deaths" = 0 ] || fail "TCP sessions died: $(cat "$OUT/laptop.deaths")"
}

clean_stop() {
    local s now
    for s in a b; do
        guest_does "$s" 'service ntm-gateway stop'
        now=$(traces "$s")
        [ "$now" = "${BEFORE[$s]}" ] ||
            fail "a clean stop leaves on ${GATEWAY[$s]}: $(diff <(echo "${BEFORE[$s]}") <(echo "$now") | grep '^[<>]' | xargs)"
        guest "$s" 'nft list table inet fw4 >/dev/null' || fail "fw4's table is gone on ${GATEWAY[$s]}"
    done
    figure clean_stop true
    say "a clean stop leaves nothing"
}
