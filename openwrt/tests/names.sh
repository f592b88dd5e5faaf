#!/usr/bin/env bash
# dnsmasq is told the domain by a snippet: where its own script looks, once, and not at all without need.
. "$(dirname "$0")/router.sh"
snippet=tmp/dnsmasq.cfg01100e.d/ntm.conf

router plain
gateway start
has $snippet 'server=/ntm.example/127.0.0.1#5354'
has $snippet 'rebind-domain-ok=/ntm.example/'
has tmp/calls 'dnsmasq: restart'
gateway reload
has_not tmp/calls 'dnsmasq'
gateway restart
has_not tmp/calls 'dnsmasq'
has tmp/procd/ntm-gateway 'command [/usr/lib/ntm/names] [watch] [5354]'

# --- another port, and the daemon not asked
settings "	option enabled '1'" "	option dns_port '5400'"
gateway reload
has $snippet 'server=/ntm.example/127.0.0.1#5400'
has tmp/calls 'dnsmasq: restart'

# --- domains that are trusted, when the gateway says so; kept when it does not answer
watch() {
    : >"$R/tmp/calls"
    look_at_names 5400
}
watch
has_not tmp/calls 'dnsmasq'
printf '{\n  "name": "home.ntm.example",\n  "domains": [\n    "b.test",\n    "c.d.test"\n  ]\n}\n' >"$R/tmp/status.json"
watch
has $snippet 'server=/b.test/127.0.0.1#5400'
has $snippet 'rebind-domain-ok=/c.d.test/'
has tmp/calls 'dnsmasq: restart'
watch
has_not tmp/calls 'dnsmasq'
rm "$R/tmp/status.json"
gateway reload
has $snippet 'server=/b.test/127.0.0.1#5400'
has_not tmp/calls 'dnsmasq'
echo '{"domains": []}' >"$R/tmp/status.json"
watch
has_not $snippet 'b.test'

# --- dnsmasq moves its directory, or has two instances
config dhcp 'config dnsmasq' "	option confdir '/tmp/mine/,*.conf'" 'config dnsmasq guest' 'config dnsmasq old' "	option disabled '1'"
gateway reload
[ ! -e "$R/$snippet" ] || fail 'the old snippet stays'
has tmp/mine/ntm.conf 'server=/ntm.example/127.0.0.1#5400'
has tmp/dnsmasq.guest.d/ntm.conf 'server=/ntm.example/127.0.0.1#5400'
[ ! -e "$R/tmp/dnsmasq.old.d" ] || fail 'a snippet for an instance that is off'
same "$(grep -c dnsmasq: "$R/tmp/calls")" 1 'restarts of dnsmasq'

# --- served by ourselves, or stopped: no snippet
settings "	option enabled '1'" "	option dhcp 'server'"
gateway reload
same "$(find "$R/tmp" -name ntm.conf)" '' 'snippets in server mode'
has tmp/calls 'dnsmasq: restart'
has_not tmp/procd/ntm-gateway '[names]'
gateway reload
has_not tmp/calls 'dnsmasq'
settings "	option enabled '1'"
gateway reload
[ -e "$R/tmp/mine/ntm.conf" ] || fail 'no snippet'
gateway stop
same "$(find "$R/tmp" -name ntm.conf)" '' 'snippets after a stop'
has tmp/calls 'dnsmasq: restart'

# --- off, and not enrolled
router plain
gateway start
settings "	option enabled '0'"
gateway reload
same "$(find "$R/tmp" -name ntm.conf)" '' 'snippets of a gateway that is off'

# --- a dnsmasq that does not run is not started, one that is not there not missed; an older one has one directory
router plain
rm "$R/tmp/dnsmasq.runs"
gateway start
has $snippet 'server=/ntm.example/127.0.0.1#5354'
has_not tmp/calls 'dnsmasq'
router plain
rm "$R/etc/init.d/dnsmasq" "$R/etc/config/dhcp"
gateway start
runs
router plain
sed -i '/dnsmasqconfdir/d' "$R/etc/init.d/dnsmasq"
gateway start
has tmp/dnsmasq.d/ntm.conf 'server=/ntm.example/127.0.0.1#5354'
passed
