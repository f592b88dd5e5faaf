#!/bin/sh
# What the init scripts of coordinator and relay have in common. Each sources its own copy, with NAME, STATE and FIRST set:
# the service, what is in its directory after the first steps, and what these are.
#
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # rc.common reads the variables, and gives some
# shellcheck disable=SC3043 # ash has `local`

PROG=/usr/bin/$NAME
# What the firewall has been told to open.
OPENED=/var/run/$NAME/opened

say() {
	logger -t "$NAME" -p daemon.notice -- "$1"
	[ ! -t 2 ] || printf '%s: %s\n' "$NAME" "$1" >&2
}

# An absolute path without anything that procd.sh or the jail would take for two.
is_dir_name() {
	case "$1" in
	*[!A-Za-z0-9/_.-]* | */../* | */..) return 1 ;;
	/?*) return 0 ;;
	esac
	return 1
}

is_port() {
	case "$1" in
	'' | *[!0-9]* | 0* | ??????*) return 1 ;;
	esac
	[ "$1" -le 65535 ]
}

add_rule() {
	local port="$1" proto="$2"
	is_port "$port" || {
		say "section main, list open_$proto: \"$port\" is no port from 1 to 65535"
		return 0
	}
	OPEN="$OPEN $proto/$port"
	json_add_object ''
	json_add_string type rule
	json_add_string src wan
	json_add_string proto "$proto"
	json_add_string dest_port "$port"
	json_add_string target ACCEPT
	json_close_object
}

start_service() {
	local enabled dir
	OPEN='' WATCHED=''
	config_load "$NAME"
	config_get_bool enabled main enabled 0
	config_get dir main dir "/etc/$NAME"
	is_dir_name "$dir" || {
		say "section main, option dir: \"$dir\" is no path like /etc/$NAME"
		return 0
	}
	[ "$enabled" -eq 1 ] || {
		say "not enabled: set $NAME.main.enabled to 1 after \`$FIRST $dir\`"
		return 0
	}
	WATCHED=$dir
	[ -e "$dir/$STATE" ] || {
		say "nothing to start from: run \`$FIRST $dir\`"
		return 0
	}

	# For the control socket: no start shall write to flash.
	(umask 077 && mkdir -p "/var/run/$NAME/ctl")
	procd_open_instance
	procd_set_param command "$PROG" run --dir "$dir"
	# The program as well: after an upgrade by apk, which does not stop the old one, this is what starts the new one.
	procd_set_param file "$dir/$NAME.toml" "$PROG"
	procd_set_param respawn 3600 1 0
	procd_set_param limits nofile='65536 65536'
	procd_set_param stdout 1
	procd_set_param stderr 1
	procd_open_data
	json_add_array firewall
	config_list_foreach main open_udp add_rule udp
	config_list_foreach main open_tcp add_rule tcp
	json_close_array
	procd_close_data
	procd_close_instance
}

# The firewall is reloaded when what is open changes, and not at each start.
tell_firewall() {
	[ "$(cat "$OPENED" 2>/dev/null)" != "$1" ] || return 0
	(umask 077 && mkdir -p "/var/run/$NAME")
	printf '%s\n' "$1" >"$OPENED"
	procd_set_config_changed firewall
}

service_started() {
	tell_firewall "$OPEN"
}

service_stopped() {
	[ "$action" = restart ] || tell_firewall ''
}

service_triggers() {
	procd_add_reload_trigger "$NAME"
	# A disk may be mounted later than we are started at boot.
	[ -z "$WATCHED" ] || procd_add_reload_mount_trigger "$WATCHED"
}
