#!/usr/bin/env bash
# The coordinator's and the relay's init scripts; and that net/ntm/Makefile and what it installs fit together.
. "$(dirname "$0")/router.sh"

for server in dc relay; do
    name=ntm-$server p=tmp/procd/ntm-$server
    router plain
    on /etc/init.d/$name start
    has_not $p 'instance'
    logged 'not enabled'
    has_not $p 'trigger mount'
    has_not tmp/calls 'config.change'
    on uci set $name.main.enabled=1
    on uci commit
    on /etc/init.d/$name start
    has_not $p 'instance'
    logged 'nothing to start from'
    has $p "trigger mount [/etc/$name]"
    has_not tmp/calls 'config.change'
    mkdir "$R/etc/$name"
    touch "$R/etc/$name/node.toml" "$R/etc/$name/ntm-dc.toml" "$R/etc/$name/ntm-relay.toml"
    on /etc/init.d/$name start
    has $p "command [/usr/bin/$name] [run] [--dir] [/etc/$name]"
    has $p "file [/etc/$name/$name.toml] [/usr/bin/$name]"
    has $p 'respawn [3600] [1] [0]'
    same "$(stat -c %a "$R/tmp/run/$name/ctl")" 700 "the socket's directory"
    has $p 'json_add_string [dest_port] [4750]'
    has $p "trigger config [$name]"
    has tmp/calls 'config.change firewall'
    same "$(grep -c '^json_add_string \[dest_port\]' "$R/$p")" "$([ $server = dc ] && echo 2 || echo 1)" 'open ports'
    on uci set $name.main.dir=/mnt/usb/ntm
    on uci commit
    mkdir -p "$R/mnt/usb/ntm"
    touch "$R/mnt/usb/ntm/node.toml" "$R/mnt/usb/ntm/ntm-dc.toml"
    on /etc/init.d/$name start
    has $p "command [/usr/bin/$name] [run] [--dir] [/mnt/usb/ntm]"
    has $p "trigger mount [/mnt/usb/ntm]"

    # The firewall hears of the ports when they change.
    : >"$R/tmp/calls"
    on /etc/init.d/$name restart
    has_not tmp/calls 'config.change'
    on uci add_list $name.main.open_udp=99999
    on uci add_list $name.main.open_udp=65535
    on uci commit
    on /etc/init.d/$name reload
    has tmp/calls 'config.change firewall'
    logged '"99999" is no port'
    has $p 'json_add_string [dest_port] [65535]'
    has_not $p '99999'
    : >"$R/tmp/calls"
    on uci set $name.main.enabled=0
    on uci commit
    on /etc/init.d/$name reload
    has_not $p 'instance'
    has tmp/calls 'config.change firewall'
    : >"$R/tmp/calls"
    on /etc/init.d/$name stop
    has_not tmp/calls 'config.change'
    no_misuse
done

# --- every file is installed, and every file that is installed is there
for file in "$FILES"/*; do
    checks=$((checks + 1))
    grep -qF "./files/$(basename "$file") " "$FEED/net/ntm/Makefile" || fail "$(basename "$file") is not installed"
done
while read -r kind file _; do
    checks=$((checks + 1))
    [ -e "$FILES/$file" ] || fail "$file is installed, and not there"
    [ "$kind" != BIN ] || [ -x "$FILES/$file" ] || fail "$file is not executable in the repository"
done < <(installed)
version=$(sed -n 's/^PKG_VERSION:=//p' "$FEED/net/ntm/Makefile")
same "$version" "$(sed -n 's/^version = "\(.*\)"$/\1/p' "$FEED/../Cargo.toml" | head -n 1)" 'versions'
/usr/bin/python3 -c 'import json, sys; sets = json.load(open(sys.argv[1])); assert len(sets) == 5 and len(set(map(str, sets.values()))) == 1' \
    "$FILES/ntm-gateway.capabilities.json" || fail 'the capabilities are not five equal sets'

# --- the packages feed's tests, with programs if there are any
programs=${NTM_BIN_DIR:-}
if [ -z "$programs" ]; then
    echo '!!! SKIPPED: test-version.sh and test.sh on the programs; set NTM_BIN_DIR to where they are !!!' >&2
else
    for package in ntm-gateway ntm-dc ntm-relay ntm-proto; do
        checks=$((checks + 1))
        PATH=$programs:$PATH PKG_NAME=$package PKG_VERSION=$version sh "$FEED/net/ntm/test-version.sh" || fail "test-version.sh $package"
    done
    PATH=$programs:$PATH PKG_NAME=ntm-relay PKG_VERSION=9.9.9 sh "$FEED/net/ntm/test-version.sh" && fail 'any version will do'
    for package in ntm-dc ntm-relay; do
        checks=$((checks + 1))
        PATH=$programs:$PATH sh "$FEED/net/ntm/test.sh" $package "$version" || fail "test.sh $package"
    done
fi
passed
