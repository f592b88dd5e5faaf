#!/bin/sh
# The protocol `ntm` for netifd: shows the interface that the gateway makes to LuCI, firewall zones, hotplug and mwan3.
#
#	config interface 'ntm'
#		option proto 'ntm'
#
# The gateway gives it address and routes, and takes it away again; netifd is told and touches nothing. An interface
# that is not there is not waited for: hotplug.d/net brings this up when it comes.
#
# shellcheck shell=sh
# shellcheck disable=SC1091,SC3043 # is on the router; ash has `local`

[ -n "$INCLUDE_ONLY" ] || {
	. /lib/functions.sh
	. ../netifd-proto.sh
	init_proto "$@"
}

# netifd reads these.
# shellcheck disable=SC2034
proto_ntm_init_config() {
	available=1
	no_device=1
	no_proto_task=1
	# The gateway has ended: down, and up again when hotplug says.
	teardown_on_l3_link_down=1
	lasterror=1
}

proto_ntm_setup() {
	local interface="$1" device address
	device=$(uci -q -c /var/run/ntm get 'in_force.@gateway[0].interface')
	device=${device:-ntm0}
	case "$device" in
	*[!A-Za-z0-9_.-]* | .*)
		proto_notify_error "$interface" NO_DEVICE
		proto_block_restart "$interface"
		return 1
		;;
	esac
	if [ ! -d "/sys/class/net/$device" ]; then
		proto_notify_error "$interface" GATEWAY_NOT_RUNNING
		proto_block_restart "$interface"
		return 1
	fi
	address=$(sed -n 's/^vip4 = "\([0-9.]*\)"$/\1/p' /etc/ntm/node.toml 2>/dev/null | head -n 1)
	# The third: the address is another's.
	proto_init_update "$device" 1 1
	[ -z "$address" ] || proto_add_ipv4_address "$address" 32
	proto_send_update "$interface"
}

# The interface is the gateway's.
proto_ntm_teardown() {
	:
}

[ -n "$INCLUDE_ONLY" ] || add_protocol ntm
