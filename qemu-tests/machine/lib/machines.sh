# shellcheck shell=bash
# Routers in qemu in the worlds of lib.sh: namespace gw-SIDE is where the machine's cables end.
#
#   hosts ---- lan0 (bridge) ---- tap-lan ==== eth0 \
#   box-S-0 -- wan0 -- brwan0 --- tap-wan0 === eth1  > the guest, its own kernel
#   box-S-1 -- wan1 -- brwan1 --- tap-wan1 === eth2 /
#
# Sourced after lib.sh, lib/uplinks.sh and lib/moves.sh; what these do in the router's namespace is done in the guest.

MACHINE=$QT/machine
DIST=$TOP/dist/qemu
# Which routers: our own, or (lib/openwrt.sh) an OpenWrt.
IMAGE=router
# Which CPU each side's router has.
ARCH=${ARCH:-$(uname -m)}
declare -A ARCH_OF=([a]=$ARCH [b]=${ARCH_B:-$ARCH})
# The machine and the console of each CPU. Of the MIPS' FPU our program makes no use, but the distribution's do.
declare -A MACHINE_OF=([x86_64]='-cpu max' [aarch64]='-machine virt -cpu cortex-a53' [mipsel]='-machine malta -cpu 24Kf')
declare -A CONSOLE_OF=([x86_64]=ttyS0 [aarch64]=ttyAMA0 [mipsel]=ttyS0)
declare -A UPLINKS=() # how many each side has
# What a slow machine under an emulator needs; a real router is up in half of it.
BOOT_S=${NTM_BOOT_S:-180}

need_machines() {
    local s arch part image
    if [ -n "${OWRT_ROOT:-}" ]; then
        figure root "\"openwrt-$(release_of_root)\""
    else
        echo '!!! SKIPPED: OWRT_ROOT is not set, so REAL OPENWRT WAS NOT TESTED: uci, procd, netifd and fw4 are our stand-ins !!!' >&2
        figure real_openwrt '"skipped"'
    fi
    for s in a b; do
        arch=${ARCH_OF[$s]} image=$DIST/$IMAGE-${ARCH_OF[$s]}
        [ -n "${CONSOLE_OF[$arch]:-}" ] || fail "no machine for ARCH=$arch; there are: ${!CONSOLE_OF[*]}"
        command -v "qemu-system-$arch" >/dev/null || fail "qemu-system-$arch is missing: ARCH=$arch qemu-tests/bootstrap.sh --qemu"
        [ -s "$image.qcow2" ] || fail "no image: ARCH=$arch make qemu-image first"
        # Ours for as long as this runs: another image may be made meanwhile.
        for part in kernel initrd daemon qcow2; do
            ln -f "$image.$part" "$OUT/router-$arch.$part" 2>/dev/null || cp --reflink=auto "$image.$part" "$OUT/router-$arch.$part"
        done
        figure "cpu.${GATEWAY[$s]}" "\"$arch\""
    done
    # The coordinator and the relay run on this machine.
    need_binaries
}

# The cables are plain: the guests' netem gives delay and loss.
link_emulated() { link "$1" "$2" "$3" "$4"; }
provider_known() { :; }

# site_up SIDE KINDS: the side's uplinks and the place where its machine's cables end.
site_up() {
    local s=$1 kind n=0
    ns_add "gw-$s"
    tune "gw-$s" net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    bridge "gw-$s" lan0
    tap "$s" lan lan0
    for kind in $2; do
        uplink_up "$s" "$n" "$kind"
        bridge "gw-$s" "brwan$n"
        on "gw-$s" ip link set "wan$n" master "brwan$n"
        tap "$s" "wan$n" "brwan$n"
        n=$((n + 1))
    done
    UPLINKS[$s]=$n
    # shellcheck disable=SC2034 # for the acts
    AT["$s"]=0
}

tap() { # SIDE NAME BRIDGE
    on "gw-$1" ip tuntap add dev "tap-$2" mode tap
    on "gw-$1" ip link set "tap-$2" master "$3" up
}

# --- power -------------------------------------------------------------------

# machine_on SIDE: begins to boot; its disk is a layer over the image, new the first time. The clock says 1970, always.
machine_on() {
    local s=$1 arch=${ARCH_OF[$1]} name=${GATEWAY[$1]} nics=() n=0 net
    [ -e "$OUT/$name.qcow2" ] ||
        qemu-img create -q -f qcow2 -b "$OUT/router-$arch.qcow2" -F qcow2 "$OUT/$name.qcow2"
    for net in lan $(seq -f wan%g 0 $((UPLINKS[$s] - 1))); do
        nics+=(-netdev "tap,id=$net,ifname=tap-$net,script=no,downscript=no"
            -device "virtio-net-pci,netdev=$net,id=nic-$net,romfile=,mac=52:54:00:00:0$((16#$s - 9)):0$n")
        n=$((n + 1))
    done
    rm -f "$OUT/$name.agent" "$OUT/$name.qmp"
    # Before what looks on, as all that runs in the world. All but the cables in one place of the bus: a Malta has four with
    # an interrupt.
    # shellcheck disable=SC2086 # words
    FIRST="nice -n ${NTM_NICE:--5}" background "$name-machine" "gw-$s" "qemu-system-$arch" ${MACHINE_OF[$arch]} -accel tcg -m 192 \
        -nodefaults -display none -no-reboot -rtc base=1970-01-01T00:00:00 \
        -kernel "$OUT/router-$arch.kernel" -initrd "$OUT/router-$arch.initrd" -append "console=${CONSOLE_OF[$arch]} quiet" \
        -drive "file=$OUT/$name.qcow2,if=none,id=disk,format=qcow2" -device virtio-blk-pci,drive=disk,addr=12.0,multifunction=on \
        -device virtio-rng-pci,addr=12.1 \
        -chardev "file,id=console,path=$OUT/$name-console.log,append=on" -serial chardev:console \
        -device virtio-serial-pci,addr=12.2 -chardev "socket,id=agent,path=$OUT/$name.agent,server=on,wait=off" \
        -device virtconsole,chardev=agent \
        -qmp "unix:$OUT/$name.qmp,server=on,wait=off" "${nics[@]}"
}

machine_booted() { # SIDE
    local name=${GATEWAY[$1]} end=$(($(now_ms) + BOOT_S * 1000))
    until GUEST_S=5 guest "$1" true 2>/dev/null; do
        [ "$(now_ms)" -lt "$end" ] || fail "$name does not boot: $(tail -n 3 "$OUT/$name-console.log")"
        kill -0 "$(cat "$OUT/$name-machine.pid")" 2>/dev/null || fail "$name's qemu ended: $(tail -n 3 "$OUT/$name-machine.log")"
        sleep 0.5
    done
}

# power_cut SIDE: nothing is written any more, nobody says goodbye.
power_cut() {
    kill -KILL "$(cat "$OUT/${GATEWAY[$1]}-machine.pid")"
    wait_until 5 "gw-$1's taps are free" machine_is_off "$1"
}
machine_is_off() { ! kill -0 "$(cat "$OUT/${GATEWAY[$1]}-machine.pid")"; }

# --- inside ------------------------------------------------------------------

# guest SIDE LINE | COMMAND ARG...: there, by its own shell; output and exit status are ours. GUEST_S seconds at most.
guest() { "$PYTHON" "$MACHINE/tell.py" "$OUT/${GATEWAY[$1]}.agent" "${GUEST_S:-180}" "${@:2}"; }

# guest_does SIDE LINE: likewise, and it must succeed.
guest_does() { guest "$@" || fail "${GATEWAY[$1]}: $2"; }

# How the guests are when the scenario has failed.
last_words() {
    local s
    for s in a b; do
        [ ! -S "$OUT/${GATEWAY[$s]}.agent" ] || GUEST_S=20 guest "$s" 'ps; ip -br address; ip route; ntm-gateway status; ntm-gateway tunnels
            ntm-gateway wans; cat /proc/net/dev /proc/loadavg; dmesg | tail -n 20' >"$OUT/${GATEWAY[$s]}-last.log" 2>&1 || true
    done
}

# Takes the place of the one for daemons in namespaces; so identity, vip4, tunnel... ask the guest.
gw() { # SIDE COMMAND...
    local s=$1
    shift
    guest "$s" ntm-gateway "$@" --dir /etc/ntm
}

# The daemon itself, not the ujail that holds it: what procd knows of is that one.
daemon_pid_in() {
    local pid
    pid=$(guest "$1" 'cat /var/run/procd/ntm-gateway/have/gateway/.pid') && [ -n "$pid" ] || return 1
    in_the_jail "$1" "$pid"
}
# in_the_jail SIDE PID: the process that this one holds, if it is ujail; else itself.
# shellcheck disable=SC2016 # for the guest's shell
in_the_jail() {
    guest "$1" "p=$2"'; case $(readlink /proc/$p/exe) in
        */ujail) grep -H ^PPid: /proc/[0-9]*/status 2>/dev/null | sed -n "s|/proc/\([0-9]*\)/status:PPid:.$p\$|\1|p" ;;
        *) echo $p ;;
        esac'
}

# Ours have their ports' networks, and the package. What is OpenWrt's own is in lib/openwrt.sh.
router_network() { :; }
installs() { :; }

# wan_settings SIDE NETWORK N: the router's logical network gets what uplink N has for it; in UCI, for the next boot, too.
wan_settings() {
    local s=$1 net=$2 n=$3
    guest_does "$s" "uci -q batch <<E
set network.$net.proto=static
set network.$net.ipaddr=$(up_router4 "$s" "$n")/$(up_len4 "$s" "$n")
set network.$net.gateway=$(up_gate4 "$s" "$n")
set network.$net.metric=$((100 + n))
set network.$net.dns=$DNS4
E"
}

# delay SIDE MS [LOSS]: one way, for what leaves the router by any WAN.
delay() {
    local n
    for ((n = 1; n <= UPLINKS[$1]; n++)); do
        guest_does "$1" "tc qdisc replace dev eth$n root netem limit 20000 delay $2ms ${3:+loss $3}"
    done
}

# --- our daemon ----------------------------------------------------------------

# What is not as shipped. The addresses of this world's Internet are some that dnsmasq takes for a LAN's.
settings() { # SIDE
    guest_does "$1" "uci add_list dhcp.main.rebind_domain=example.org; uci set ntm.gateway.log_level=${NTM_LOG:-info}; uci commit; reload_config"
    wait_until 10 "${GATEWAY[$1]}'s dnsmasq has its settings" guest "$1" 'grep example.org /var/etc/dnsmasq.conf.main && service dnsmasq running'
}

new_code() { # SIDE
    dc gateway-code "${GATEWAY[$1]}" --account demo 2>>"$OUT/${GATEWAY[$1]}.log" | tail -n 1
}

# Both ways to begin: all in one by the service, or by the program, and then by the settings alone, as a user of uci or LuCI.
enrol_by_service() { # SIDE
    local code; code=$(new_code "$1") || fail "ntm-dc gateway-code ${GATEWAY[$1]}"
    guest_does "$1" "/etc/init.d/ntm-gateway enrol $code"
}
enrol_by_program() { # SIDE
    local code; code=$(new_code "$1") || fail "ntm-dc gateway-code ${GATEWAY[$1]}"
    guest_does "$1" "ntm-gateway enrol $code --dir /etc/ntm"
}
enable_by_settings() { guest_does "$1" "uci set ntm.gateway.enabled=$2 && uci commit ntm && reload_config"; } # SIDE 0|1

is_registered() { [ "$(gw "$1" status --json | json - "d['dc']['state']")" = registered ]; }

# traces SIDE: what a daemon can leave in a router: firewall, rules, routes, interfaces, neighbours, forwarding, dnsmasq's
# drop-ins; without the addresses of WANs, which move.
# shellcheck disable=SC2016 # for the guest's shell
traces() {
    guest_does "$1" 'nft list tables | sort | while read -r _ family table; do nft -s list table "$family" "$table"; done
        ip rule; ip -6 rule; ls /sys/class/net; ip neigh show nud permanent | sort
        grep -H . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding /tmp/dnsmasq*.d/* 2>/dev/null
        { ip -o route show table all; ip -o -6 route show table all; } | grep -vE "^[^u].* dev (eth|br-lan|lo)|^(ff00|multicast|anycast)" | sort' |
        sed 's/ *$//'
}

# traces_are SIDE TEXT [PATTERN]: soon, as some of it is told to others, but for lines like that; else DIFFERENCE says
# what is not so.
DIFFERENCE=
# shellcheck disable=SC2034 # for the acts
traces_are() {
    local end=$(($(now_ms) + 15000 * PATIENCE))
    while :; do
        DIFFERENCE=$(diff <(echo "$2") <(traces "$1") | grep '^[<>]' | grep -v "${3:-^$}") || return 0
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 1
    done
}

# cable SIDE N in|out: the plug of uplink N's cable, in the guest's own port: its kernel sees the carrier.
cable() {
    local up=true
    [ "$3" = in ] || up=false
    "$PYTHON" "$MACHINE/qmp.py" "$OUT/${GATEWAY[$1]}.qmp" set_link "name=nic-wan$2" "up=$up" >/dev/null || fail "qemu: set_link wan$2"
}

# --- what must not leave -------------------------------------------------------

# Virtual addresses have no business outside, also where no daemon of ours runs: the Internet counts them.
leaks_watched() {
    on inet nft -f - <<E
table ip leaks {
    chain seen {
        type filter hook prerouting priority -300;
        ip daddr 198.18.0.0/15 counter
    }
}
E
}
no_leaks() {
    local seen; seen=$(on inet nft list table ip leaks | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p')
    [ "$seen" = 0 ] || fail "$seen packets to virtual addresses left by a WAN, in clear"
    figure leaked_packets 0
}
