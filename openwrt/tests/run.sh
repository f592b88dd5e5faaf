#!/usr/bin/env bash
# run.sh [NAME...]: the feed's tests, all or those named, and how many checks each made. Needs BusyBox; where
# node, cargo, shellcheck or gettext is missing it says loudly what was not tried. No OpenWrt: what procd, netifd, UCI and dnsmasq do with what they
# are told is for a router, or qemu-tests/, to show.
#
# NTM_BIN_DIR  where the programs are, to try the packages feed's own tests on them
set -euo pipefail
cd "$(dirname "$0")"
command -v busybox >/dev/null || { echo 'busybox is missing: apt-get install busybox' >&2; exit 1; }
[ $# -gt 0 ] || set -- start guard settings hand hostile names dnsmasq defaults packages servers feed luci
for name in "$@"; do
    "./$name.sh"
done
cd ..
if command -v shellcheck >/dev/null; then
    # Files without an ending that are scripts are named.
    shellcheck -s sh net/ntm/*.sh net/ntm/files/{*.sh,*.init,ntm.defaults,ntm.hotplug,ntm-guard.iface} tests/mocks/{*.sh,uci,ntm-gateway,jsonfilter,logger,service,rc.common,ujail}
    (cd tests && shellcheck -x ./*.sh)
    echo 'shellcheck: clean'
else
    echo '!!! SKIPPED: shellcheck is not installed !!!' >&2
fi
