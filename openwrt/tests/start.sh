#!/usr/bin/env bash
# ntm-gateway's init script: when it starts, with what, and when it does not.
. "$(dirname "$0")/router.sh"

# --- as it is installed: nobody has joined yet, and the page on the LAN says how
router plain
rm -r "$R/etc/ntm"
install -m 600 "$FILES/ntm.config" "$R/etc/config/ntm"
gateway start
p=tmp/procd/ntm-gateway
runs
logged 'enrol CODE'
has $p 'command [/usr/bin/ntm-gateway] [run] [--dir] [/etc/ntm] [--uci] [/var/run/ntm/in_force]'
has $p 'command [/usr/lib/ntm/hand]'
has $p 'trigger config [ntm] [dhcp]'
has_not $p 'dest_port'
has_not $p 'usr/lib/ntm/names'
same "$(stat -c %F "$R/tmp/run/ntm/ctl/hand")" fifo 'the pipe'

# --- the same without the page: nothing
settings "	option web '0'"
gateway start
runs_not

# --- joined, and switched off by somebody: off
router plain
settings "	option enabled '0'"
gateway start
runs_not
logged 'not enabled'
has_not tmp/calls 'daemon:'

# --- on, and enrolled
router plain
gateway start
runs
p=tmp/procd/ntm-gateway
has $p 'command [/usr/bin/ntm-gateway] [run] [--dir] [/etc/ntm] [--uci] [/var/run/ntm/in_force]'
has $p 'command [--network] [lan=br-lan,192.168.1.1/24]'
has_not $p 'wan='
has $p 'respawn [3600] [1] [0]'
has $p 'limits [nofile=65536 65536]'
has $p 'stderr [1]'
has $p 'file [/var/run/ntm/started_by] [/usr/bin/ntm-gateway]'
has $p 'trigger interface [lan]'
has $p 'json_add_string [dest_port] [4750]'
has_not $p 'jail'
same "$(stat -c %a "$R/tmp/run/ntm/ctl")" 700 "the socket's directory"
same "$(cat "$R/etc/config/ntm")" "$(cat "$R/tmp/run/ntm/in_force")" 'settings in force'
same "$(cat "$R/etc/config/ntm")" "$(cat "$R/tmp/run/ntm/started_by")" 'settings to start by'
gateway start
restarted_not

# --- apk's upgrade replaces programs and calls start: what runs is the new one then
echo '# newer' >>"$R/usr/bin/ntm-gateway"
gateway start
restarted
echo '# newer' >>"$R/usr/lib/ntm/names"
gateway start
restarted

# --- WANs, in a list of sections; their addresses are not told, and a change of them restarts nothing
router plain
settings "	option enabled '1'" 'config wan' "	option network 'wan'" 'config wan' "	option network 'wwan'" "	option metered '1'" \
    'config wan' "	option network 'wan'"
gateway start
has $p 'command [--network] [wan=eth1]'
has $p 'command [--network] [wwan=wwan0]'
same "$(grep -c 'network\] \[wan=' "$R/$p")" 1 'wan is told once'
has $p 'trigger interface [wan]'
has $p 'trigger interface [wwan]'
network wan eth1 203.0.113.99/24
gateway reload
restarted_not
network wan # down
gateway reload
restarted_not
has $p 'command [--network] [wan=eth1]'
network wan pppoe-wan
gateway reload
restarted
has $p 'command [--network] [wan=pppoe-wan]'
network lan br-lan 192.168.7.1/24
gateway reload
restarted

# --- WANs that were never up are waited for, and the gateway runs meanwhile; it is said once, for it may be a typing error
router plain
settings "	option enabled '1'" 'config wan' "	option network 'modem'"
gateway start
runs
logged 'netifd knows their devices: modem;'
has_not $p modem=
has $p 'trigger interface [modem]'
gateway reload
has_not tmp/log 'modem'
echo physdev=wwan9 >"$R/tmp/netifd/modem"
gateway reload
restarted
has $p 'command [--network] [modem=wwan9]'
has_not tmp/log 'modem'

# --- a WAN that is off, or named by its device
router plain
settings "	option enabled '1'" 'config wan' "	option network 'modem'" "	option enabled '0'" 'config wan' "	option device 'usb0'" \
    "	option network 'wwan'"
gateway start
has_not $p 'trigger interface [modem]'
has_not $p 'wwan'
has_not tmp/log 'modem'

# --- a LAN that is not up yet
router plain
network lan
gateway start
runs_not
logged 'network lan, has no address'
has $p 'trigger interface [lan]'
network lan br-lan 192.168.1.1/24
gateway reload
runs
network lan
gateway reload
runs
restarted_not

# --- the tunnels' interface has another name than the firewall's zone knows
router plain
config firewall "config zone 'ntm'" "	option name 'ntm'" "	list device 'ntm0'"
gateway start
has_not tmp/log 'zone'
settings "	option enabled '1'" "	option interface 'tun9'"
gateway reload
logged 'uci add_list firewall.ntm.device=tun9;'
on uci add_list firewall.ntm.network=ntm
on uci commit
gateway reload
has_not tmp/log 'zone'

# --- off again
settings "	option enabled '0'"
gateway reload
runs_not
restarted

# --- in a jail where there is one that will do
router plain
install -D -m 755 "$TESTS/mocks/ujail" "$R/sbin/ujail"
gateway start
has tmp/calls 'ujail: -n ntm-try -C /etc/capabilities/ntm-gateway.json -c -p -s -- /usr/bin/ntm-gateway --version'
has $p 'jail [ntm-gateway] [procfs] [sysfs]'
has $p 'capabilities [/etc/capabilities/ntm-gateway.json]'
has $p 'no_new_privs [1]'
has $p 'env [PATH=/usr/sbin:/usr/bin:/sbin:/bin]'
has $p 'mount [/var/run/ntm] [/usr/sbin/nft]'
has $p 'mount_rw [/etc/ntm] [/var/run/ntm/ctl] [/dev/net/tun] [/proc/sys/net]'
has $p 'mount [/tmp/dhcp.leases] [/tmp/hosts]'
has_not $p 'mount [/etc]'
settings "	option enabled '1'" "	list leases '/tmp/a/b.leases'" "	list leases '/tmp/x /etc/y'" "	list leases '/tmp/*'" \
    "	list leases '/tmp/../etc/y'" "	list leases '/leases'" "	list leases '/mnt/usb/leases'"
gateway reload
has $p 'mount [/tmp/a]'
has $p 'mount [/mnt/usb]'
has $p 'mount [/tmp]'
logged 'the jail cannot be given "/tmp/*"'
same "$(grep -c '^mount ' "$R/$p")" 6 'what is mounted'
has_not $p '..'
[ -e "$R/tmp/dhcp.leases" ] || fail 'no file of leases for the jail'
settings "	option enabled '1'" "	option dhcp 'server'"
gateway reload
has $p 'mount [/etc] [/tmp]'
settings "	option enabled '1'" "	option dhcp 'server'" "	list dns '203.0.113.53'"
gateway reload
has_not $p 'mount [/etc] [/tmp]'
# Tried once, not at each start.
: >"$R/tmp/calls"
gateway reload
has_not tmp/calls 'ujail:'
# Another ujail is tried anew, and one that does not hold the program is no reason to have none run.
touch "$R/tmp/ujail.broken" && sed -i '2i # newer' "$R/sbin/ujail"
gateway reload
has_not $p 'jail'
has_not $p 'capabilities'
runs
logged 'cannot run /usr/bin/ntm-gateway on this router, so it runs as root, unconfined'
: >"$R/tmp/calls"
gateway reload
has_not tmp/calls 'ujail:'
rm "$R/tmp/ujail.broken"
# A new program may be one that it holds.
echo '# newer' >>"$R/usr/bin/ntm-gateway"
gateway restart
has $p 'jail [ntm-gateway] [procfs] [sysfs]'
# One that hands on no environment is not even tried.
echo 'an old one' >"$R/sbin/ujail"
gateway reload
has_not $p 'jail'
has_not $p 'capabilities'

# --- stop and start again; the firewall hears of the port only when that changes
router plain
gateway start
has tmp/calls 'config.change firewall'
gateway reload
has_not tmp/calls 'config.change'
gateway restart
has_not tmp/calls 'config.change'
settings "	option enabled '1'" "	option port '4800'"
gateway reload
has tmp/calls 'config.change firewall'
has $p 'json_add_string [dest_port] [4800]'
gateway stop
has tmp/calls 'config.change firewall'
has tmp/calls 'procd: ntm-gateway ends'

# --- the verb enrol
router plain
rm "$R/etc/ntm/node.toml"
settings "	option enabled '0'"
for code in '' --help 'x;reboot' "ntm1-GOOD' --dir '/x"; do
    gateway enrol "$code" 2>/dev/null && fail "took the code \"$code\""
    has_not tmp/calls 'daemon: [enrol]'
done
gateway enrol ntm1-BAD 2>/dev/null && fail 'enrolled with a bad code'
has etc/config/ntm "	option enabled '0'"
gateway enrol ntm1-GOOD >"$R/tmp/said"
has etc/config/ntm "	option enabled '1'"
runs
has_not tmp/said 'Next'
[ ! -e "$R/etc/ntm/ntm-gateway.toml" ] || fail 'an example of the other file'

# --- enrolled by hand: what the program says comes next does it, and the program knows our places
source=$FEED/../gateway/src/bin/ntm-gateway/settings.rs
next=$(sed -n "s/^  \(uci set .*\)$/\1/p" "$source")
for section in "config gateway 'gateway'" "config gateway 'car'" 'config gateway'; do
    router plain
    config ntm "$section" "	option enabled '0'"
    : >"$R/tmp/calls"
    on sh -euc "$next"
    no_misuse
    runs
    has etc/config/ntm "	option enabled '1'"
done
for place in 'DIR=/etc/ntm' 'WRITTEN=/etc/config/ntm'; do
    has usr/lib/ntm/settings "$place"
done
for word in 'const STATE: &str = "/etc";' 'const OF_PACKAGE: &str = "config/ntm";'; do
    same "$(grep -cxF "$word" "$source")" 1 "$word"
done

# --- its section has another name, or none, or is not there
for section in "config gateway 'car'" 'config gateway' "config wan"; do
    router plain
    config ntm "$section" "	option network 'wan'"
    [ "$section" = 'config wan' ] || config ntm "$section" "	option enabled '0'"
    gateway enrol ntm1-GOOD >/dev/null
    runs
    same "$(grep -c '^config gateway' "$R/etc/config/ntm")" 1 'sections of type gateway'
    has etc/config/ntm "	option enabled '1'"
done
passed
