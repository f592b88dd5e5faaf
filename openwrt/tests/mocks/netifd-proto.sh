# Notes what netifd would be told, and runs the handler as netifd does: PROTOCOL setup|teardown INTERFACE CONFIG.
# shellcheck shell=sh disable=SC3043

note() { echo "netifd: $*" >>/tmp/calls; }

init_proto() { MOCK_VERB=$2 MOCK_INTERFACE=$3; }

add_protocol() {
	case "$MOCK_VERB" in
	dump)
		no_device=0 available=0 no_proto_task=0 teardown_on_l3_link_down=0
		"proto_$1_init_config"
		note "$1 no_device=$no_device available=$available no_proto_task=$no_proto_task down=$teardown_on_l3_link_down"
		;;
	setup | teardown) "proto_$1_$MOCK_VERB" "$MOCK_INTERFACE" ;;
	esac
}

proto_init_update() { MOCK_UPDATE="device=$1 up=$2 external=$3"; }
proto_add_ipv4_address() { MOCK_UPDATE="$MOCK_UPDATE address=$1/$2"; }
proto_send_update() {
	[ -n "$MOCK_UPDATE" ] || { echo 'an update that was not begun' >>/tmp/misuse; return 1; }
	note "$1 $MOCK_UPDATE"
}
proto_notify_error() { note "$1 error $2"; }
proto_block_restart() { note "$1 is not tried again"; }
