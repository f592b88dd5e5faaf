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
        # OpenWrt's begins with the newest file's time.
        [ "$year" = 1970 ] || [ -n "${OWRT_ROOT:-}" ] || fail "${GATEWAY[$s]}'s clock says $year, not 1970"
    done
    t=$((($(now_ms) - t) / 1000))
    figure both_booted_s "$t"
    # It boots in 10 where nothing else runs; all else takes longer in the same way.
    PATIENCE=$((PATIENCE + t / 10))
    for s in a b; do
        jail_or_none "$s"
        router_network "$s"
        wan_settings "$s" wan 0
        [ "$s" != a ] || wan_settings a wan2 1
        guest_does "$s" "uci -q set network.wan2.auto=0; uci set system.@system[0].hostname=${GATEWAY[$s]}; uci commit;
            echo ${GATEWAY[$s]} >/proc/sys/kernel/hostname; /sbin/ifup wan"
        delay "$s" "${NTM_DELAY_MS:-20}" "${NTM_LOSS:-}"
    done
}

declare -A BEFORE=()
enrols() {
    local s
    for s in a b; do
        installs "$s"
        settings "$s"
        BEFORE[$s]=$(traces "$s")
    done
    enrol_by_service a
    enrol_by_program b
    # It serves its page until then, and looks every other second whether there is more to do.
    sleep 5
    traces_are b "${BEFORE[b]}" || fail "${GATEWAY[b]} works though it is not enabled: $DIFFERENCE"
    enable_by_settings b 1
    for s in a b; do wait_until 60 "${GATEWAY[$s]} is registered" is_registered "$s"; done
    for s in a b; do [ "$(guarded "$s")" = 2 ] || fail "${GATEWAY[$s]} has not its guard's two routes: $(guarded "$s")"; done
    for s in a b; do as_jailed "$s"; done
    figure jail "\"$JAIL\""
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
    BACK_MS=$(($(clock_us) / 1000 - before / 1000))
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
    local from=${AT[a]} to=$((1 - AT[a]))
    guest_switch a "$from" "$to"
    event wan_change guest_does a 'ip -batch /tmp/move'
    AT[a]=$to
}

# The kernel's own short cut for forwarded packets, as fw4 has it: the devices' flows take it, and moves are as ever.
flow_offloading() {
    local from=${AT[a]} to=$((1 - AT[a])) taken
    event offloading_on guest_does a 'uci set firewall.@defaults[0].flow_offloading=1 && uci commit firewall && reload_config'
    wait_until 60 "the car's kernel offloads flows to $(vip4 camera)" offloads a "$(vip4 camera)"
    guest_switch a "$from" "$to"
    event offloaded_wan_change guest_does a 'ip -batch /tmp/move'
    AT[a]=$to
    wait_until 60 "flows are offloaded again" offloads a "$(vip4 camera)"
    event offloaded_restart guest_does a 'service ntm-gateway restart'
    taken=$(guest_does a "grep -c OFFLOAD /proc/net/nf_conntrack")
    event offloading_off guest_does a 'uci set firewall.@defaults[0].flow_offloading=0 && uci commit firewall && reload_config'
    say "flow offloading: $taken flows take it; they go on over a move, a restart, and without it"
}
offloads() { guest "$1" "grep 'dst=$2 .*OFFLOAD' /proc/net/nf_conntrack" >/dev/null; }

# The cable in use is pulled, with another WAN that waits; nobody tells the router but its own port.
cable_pulled() {
    local used=${AT[a]} waits=$((1 - AT[a]))
    guest_does a "cat >/tmp/join <<E
$(join_words a "$waits" 200 | sed "s/wan$waits/eth$((waits + 1))/")
E
ip -batch /tmp/join"
    # The waiting way is found and measured.
    sleep 5
    event cable_pulled cable a "$used" out
    event cable_back cable a "$used" in
    guest_does a "cat >/tmp/leave <<E
$(leave_words a "$waits" | sed "s/wan$waits/eth$((waits + 1))/")
E
ip -batch /tmp/leave"
}

# restarts SIDE LINE: that line ends or restarts the daemon. phases NAME SIDE: how long which part of it took, a figure.
restarts() { guest_does "$1" "rm -f /var/run/moments/ntm-gateway.gateway.*; : >/var/run/moments/ntm-gateway.gateway.asked; $2"; }
phases() {
    local moments took
    # shellcheck disable=SC2016 # for the guest's shell
    moments=$(guest_does "$2" 'cd /var/run/moments && for f in ntm-gateway.gateway.*; do echo "${f##*.} $(stat -c %y $f)"; done')
    took=$("$PYTHON" "$MACHINE/restart.py" "$OUT/${GATEWAY[$2]}-console.log" "$moments") || fail "the phases of $1: $took"
    figure "$1_in_the_guest" "$took"
    say "$1: $took"
}

# A new program over the net in the place of the old one, and the service restarted.
upgrade() { upgrade_by upgrade "$NEW_PROGRAM && service ntm-gateway restart"; }
# As apk does it: the old program runs on until the new package's scripts have started the service.
upgrade_by_apk() { upgrade_by upgrade_by_apk "$NEW_PROGRAM && export PKG_UPGRADE=1 && service ntm-guard start && service ntm-gateway start"; }
# As opkg does it: the old package's scripts stop it, then comes the new program, then the new package's scripts.
upgrade_by_opkg() {
    upgrade_by upgrade_by_opkg "export PKG_UPGRADE=1; service ntm-gateway stop; service ntm-guard stop
        $NEW_PROGRAM && service ntm-guard start && service ntm-gateway start"
}
NEW_PROGRAM='mv /usr/bin/.ntm-new /usr/bin/ntm-gateway'

upgrade_by() { # NAME LINE
    local pid
    cp "${NTM_NEW_BIN:-$OUT/router-${ARCH_OF[a]}.daemon}" "$OUT/www/ntm-gateway"
    # Another file than before also if it is the same program.
    printf '%s' "$1" >>"$OUT/www/ntm-gateway"
    guest_does a "wget -q -O /usr/bin/.ntm-new http://$WWW4/ntm-gateway && chmod 755 /usr/bin/.ntm-new && sync"
    pid=$(daemon_pid_in a)
    event "$1" restarts a "$2"
    wait_until 10 "$1: another daemon runs" another_daemon a "$pid"
    pid=$(daemon_pid_in a)
    [ "$(guest a "md5sum </proc/$pid/exe")" = "$(md5sum <"$OUT/www/ntm-gateway")" ] || fail "$1: the old program still runs"
    phases "$1" a
}

# kill -9: procd starts it again, the LAN's own way to the Internet is not touched, and nothing is there twice after it.
crash() {
    local was pid lost
    was=$(traces a)
    pid=$(daemon_pid_in a)
    background ordinary laptop ping -qi 0.2 -c 60 -W 2 "$WWW4"
    sleep 1
    event crash restarts a "kill -9 $pid"
    wait_until 60 "the daemon runs again" another_daemon a "$pid"
    wait_until 30 "the ordinary pings have ended" grep -q 'packets transmitted' "$OUT/ordinary.log"
    lost=$(sed -n 's/.* \([0-9]*\)% packet loss.*/\1/p' "$OUT/ordinary.log")
    [ "$lost" = 0 ] || fail "the laptop's ordinary way out lost $lost% while our daemon was dead"
    phases crash a
    traces_are a "$was" || fail "after kill -9 the router is not what it was: $DIFFERENCE"
    say "crash: the laptop's ordinary way out lost nothing; the router's tables are what they were"
}
another_daemon() { local p; p=$(daemon_pid_in "$1") && [ -n "$p" ] && [ "$p" != "$2" ]; }

# The first time from the net: from 1970 to now and then years beyond, and back. Nobody leaves by that.
clock() {
    local to
    for to in '2026-11-22 12:00:00' '2031-01-01 00:00:00' '1999-12-31 23:59:00'; do
        event "clock_${to%%-*}" guest_does a "date -s '$to' >/dev/null"
        # dnsmasq writes its leases anew when somebody comes, without those that have run out by this clock.
        [ "${to%%-*}" != 2031 ] || event somebody_comes new_host phone
    done
    [ "$(guest a date +%Y)" = 1999 ] || fail "the clock was not put back"
    same_identities "the clock's jumps"
}

# The power goes in the middle of it. The same disk, another boot, in 1970 again.
power_loss() {
    PATIENCE_S=120 event power_cut cut_and_boot b
    figure power_cut_back_s $((BACK_MS / 1000))
    same_identities "the power cut"
    say "after the power cut: enrolled, $VIPS as before"
}

# The hosts' links never went down, and they have no reason to ask DHCP again.
same_identities() { [ "$(vip4 laptop) $(vip4 camera)" = "$VIPS" ] || fail "after $1 other virtual addresses: $(vip4 laptop) $(vip4 camera), not $VIPS"; }
new_host() {
    host_up "$1"
    wait_until 30 "$1 has a DHCP lease" has_lease "$1"
    wait_until 30 "$1 has an identity" has_identity "$1"
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
    ! grep -q ' udp ' "$OUT"/*.deaths || fail "altered datagrams"
}

# Stopped, one has its guard's routes and no more; switched off, the other has nothing.
clean_stop() {
    local s
    guest_does a 'service ntm-gateway stop'
    enable_by_settings b 0
    traces_are a "${BEFORE[a]}" '^> unreachable .* metric 65000' || fail "a clean stop leaves on ${GATEWAY[a]}: $DIFFERENCE"
    [ "$(guarded a)" = 2 ] || fail "stopped, ${GATEWAY[a]} has not its guard's two routes"
    traces_are b "${BEFORE[b]}" || fail "disabled, ${GATEWAY[b]} is not what it was: $DIFFERENCE"
    # Switched off by settings it is stopped by a trigger, which nobody waits for.
    for s in a b; do wait_until 10 "the daemon of ${GATEWAY[$s]} has ended" no_daemon_in "$s"; done
    figure clean_stop true
    say "a clean stop leaves the guard's routes, and off is off"
}
no_daemon_in() { [ -z "$(daemon_pid_in "$1" 2>/dev/null)" ]; }
guarded() { guest_does "$1" '{ ip route; ip -6 route; } | grep -c "^unreachable .* metric 65000" || true'; }
