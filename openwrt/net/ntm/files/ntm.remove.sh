#!/bin/sh
# Before the packages go for good: takes back what ntm.defaults made in other packages' settings. What the user has
# since given to these sections goes with them; sections of the user's own that name the zone are left, and named.
#
#   remove gateway|proto
#
# shellcheck shell=sh

remove_interface() {
	[ "$(uci -q get network.ntm.proto)" = ntm ] || return 0
	uci delete network.ntm
	uci commit network
	uci -q del_list firewall.ntm.network=ntm && uci commit firewall
	/etc/init.d/network reload
}

remove_zone() {
	[ "$(uci -q get firewall.ntm)" = zone ] || return 0
	uci -q delete firewall.ntm_out
	uci -q delete firewall.ntm_in
	uci delete firewall.ntm
	uci commit firewall
	/etc/init.d/firewall reload
	uci -q show firewall | grep "\.\(src\|dest\)='ntm'\$" | while IFS= read -r line; do
		echo "still names the zone ntm, which is gone: $line" >&2
	done
}

forget() {
	[ ! -e /etc/ntm/defaults ] || sed -i "/^$1\$/d" /etc/ntm/defaults
	[ -s /etc/ntm/defaults ] || rm -f /etc/ntm/defaults
}

case "$1" in
gateway)
	# opkg stops the services only after this, and they need what they have noted in /var/run/ntm to clear up.
	/etc/init.d/ntm-gateway stop
	/etc/init.d/ntm-guard stop
	remove_zone
	forget firewall
	forget guard
	rm -rf /var/run/ntm
	;;
proto)
	remove_interface
	forget network
	;;
*)
	echo 'remove gateway|proto' >&2
	exit 2
	;;
esac
exit 0
