#!/usr/bin/env bash
# The settings that the packages make once in other packages' files, and take back; netifd's handler.
. "$(dirname "$0")/router.sh"

files() {
    install -m 600 "$FILES/ntm.config" "$R/etc/config/ntm"
    config firewall 'config defaults' 'config zone' "	option name 'lan'" "	list network 'lan'" 'config zone' "	option name 'wan'"
    config network "config interface 'lan'" "	option proto 'static'"
    : >"$R/tmp/calls"
}

defaults() {
    # Sourced in a subshell, as default_postinst does.
    # shellcheck disable=SC2016 # for the inner shell
    on sh -c 'for f in /etc/uci-defaults/*; do ( cd /etc/uci-defaults && . "$f" ) || echo "$f fails" >>/tmp/misuse; done'
    no_misuse
}

snapshot() { cat "$R/etc/config/firewall" "$R/etc/config/network"; }

# --- the gateway alone
router plain
files
defaults
has etc/config/firewall "config zone 'ntm'"
has etc/config/firewall "	list device 'ntm0'"
has etc/config/firewall "config forwarding 'ntm_out'"
has etc/config/firewall "config forwarding 'ntm_in'"
has_not etc/config/firewall "network 'ntm'"
has_not etc/config/network ntm
[ ! -e "$R/tmp/.uci/firewall" ] || fail 'not committed'
has_not tmp/calls 'firewall: reload'
once=$(snapshot)
: >"$R/tmp/calls"
defaults
same "$(snapshot)" "$once" 'the second time'
has_not tmp/calls commit

# --- what the user took away or changed stays so
on uci delete firewall.ntm_in
on uci set firewall.ntm.input=ACCEPT
on uci commit
once=$(snapshot)
defaults
same "$(snapshot)" "$once" 'after the user'
on uci delete firewall.ntm
on uci commit
once=$(snapshot)
defaults
same "$(snapshot)" "$once" 'after the user took the zone away'

# --- with netifd's protocol, at once or later, and a running firewall
router proto
files
mkdir -p "$R/tmp/run"
touch "$R/tmp/run/fw4.state"
defaults
has etc/config/network "config interface 'ntm'"
has etc/config/network "	option proto 'ntm'"
has etc/config/firewall "	list network 'ntm'"
has tmp/calls 'firewall: reload'
once=$(snapshot)
: >"$R/tmp/calls"
defaults
same "$(snapshot)" "$once" 'the second time, with the protocol'
has_not tmp/calls 'firewall: reload'

# --- removed: only what was made
on /usr/lib/ntm/remove proto
has_not etc/config/network "'ntm'"
has_not etc/config/firewall "network 'ntm'"
has tmp/calls 'network: reload'
on /usr/lib/ntm/remove gateway
has_not etc/config/firewall ntm
has etc/config/firewall "	option name 'lan'"
[ ! -e "$R/etc/ntm/defaults" ] || fail 'the mark stays'
[ -e "$R/etc/ntm/node.toml" ] || fail 'the identity is gone'
defaults
has etc/config/firewall "config zone 'ntm'"

# --- the user's own under our names
router proto
files
config firewall 'config zone' "	option name 'ntm'" "	option input 'ACCEPT'"
config network "config interface 'ntm'" "	option proto 'static'"
once=$(snapshot)
defaults
same "$(snapshot)" "$once" "the user's own"
on /usr/lib/ntm/remove proto
on /usr/lib/ntm/remove gateway
same "$(snapshot)" "$once" "the user's own, at removal"
router proto
files
rm "$R"/etc/config/{firewall,network}
defaults
[ ! -e "$R/etc/config/firewall" ] || fail 'made a firewall where there is none'
same "$(cat "$R/etc/ntm/defaults")" guard 'marks of what was done'

# --- netifd's handler
netifd() {
    : >"$R/tmp/calls"
    # shellcheck disable=SC2016 # for the inner shell
    on sh -c 'cd /lib/netifd/proto && ./ntm.sh ntm "$@"' sh "$@" || true
    no_misuse
}
router proto
files
netifd dump
has tmp/calls 'netifd: ntm no_device=1 available=1 no_proto_task=1 down=1'
netifd setup ntm '{}'
has tmp/calls 'netifd: ntm error GATEWAY_NOT_RUNNING'
has tmp/calls 'netifd: ntm is not tried again'
mkdir "$R/sys/class/net/ntm0"
netifd setup ntm '{}'
has tmp/calls 'netifd: ntm device=ntm0 up=1 external=1 address=198.18.0.1/32'
mkdir -p "$R/tmp/run/ntm"
echo "config gateway 'gateway'" >"$R/tmp/run/ntm/in_force"
echo "	option interface '../../../tmp'" >>"$R/tmp/run/ntm/in_force"
netifd setup ntm '{}'
has tmp/calls 'netifd: ntm error NO_DEVICE'

# --- hotplug: the interface comes
plug() {
    : >"$R/tmp/calls"
    on env "$@" sh -c '. /etc/hotplug.d/net/80-ntm'
}
router proto
files
defaults
plug ACTION=add DEVICENAME=ntm0
has tmp/calls 'ifup: ntm'
mkdir -p "$R/tmp/run/ntm"
printf "config gateway\n\toption interface 'tun9'\n" >"$R/tmp/run/ntm/in_force"
plug ACTION=add DEVICENAME=tun9
has tmp/calls 'ifup: ntm'
for event in 'ACTION=add DEVICENAME=ntm0' 'ACTION=remove DEVICENAME=ntm0' 'ACTION=add DEVICENAME=eth0'; do
    # shellcheck disable=SC2086 # two words
    plug $event
    has_not tmp/calls ifup
done
passed
