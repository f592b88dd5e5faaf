# shellcheck shell=bash
# Where the routers are real OpenWrt (OWRT_ROOT): what is done otherwise there than in ours. Sourced last, and takes the places
# of functions of the others.
# shellcheck disable=SC2034,SC2154 # used in the other files, and theirs

IMAGE=openwrt
ACTS='wan_change cable_pulled upgrade crash unjailed clock power_loss luci_page'

# Read, not run: it is somebody else's file.
release_of_root() { sed -n "s/^DISTRIB_RELEASE=['\"]\{0,1\}\([A-Za-z0-9._-]*\).*/\1/p" "$OWRT_ROOT/etc/openwrt_release"; }

# From nothing: whatever the image is configured for, here are three ports. All by uci, as its owner would.
router_network() { # SIDE
    GUEST_S=180 guest_does "$1" "while uci -q delete network.@device[0]; do :; done
for n in lan wan wan6 wan2; do uci -q delete network.\$n; done
uci -q batch <<E
add network device
set network.@device[0].name=br-lan
set network.@device[0].type=bridge
add_list network.@device[0].ports=eth0
set network.lan=interface
set network.lan.device=br-lan
set network.lan.proto=static
set network.lan.ipaddr=${LAN4[$1]}.1/24
set network.wan=interface
set network.wan.device=eth1
set network.wan.proto=none
set network.wan2=interface
set network.wan2.device=eth2
set network.wan2.proto=none
E
for i in 0 1 2 3; do
    [ \"\$(uci -q get firewall.@zone[\$i].name)\" != wan ] || {
        uci -q del_list firewall.@zone[\$i].network=wan2
        uci add_list firewall.@zone[\$i].network=wan2
    }
done
uci commit
/etc/init.d/network restart
sleep 5
reload_config"
}

# installs SIDE: what `make package` makes, by the router's own package manager.
installs() {
    local log=$OUT/${GATEWAY[$1]}-install.log
    GUEST_S=300 guest "$1" "$(add_packages packages)" >"$log" 2>&1 || fail "${GATEWAY[$1]} does not install our packages: $(tail -n 5 "$log")"
    # shellcheck disable=SC2016 # for the guest's shell
    guest_does "$1" '[ -x /etc/init.d/ntm-gateway ] && [ -s /etc/config/ntm ] && [ "$(uci -q get firewall.ntm)" = zone ]'
    say "${GATEWAY[$1]} has our packages: $(guest "$1" 'ls /ntm-test/packages' | xargs)"
}
add_packages() { # FOLDER
    echo "cd /ntm-test/$1 && if command -v opkg >/dev/null; then opkg install ./*.ipk; else apk add --allow-untrusted --no-network ./*.apk; fi"
}

# The same, newer: as a user upgrades.
upgrade() {
    local pid; pid=$(daemon_pid_in a)
    GUEST_S=300 event upgrade guest_does a "$(add_packages packages/newer)"
    wait_until 10 "upgrade: another daemon runs" another_daemon a "$pid"
    pid=$(daemon_pid_in a)
    [ "$(guest a "md5sum </proc/$pid/exe")" = "$(guest a 'cat /ntm-test/newer.md5')" ] || fail "upgrade: the old program still runs"
}

# What procd says is ujail's, where there is one.
daemon_pid_in() {
    local pid
    pid=$(guest "$1" "ubus call service list '{\"name\":\"ntm-gateway\"}'" |
        json - "d.get('ntm-gateway', {}).get('instances', {}).get('gateway', {}).get('pid', '')" 2>/dev/null) && [ -n "$pid" ] || return 1
    in_the_jail "$1" "$pid"
}

# The phases are told by our own procd.
restarts() { guest_does "$1" "$2"; }
phases() { :; }

settings() { # SIDE
    guest_does "$1" "uci -q del_list dhcp.@dnsmasq[0].rebind_domain=example.org; uci add_list dhcp.@dnsmasq[0].rebind_domain=example.org
        uci set ntm.gateway.log_level=${NTM_LOG:-info}; uci commit; reload_config"
    wait_until 30 "${GATEWAY[$1]}'s dnsmasq has its settings" guest "$1" 'grep example.org /var/etc/dnsmasq.conf.* && service dnsmasq running'
}

# LuCI's page of ours, as a browser opens it: a login, the page, what it loads, and what it may ask of the router.
luci_page() {
    local at=http://${LAN4[a]}.1 answer session
    guest a '[ -e /www/cgi-bin/luci ] && [ -x /usr/sbin/uhttpd ]' || {
        echo '!!! SKIPPED: OWRT_ROOT has no LuCI, so OUR PAGES WERE NOT OPENED !!!' >&2
        figure luci '"absent"'
        return 0
    }
    guest_does a "printf 'page\npage\n' | passwd root >/dev/null 2>&1"
    answer=$(web -c "$OUT/cookies" -o /dev/null -w '%{http_code}' -d luci_username=root -d luci_password=page "$at/cgi-bin/luci/")
    [[ "$answer" =~ ^(200|302)$ ]] || fail "LuCI's login answers $answer"
    answer=$(web -b "$OUT/cookies" "$at/cgi-bin/luci/admin/services/ntm/status")
    [[ "$answer" == *ntm/status* && "$answer" != *luci_password* ]] || fail "LuCI does not show our page: $(head -c 300 <<<"$answer")"
    answer=$(web "$at/luci-static/resources/view/ntm/status.js")
    [[ "$answer" == *view.extend* ]] || fail 'uhttpd does not have our page'
    answer=$(rpc "$at" 00000000000000000000000000000000 session login '{"username":"root","password":"page"}')
    session=$(json - "d['result'][1]['ubus_rpc_session']" <<<"$answer") || fail "rpcd's login answers $answer"
    answer=$(rpc "$at" "$session" file exec '{"command":"/usr/bin/ntm-gateway","params":["status","--json"]}')
    [ "$(json - "__import__('json').loads(d['result'][1]['stdout'])['dc']['state']" <<<"$answer")" = registered ] ||
        fail "the page would be told: $answer"
    figure luci true
    say "LuCI's page opens, and rpcd tells it what the gateway says"
}
web() { on laptop curl -sSkL --max-time 30 "$@"; }
rpc() { # ADDRESS SESSION OBJECT METHOD ARGUMENTS
    web -H 'Content-Type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"call","params":["'"$2"'","'"$3"'","'"$4"'",'"$5"']}' "$1/ubus/"
}
