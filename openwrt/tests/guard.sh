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
