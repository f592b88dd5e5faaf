#!/usr/bin/env bash
# A change takes effect; one that is wrong is named in the log and changes nothing, whatever happens then.
. "$(dirname "$0")/router.sh"
p=tmp/procd/ntm-gateway
in_force=tmp/run/ntm/in_force

# --- wrong from the beginning: nothing to run by
router plain
settings "	option enabled '1'" "	option port 'many'"
gateway start
runs_not
logged '/etc/config/ntm:1: section "gateway", option "port": write a port'
settings "	option enabled '1'" "	option port '4800'"
gateway reload
runs
has $in_force "	option port '4800'"

# --- wrong later
settings "	option enabled '1'" "	option port 'many'" "	option dhcp 'off'" 'config wan' "	option network 'wan'"
before=$(cat "$R/$p")
gateway reload
restarted_not
same "$(cat "$R/$p")" "$before" 'what procd is told after a wrong change'
logged 'option "port": write a port'
logged 'stay in force'
has $in_force "	option port '4800'"
# The WAN comes and goes meanwhile, and somebody restarts the service.
gateway reload
restarted_not
gateway restart
runs
same "$(cat "$R/$p")" "$before" 'what procd is told by a restart'

# --- what UCI itself cannot read
printf "config gateway 'gateway'\n\toption enabled '1\n" >"$R/etc/config/ntm"
gateway reload
runs
restarted_not
logged 'cannot be read'
rm "$R/etc/config/ntm"
gateway reload
runs
restarted_not

# --- a LAN that does not exist
settings "	option enabled '1'" "	option lan 'lna'"
gateway reload
runs
restarted_not
logged 'network lna'
same "$(grep -c '^trigger interface \[lan\]' "$R/$p")" 1 'the LAN in force is watched'

# --- right again
settings "	option enabled '1'" "	option port '4801'" 'config wan' "	option network 'wan'"
gateway reload
restarted
has $in_force "	option port '4801'"
has $p 'command [--network] [wan=eth1]'

# --- policies are taken up by the daemon that runs; what it does not take up is a restart
touch "$R/tmp/takes_up"
settings "	option enabled '1'" "	option port '4801'" 'config wan' "	option network 'wan'" 'config policy' "	option to 'nas'" "	option action 'deny'"
gateway reload
restarted_not
has $in_force "	option to 'nas'"
has tmp/calls 'daemon: [reload] [--dir] [/etc/ntm]'
gateway reload
restarted_not
rm "$R/tmp/takes_up"
settings "	option enabled '1'" "	option port '4802'" 'config wan' "	option network 'wan'" 'config policy' "	option to 'tv'" "	option action 'deny'"
gateway reload
restarted
has $in_force "	option to 'tv'"
has tmp/run/ntm/started_by "	option to 'tv'"

# --- to be off is never wrong
settings "	option enabled '0'" "	option port 'many'"
gateway reload
runs_not

# --- what is set but not committed is not in force
router plain
gateway start
before=$(cat "$R/$p" "$R/$in_force")
on uci set ntm.gateway.port=4810
on uci set ntm.gateway.dns_port=5400
on uci set ntm.gateway.dhcp=off
on uci set ntm.gateway.lan=guest
gateway reload
restarted_not
same "$(cat "$R/$p" "$R/$in_force")" "$before" 'what procd is told after a change that is not committed'
on uci set ntm.gateway.enabled=0
gateway restart
same "$(cat "$R/$p" "$R/$in_force")" "$before" 'what procd is told when it is not committed that we are off'
on uci set ntm.gateway.enabled=1
on uci set ntm.gateway.lan=lan
on uci commit ntm
gateway reload
restarted
has $in_force "	option port '4810'"
has $p 'json_add_string [dest_port] [4810]'
has_not $p 'instance [names]'

# --- in UCI's shorter hand, and in two parts
router plain
config ntm "c gateway 'gateway'; o enabled 0" 'c wan; o network wan#9' 'config gateway gateway' '	o port 4820;o enabled 1 # on'
gateway start
runs
has $p 'json_add_string [dest_port] [4820]'
has $p 'command [--network] [wan=eth1]'

# --- nothing is written but to tmpfs
router plain
touch "$R/stamp"
gateway start
gateway reload
network wan eth7
gateway reload
gateway stop
same "$(find "$R/etc" "$R/usr" "$R/lib" -newer "$R/stamp")" '' 'what is written to flash'
passed
