# shellcheck shell=bash
# A router to try scripts on: a directory with BusyBox alone, the packages' files as net/ntm/Makefile installs them, and
# small stand-ins (mocks/) for what OpenWrt has around them. Sourced by each test.

set -euo pipefail
export LC_ALL=C
TESTS=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
FEED=$TESTS/..
FILES=$FEED/net/ntm/files
# In memory, where there is some: a router is made for each of hundreds of checks.
ROOM=$(mktemp -d -p /dev/shm 2>/dev/null) || ROOM=$(mktemp -d)
trap 'rm -rf "$ROOM"' EXIT
BASE=$ROOM/base R=$ROOM/router
checks=0

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    [ ! -s "$R/tmp/log" ] || sed 's/^/  log: /' "$R/tmp/log" >&2
    [ ! -s "$R/tmp/calls" ] || sed 's/^/  call: /' "$R/tmp/calls" >&2
    exit 1
}

# A program and the libraries that it is linked with.
with_libraries() {
    local library
    install -D "$1" "$BASE/$2"
    for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
        install -D "$library" "$BASE$library"
    done
}

# Each line of the Makefile that installs a file of ours: mode, file, place.
# shellcheck disable=SC2016 # make's variables
installed() {
    sed -n 's#^\t$(INSTALL_\(BIN\|CONF\|DATA\)) ./files/\([^ ]*\) $(1)\(/[^ ]*\)$#\1 \2 \3#p' "$FEED/net/ntm/Makefile"
}

declare -A MODE=([BIN]=755 [CONF]=600 [DATA]=644)

# BusyBox, and the stand-ins that no test changes.
base() {
    local applet
    mkdir -p "$BASE"/{bin,dev,etc/init.d,etc/config,lib/functions,lib/mock,sys/class/net,tmp/netifd,tmp/run,usr/bin,usr/sbin,var}
    ln -s ../tmp/run "$BASE/var/run"
    touch "$BASE/dev/null"
    with_libraries "$(command -v busybox)" bin/busybox
    for applet in $(busybox --list); do
        [ -e "$BASE/bin/$applet" ] || ln -s busybox "$BASE/bin/$applet"
    done
    install -m 644 "$TESTS"/mocks/uci.awk "$BASE/lib/mock/"
    install -m 644 "$TESTS"/mocks/functions.sh "$BASE/lib/"
    install -m 644 "$TESTS"/mocks/{procd.sh,network.sh} "$BASE/lib/functions/"
    install -m 644 "$TESTS"/mocks/rc.common "$BASE/etc/"
    install -D -m 644 "$TESTS"/mocks/netifd-proto.sh "$BASE/lib/netifd/netifd-proto.sh"
    install -m 755 "$TESTS"/mocks/{uci,jsonfilter,logger} "$BASE/usr/sbin/"
    install -m 755 "$TESTS"/mocks/ntm-gateway "$BASE/usr/bin/"
    # Before BusyBox' own in PATH.
    install -m 755 "$TESTS"/mocks/service "$BASE/usr/sbin/ifup"
    install -m 755 "$TESTS"/mocks/service "$BASE/usr/sbin/ip"
    # It would wait for all that this machine has yet to write.
    install -m 755 "$TESTS"/mocks/service "$BASE/usr/sbin/sync"
    for applet in dnsmasq firewall network; do
        install -m 755 "$TESTS"/mocks/service "$BASE/etc/init.d/$applet"
    done
}

# The packages' files, over what is there: `plain`, the gateway's and the servers', or with `proto` also ntm-proto's.
unpack() {
    local kind file place
    while read -r kind file place; do
        case "$place:${1#plain}" in
            */ | /lib/netifd/*: | /etc/hotplug.d/net/*: | *_ntm-proto:) ;;
            *) install -D -m "${MODE[$kind]}" "$FILES/$file" "$R$place" ;;
        esac
    done < <(installed)
}

# A fresh router: enrolled, LAN and two WANs up, nothing running. `plain` or `proto`.
router() {
    [ -d "$BASE" ] || base
    rm -rf "$R"
    cp -a "$BASE" "$R"
    unpack "$1"
    touch "$R/tmp/calls" "$R/tmp/log" "$R/tmp/dnsmasq.runs"
    network lan br-lan 192.168.1.1/24
    network wan eth1 203.0.113.7/24
    network wwan wwan0 198.51.100.9/30
    config dhcp "config dnsmasq" "	option domain 'lan'"
    mkdir -m 700 "$R/etc/ntm"
    printf 'node = "x"\nname = "home.ntm.example"\ndomain = "ntm.example"\nvip4 = "198.18.0.1"\n' >"$R/etc/ntm/node.toml"
    settings "	option enabled '1'"
}

# NAME DEVICE SUBNET: what netifd says of a network; without DEVICE it is down.
network() {
    printf '%s\n' ${2:+"device=$2"} ${3:+"subnet=$3"} >"$R/tmp/netifd/$1"
}

# PACKAGE LINE...: a file of UCI's.
config() {
    local package=$1
    shift
    printf '%s\n' "$@" >"$R/etc/config/$package"
}

# LINE...: /etc/config/ntm with these lines after its first.
settings() {
    config ntm "config gateway 'gateway'" "$@"
}

# Runs a command on the router, with BusyBox' ash for /bin/sh.
on() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare -rm sh -c 'mount --bind /dev/null "$1/dev/null" && shift && exec chroot "$@"' sh "$R" "$R" \
        /bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# A verb of an init script; what it was told before is forgotten.
gateway() {
    local status=0
    : >"$R/tmp/calls"
    : >"$R/tmp/log"
    on /etc/init.d/ntm-gateway "$@" || status=$?
    no_misuse
    return $status
}

# PORT: the watch of the domains that are trusted, until it has looked once: where it would sleep it ends.
look_at_names() {
    # shellcheck disable=SC2016 # for the inner shell
    printf '#!/bin/sh\nkill "$PPID"\n' >"$R/usr/sbin/sleep"
    chmod 755 "$R/usr/sbin/sleep"
    on /usr/lib/ntm/names watch "$1"
    rm "$R/usr/sbin/sleep"
}

no_misuse() {
    [ ! -e "$R/tmp/misuse" ] || fail "$(cat "$R/tmp/misuse")"
    [ ! -e "$R/tmp/executed" ] || fail "a value was executed"
}

# FILE TEXT: the file on the router has this line.
has() {
    checks=$((checks + 1))
    grep -qxF -- "$2" "$R/$1" || fail "$1 has no line \"$2\", but: $(cat "$R/$1" 2>&1)"
}

# The file is there, and nothing in it has this text.
has_not() {
    checks=$((checks + 1))
    [ -e "$R/$1" ] || fail "$1 is not there"
    ! grep -qF -- "$2" "$R/$1" 2>/dev/null || fail "$1 has \"$2\""
}

# TEXT: the log has it somewhere.
logged() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$R/tmp/log" || fail "not logged: $1"
}

# Whether procd has something to run.
runs() {
    checks=$((checks + 1))
    grep -qs '^instance \[gateway\]' "$R/tmp/procd/ntm-gateway" || fail 'nothing runs'
}

runs_not() {
    checks=$((checks + 1))
    ! grep -qs '^instance' "$R/tmp/procd/ntm-gateway" || fail "something runs: $(cat "$R/tmp/procd/ntm-gateway")"
}

# Whether procd restarted something at the last verb.
restarted() { has tmp/calls "procd: ntm-gateway changes"; }
restarted_not() { has_not tmp/calls "procd: ntm-gateway changes"; }

same() {
    checks=$((checks + 1))
    [ "$1" = "$2" ] || fail "$3: \"$1\" is not \"$2\""
}

passed() {
    printf '%s: %s checks\n' "$(basename "$0" .sh)" "$checks"
}
