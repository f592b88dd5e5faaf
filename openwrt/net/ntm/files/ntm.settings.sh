#!/bin/sh
# The gateway's settings, from what is written to what is in force, and what netifd knows of the networks that they name.
# Sourced by init scripts.
#
# What is written is copied to tmpfs, and what passes `ntm-gateway check` there is what the daemon runs by. So what is
# written to /etc/config/ntm later and is wrong does no harm, not even when the daemon is started again after a crash.
#
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # others read the variables, and config_get sets some
# shellcheck disable=SC3043 # ash has `local`

PROG=/usr/bin/ntm-gateway
DIR=/etc/ntm
WRITTEN=/etc/config/ntm
RUN=/var/run/ntm
# What is written, as it was when we looked, and what the daemon runs by. Not named like the package: to that one, in
# whatever directory, libuci adds what is set and not committed.
CANDIDATE=$RUN/candidate
IN_FORCE=$RUN/in_force
# What is in force, but for the policies, devices and limits that the daemon has taken up since: another file here is a restart.
STARTED_BY=$RUN/started_by

say() {
	local text
	text=$(printf '%s' "$1" | tr '\n\r' '  ')
	logger -t ntm-gateway -p "daemon.${2:-notice}" -- "$text"
	[ ! -t 2 ] || printf 'ntm-gateway: %s\n' "$text" >&2
}

# Names of networks become parts of shell variables in network.sh and words in procd.sh: nothing else may get there.
is_network_name() {
	case "$1" in
	'' | *[!A-Za-z0-9_]*) return 1 ;;
	esac
}

is_port() {
	case "$1" in
	'' | *[!0-9]* | 0* | ??????*) return 1 ;;
	esac
	[ "$1" -le 65535 ]
}

# Looks at what is written, and calls it $1.
look() {
	mkdir -p "$RUN"
	cp "$WRITTEN" "$RUN/$1" 2>/dev/null || rm -f "$RUN/$1"
}

# Whether the settings called $1 say that the gateway runs. What UCI cannot read says nothing, also not that we shall stop.
is_enabled() {
	uci -q -c "$RUN" show "$1" >/dev/null || return 0
	case "$(uci -q -c "$RUN" get "$1.@gateway[0].enabled")" in
	1 | on | true | yes | enabled) return 0 ;;
	esac
	return 1
}

# Adds a network to what is printed: its name, and NAME=DEVICE[,ADDRESS] if that is known. One that is down is told as it
# was last: going down and coming back restarts nothing.
print_network() {
	local name="$1" with_address="$2" device='' subnet='' told=''
	echo "$name"
	network_get_device device "$name"
	if [ -n "$with_address" ]; then
		network_get_subnet subnet "$name"
		[ -n "$subnet" ] || device=
	fi
	if [ -z "$device" ]; then
		told=$(sed -n "/^$name=/p" "$RUN/networks" 2>/dev/null)
		# Never up so far: most have the same device then.
		[ -n "$told$with_address" ] || network_get_physdev device "$name"
	fi
	case "$device${subnet%/*}" in
	'') ;;
	*[!A-Za-z0-9_.:@+-]*)
		say "the device of the network $name has a name that cannot be used: $device" warn
		return 0
		;;
	*) told=$name=$device${subnet:+,$subnet} ;;
	esac
	[ -z "$told" ] || echo "$told"
}

# A section that names a device, or is off, needs nothing of netifd's.
print_wan() {
	local name device on
	config_get name "$1" network
	config_get device "$1" device
	config_get_bool on "$1" enabled 1
	[ -z "$device" ] && [ "$on" -eq 1 ] || return 0
	# The daemon's check names what is wrong with it.
	is_network_name "$name" && print_network "$name"
}

note_gateway() {
	GATEWAY=${GATEWAY:-$1}
}

# Loads the settings called $1. Loading does not forget what was loaded before: once in a shell.
load() {
	UCI_CONFIG_DIR=$RUN
	config_load "$1"
	unset UCI_CONFIG_DIR
	GATEWAY=
	config_foreach note_gateway gateway
}

# The networks that the settings called $1 name, and what is known of them; 1: UCI cannot read them.
networks_of() (
	uci -q -c "$RUN" show "$1" >/dev/null || return 1
	load "$1"
	config_get lan "$GATEWAY" lan lan
	{
		is_network_name "$lan" && print_network "$lan" with-address
		config_foreach print_wan wan
	} | sort -u
)

# Takes apart what networks_of prints: NAMED, for the triggers, and NETWORKS, for the daemon.
find_networks() {
	local found word
	NAMED='' NETWORKS=''
	found=$(networks_of "$1") || return 1
	for word in $found; do
		case "$word" in
		*=*) NETWORKS="$NETWORKS $word" ;;
		*) NAMED="$NAMED $word" ;;
		esac
	done
}

# Whether the daemon would run by what is written; says why not, and where that is written.
is_right() {
	local network fault
	set --
	for network in $NETWORKS; do
		set -- "$@" --network "$network"
	done
	fault=$("$PROG" check --dir "$DIR" --uci "$CANDIDATE" "$@" 2>&1) && return 0
	case "$fault" in
	*"$CANDIDATE"*) fault=${fault%%"$CANDIDATE"*}$WRITTEN${fault#*"$CANDIDATE"} ;;
	esac
	say "${fault:-$WRITTEN is refused, and no reason was given}" err
	return 1
}

# Loads the settings to run by and finds their networks; 1: there are none yet.
take_settings() {
	if ! find_networks candidate; then
		say "$WRITTEN cannot be read: \`uci show ntm\` says where it breaks off" err
	elif ! lan_is_there; then
		say "the LAN, network $LAN, has no address: it is not up yet, or none has that name" warn
	elif is_right; then
		remember
		tell_unknown
		put_in_force || return 1
		load in_force
		return 0
	fi
	if [ ! -e "$IN_FORCE" ]; then
		say 'the gateway is not started until that has changed' warn
		return 1
	fi
	say 'the settings from before stay in force' warn
	find_networks in_force || return 1
	load in_force
	remember
}

# Says which WANs netifd does not know, if these are others than last time: not up so far, or a typing error.
tell_unknown() {
	local name unknown=''
	for name in $NAMED; do
		case "$NETWORKS " in
		*" $name="*) ;;
		*) unknown="$unknown $name" ;;
		esac
	done
	[ "$(cat "$RUN/unknown" 2>/dev/null)" != "$unknown" ] || return 0
	printf '%s\n' "$unknown" >"$RUN/unknown"
	[ -z "$unknown" ] || say "not used until netifd knows their devices:$unknown; \`ubus list 'network.interface.*'\` has the names" warn
}

# Whether the LAN has a device and an address. What is no name is left to the daemon's check.
lan_is_there() {
	LAN=$(uci -q -c "$RUN" get 'candidate.@gateway[0].lan')
	LAN=${LAN:-lan}
	is_network_name "$LAN" || return 0
	case "$NETWORKS" in
	*" $LAN="*,*) return 0 ;;
	esac
	return 1
}

# The file is another one only if it says something else: the jail has its hands on this one. The daemon takes up policies,
# devices and limits as it runs, and says whether there is more.
put_in_force() {
	if ! cmp -s "$CANDIDATE" "$IN_FORCE"; then
		{ cp "$CANDIDATE" "$IN_FORCE.new" && mv "$IN_FORCE.new" "$IN_FORCE"; } || return 1
		[ -e "$STARTED_BY" ] && "$PROG" reload --dir "$DIR" >/dev/null 2>&1 && return 0
	elif [ -e "$STARTED_BY" ]; then
		return 0
	fi
	cp "$IN_FORCE" "$STARTED_BY"
}

remember() {
	local network
	for network in $NETWORKS; do
		echo "$network"
	done >"$RUN/networks.new"
	mv "$RUN/networks.new" "$RUN/networks"
}
