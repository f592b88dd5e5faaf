# shellcheck shell=bash
# The daemon in ujail, as on most routers, and without, as where procd-ujail is not installed. Sourced after lib/machines.sh.

# What the daemon may see of the router's files: what the package asks for, and what every jail has.
SEEN='/dev /dev/net/tun /dev/pts /dev/shm /etc/ntm /etc/resolv.conf /proc /proc/sys /proc/sys/net /sys /tmp/dhcp.leases /tmp/hosts
    /usr/bin/ntm-gateway /usr/sbin/nft /var/run/ntm /var/run/ntm/ctl'
WRITABLE='/dev/net/tun /etc/ntm /proc/sys/net /var/run/ntm/ctl'
# CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW.
MAY=0000000000003400

# NTM_JAIL=no: routers without procd-ujail, from before the package is first started.
jail_or_none() {
    [ "${NTM_JAIL:-yes}" = yes ] || guest_does "$1" 'rm -f /sbin/ujail'
}

# confined SIDE: the daemon has no more than it shall have; unconfined SIDE: it is root with everything.
confined() {
    local pid status mounts place
    pid=$(daemon_pid_in "$1")
    status=$(guest_does "$1" "grep -E '^(Cap|NoNewPrivs)' /proc/$pid/status" | tr '\t\n' '  ')
    [ "$status" = "CapInh: $MAY CapPrm: $MAY CapEff: $MAY CapBnd: $MAY CapAmb: $MAY NoNewPrivs: 1 " ] || fail "the daemon of ${GATEWAY[$1]} may: $status"
    # Mount points as the jail has them, with the flags of each mount; libraries and what is masked are not told apart here.
    mounts=$(guest_does "$1" "awk '{ print \$5, \$6 }' /proc/$pid/mountinfo" | grep -vE '^(/|(/usr)?/lib[^ ]*|/proc/(kcore|sysrq-trigger|latency_stats|timer_list|timer_stats|sched_debug|scsi)|/sys/firmware) ')
    while read -r place _; do
        [[ " ${SEEN//[[:space:]]/ } " == *" $place "* ]] || fail "the daemon of ${GATEWAY[$1]} sees $place"
    done <<<"$mounts"
    grep -vE '^/(dev|proc|sys|dev/pts|dev/shm) ' <<<"$mounts" | sed -n 's/ rw\(,.*\)\{0,1\}$//p' | while read -r place; do
        [[ " $WRITABLE " == *" $place "* ]] || fail "the daemon of ${GATEWAY[$1]} may write to $place"
    done
    guest_does "$1" "! ls /proc/$pid/root/etc/passwd /proc/$pid/root/bin 2>/dev/null"
}
unconfined() {
    local pid status
    pid=$(daemon_pid_in "$1")
    status=$(guest_does "$1" "grep -E '^(CapBnd|NoNewPrivs)' /proc/$pid/status; readlink /proc/$pid/ns/mnt; readlink /proc/1/ns/mnt" | tr '\t\n' '  ')
    if ! [[ "$status" =~ ^CapBnd:\ 0*1f*\ NoNewPrivs:\ 0\ ([^\ ]*)\ ([^\ ]*)\ $ ]] || [ "${BASH_REMATCH[1]}" != "${BASH_REMATCH[2]}" ]; then
        fail "the daemon of ${GATEWAY[$1]} is not root with everything: $status"
    fi
}

# As it should be on this run's routers. An OpenWrt may have no ujail, or one that cannot hold the daemon.
as_jailed() {
    JAIL=${NTM_JAIL:-yes}
    [ -z "${OWRT_ROOT:-}" ] || guest "$1" 'grep -q yes$ /var/run/ntm/jail' || JAIL=no
    if [ "$JAIL" = yes ]; then confined "$1"; else unconfined "$1"; fi
}

# The car's router loses procd-ujail, and gets it back: the next start does with what is there.
unjailed() {
    [ "$JAIL" = yes ] || return 0
    event unjailed restarts a 'mv /sbin/ujail /sbin/.ujail && service ntm-gateway restart'
    unconfined a
    event jailed restarts a 'mv /sbin/.ujail /sbin/ujail && service ntm-gateway restart'
    confined a
    say "the daemon runs in ujail, without, and in it again"
}
