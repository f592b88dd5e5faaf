#!/usr/bin/env bash
# What a user, or a page, writes into UCI is text: whatever it holds, it is not executed, and changes nobody else's words.
. "$(dirname "$0")/router.sh"
p=tmp/procd/ntm-gateway

# How each value is written in UCI's file, in single quotes.
# shellcheck disable=SC2016 # nothing shall expand
values=(
    'x; touch /tmp/executed'
    '$(touch /tmp/executed)'
    '`touch /tmp/executed`'
    "a'\\'';touch /tmp/executed;'\\''b"
    'a"; touch /tmp/executed; "b'
    $'two\nlines\ntouch /tmp/executed'
    '--network=wan=eth9'
    'two words'
    '*'
    '../../etc/passwd'
    '${IFS}touch${IFS}/tmp/executed'
    'a&b|c>/tmp/executed'
)

for value in "${values[@]}"; do
    # Where a name of a network is expected: left out, the rest runs. What the daemon says to such a value is its matter.
    router plain
    settings "	option enabled '1'" 'config wan' "	option network '$value'" 'config wan' "	option network 'wwan'"
    gateway start
    runs
    has $p 'command [--network] [lan=br-lan,192.168.1.1/24]'
    has $p 'command [--network] [wwan=wwan0]'
    same "$(grep -c '\[--network\]' "$R/$p")" 2 "networks told with \"$value\""
    same "$(grep -c '^trigger interface' "$R/$p")" 2 "triggers with \"$value\""

    router plain
    settings "	option enabled '1'" "	option lan '$value'"
    gateway start
    runs_not
    logged 'option "lan"'

    # Where a number, a word or a list is expected, and the daemon would not mind.
    router plain
    settings "	option enabled '1'" "	option dhcp '$value'" "	option interface '$value'" "	list dns '$value'" \
        "	list dns '$value'" "	option range '$value'" 'config device' "	option name '$value'"
    gateway start
    runs
    has_not $p 'instance [names]'
    same "$(grep -c '^command' "$R/$p")" 3 "commands with \"$value\""
    settings "	option enabled '1'" "	option dns_port '$value'"
    gateway reload
    runs
    has_not $p 'instance [names]'
    same "$(grep -c '^command' "$R/$p")" 3 "commands with the DNS port \"$value\""
    settings "	option enabled '$value'"
    gateway reload
    runs_not

    # A device's name is the kernel's, and may hold much; no spaces, but be it so.
    network wan "${value//$'\n'/ }"
    settings "	option enabled '1'" 'config wan' "	option network 'wan'"
    gateway reload
    runs
    same "$(grep -c '\[--network\]' "$R/$p")" 1 "networks told with the device \"$value\""
    logged 'has a name that cannot be used'

    # dnsmasq's directory: a path, or nothing is written there.
    router plain
    config dhcp 'config dnsmasq' "	option confdir '$value'" 'config dnsmasq' "	option confdir '/tmp/d/$value'"
    gateway start
    for snippet in $(find "$R" -name ntm.conf | tr ' \n' '_ '); do
        [[ $snippet == "$R"/tmp/d/* || $snippet == "$R/etc/passwd/"* ]] || fail "a snippet in $snippet"
    done
    # What the domain is called.
    router plain
    printf 'domain = "%s"\n' "${value//$'\n'/ }" >"$R/etc/ntm/node.toml"
    gateway start
    [ -z "$(find "$R" -name ntm.conf)" ] || fail "a snippet for the domain \"$value\""
    logged 'names no domain'
    router plain
    echo '{"domains": ["b.test", "'"${value//$'\n'/ }"'"]}' >"$R/tmp/status.json"
    look_at_names 5354
    no_misuse
    has tmp/dnsmasq.cfg01100e.d/ntm.conf 'server=/b.test/127.0.0.1#5354'
    same "$(grep -c '^server=' "$R"/tmp/dnsmasq.*/ntm.conf)" 2 "domains with \"$value\""

    # The servers' scripts.
    for server in dc relay; do
        router plain
        mkdir "$R/etc/ntm-$server"
        touch "$R/etc/ntm-$server/"{node.toml,ntm-dc.toml}
        config ntm-$server "config $server main" "	option enabled '1'" "	option dir '$value'"
        on /etc/init.d/ntm-$server start
        no_misuse
        has_not tmp/procd/ntm-$server 'instance'
        if [[ $value != *..* ]]; then
            mkdir -p "$R/$value"
            touch "$R/$value/"{node.toml,ntm-dc.toml}
        fi
        config ntm-$server "config $server main" "	option enabled '1'" "	option dir '/$value'"
        on /etc/init.d/ntm-$server start
        no_misuse
        has_not tmp/procd/ntm-$server 'instance'
        config ntm-$server "config $server main" "	option enabled '1'" "	list open_udp '4750'" "	list open_udp '$value'"
        on /etc/init.d/ntm-$server start
        no_misuse
        has tmp/procd/ntm-$server "command [/usr/bin/ntm-$server] [run] [--dir] [/etc/ntm-$server]"
        same "$(grep -c 'dest_port' "$R/tmp/procd/ntm-$server")" 1 "ports with \"$value\""
    done
done
passed
