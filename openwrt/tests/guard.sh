#!/usr/bin/env bash
# Virtual addresses have a route of their own from before the network is there.
. "$(dirname "$0")/router.sh"

guard() {
    : >"$R/tmp/calls"
    on /etc/init.d/ntm-guard "$@" || fail "ntm-guard $*"
    no_misuse
}
ranges() { printf 'virtual4 = "%s"\nvirtual6 = "%s"\n' "$@" >>"$R/etc/ntm/node.toml"; }

router plain
guard start
has_not tmp/calls 'ip:'
ranges 198.18.0.0/15 fdaf:c562:256a::/48
guard start
has tmp/calls 'ip: route replace unreachable 198.18.0.0/15 metric 65000'
has tmp/calls 'ip: -6 route replace unreachable fdaf:c562:256a::/48 metric 65000'
guard stop
has tmp/calls 'ip: route del unreachable 198.18.0.0/15 metric 65000'
has tmp/calls 'ip: -6 route del unreachable fdaf:c562:256a::/48 metric 65000'

# --- switched off: what may still be there goes
settings "	option enabled '0'"
guard start
has_not tmp/calls 'replace'
has tmp/calls 'ip: route del unreachable 198.18.0.0/15 metric 65000'

# --- by the gateway's switch and enrolment, without a boot; also when nobody knows any more what was enrolled in before
router plain
ranges 198.18.0.0/15 fdaf:c562:256a::/48
settings "	option enabled '0'"
guard start
settings "	option enabled '1'"
gateway reload
has tmp/calls 'ip: route replace unreachable 198.18.0.0/15 metric 65000'
sed -i '/virtual/d' "$R/etc/ntm/node.toml"
ranges 10.99.0.0/16 fdbb::/48
gateway restart
has tmp/calls 'ip: route del unreachable 198.18.0.0/15 metric 65000'
has tmp/calls 'ip: -6 route del unreachable fdaf:c562:256a::/48 metric 65000'
has tmp/calls 'ip: route replace unreachable 10.99.0.0/16 metric 65000'
gateway stop
has_not tmp/calls 'ip: route del'
on uci set ntm.gateway.enabled=0
gateway reload
has_not tmp/calls 'ip: route del'
on uci commit ntm
gateway reload
has tmp/calls 'ip: route del unreachable 10.99.0.0/16 metric 65000'
has tmp/calls 'ip: -6 route del unreachable fdbb::/48 metric 65000'

# --- once more when netifd has been at the loopback
router plain
ranges 198.18.0.0/15 fdaf:c562:256a::/48
for event in 'ACTION=ifup DEVICE=eth1' 'ACTION=ifdown DEVICE=lo'; do
    # shellcheck disable=SC2086 # two words
    on env $event sh -c '. /etc/hotplug.d/iface/80-ntm-guard'
    has_not tmp/calls 'ip:'
done
on env ACTION=ifup DEVICE=lo sh -c '. /etc/hotplug.d/iface/80-ntm-guard'
has tmp/calls 'ip: -6 route replace unreachable fdaf:c562:256a::/48 metric 65000'

# --- before enrolment there is nothing to guard, and what is no range is none
router plain
rm "$R/etc/ntm/node.toml"
guard start
has_not tmp/calls 'ip:'
# shellcheck disable=SC2016 # is not to be expanded
for odd in '$(touch /tmp/executed)/8' '10.0.0.0/8 metric 1' '10.0.0.0/8888' '-4/8; id' 'x"/8'; do
    router plain
    ranges "$odd" "$odd"
    guard start
    has_not tmp/calls 'ip:'
done
passed
