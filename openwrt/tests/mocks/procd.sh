# Writes what procd would be told to /tmp/procd/SERVICE, one line for each call, and each argument in brackets. What the
# real one would silently take for something else is a failure here.
# shellcheck shell=sh disable=SC3043

refuse() {
	echo "procd.sh: $*" | tee -a /tmp/misuse >&2
	exit 99
}

bracketed() {
	local word
	for word in "$@"; do
		printf ' [%s]' "$(printf '%s\n' "$word" | sed -e ':a' -e 'N;$!ba' -e 's/\n/\\n/g')"
	done
	echo
}

tell() { printf '%s%s\n' "$1" "$(shift; bracketed "$@")" >>/tmp/procd.message; }

procd_open_service() {
	mkdir -p /tmp/procd
	: >/tmp/procd.message
	PROCD_SERVICE=$1
}

procd_close_service() {
	[ -z "$PROCD_INSTANCE$PROCD_DATA" ] || refuse 'an instance, or its data, was left open'
	service_triggers
	# Only what differs is restarted.
	grep -v '^trigger' /tmp/procd.message >/tmp/procd.new
	if ! cmp -s /tmp/procd.new "/tmp/procd/$PROCD_SERVICE.runs"; then
		echo "procd: $PROCD_SERVICE changes" >>/tmp/calls
		cp /tmp/procd.new "/tmp/procd/$PROCD_SERVICE.runs"
	fi
	mv /tmp/procd.message "/tmp/procd/$PROCD_SERVICE"
}

procd_kill() {
	echo "procd: $1 ends" >>/tmp/calls
	rm -f "/tmp/procd/$1" "/tmp/procd/$1.runs"
}

procd_open_instance() {
	[ -z "$PROCD_INSTANCE" ] || refuse 'an instance in an instance'
	PROCD_INSTANCE=${1:-instance1}
	PROCD_SET=' ' PROCD_JAIL=''
	tell instance "$PROCD_INSTANCE"
}

procd_close_instance() {
	[ -n "$PROCD_INSTANCE" ] || refuse 'no instance to close'
	case "$PROCD_SET" in
	*' command '*) ;;
	*) refuse 'an instance without a command' ;;
	esac
	PROCD_INSTANCE=''
}

procd_set_param() {
	[ -n "$PROCD_INSTANCE" ] || refuse "procd_set_param $1 outside of an instance"
	case "$1" in
	command | respawn | env | file | limits | user | group | stdout | stderr | capabilities | no_new_privs | term_timeout) ;;
	netdev | pidfile | facility | reload_signal | nice | seccomp | watchdog | data) ;;
	*) refuse "procd_set_param has no $1" ;;
	esac
	case "$PROCD_SET" in
	*" $1 "*) refuse "procd_set_param $1 twice: the first is lost" ;;
	esac
	PROCD_SET="$PROCD_SET$1 "
	tell "$@"
	# The content counts, not the name.
	[ "$1" != file ] || tell content "$(shift; md5sum "$@" 2>/dev/null)"
}

procd_append_param() {
	case "$PROCD_SET" in
	*" $1 "*) tell "$@" ;;
	*) procd_set_param "$@" ;;
	esac
}

# Words are split here, as they are in the real one. In a jail without /proc the link /dev/stdin leads nowhere.
procd_add_jail() {
	[ -n "$PROCD_INSTANCE" ] || refuse 'a jail outside of an instance'
	case " $* " in
	*' procfs '*) ;;
	*) refuse 'a jail without procfs: nft cannot read its rules there' ;;
	esac
	PROCD_JAIL=1
	# shellcheck disable=SC2068
	tell jail $@
}

procd_add_jail_mount() {
	[ -n "$PROCD_JAIL" ] || refuse 'a mount without a jail'
	# shellcheck disable=SC2068
	tell mount $@
}

procd_add_jail_mount_rw() {
	[ -n "$PROCD_JAIL" ] || refuse 'a mount without a jail'
	# shellcheck disable=SC2068
	tell mount_rw $@
}

procd_add_reload_trigger() { tell 'trigger config' "$@"; }
# shellcheck disable=SC2086
procd_add_reload_interface_trigger() { tell 'trigger interface' $1; }
procd_add_reload_mount_trigger() { tell 'trigger mount' "$@"; }
procd_set_config_changed() { echo "config.change $1" >>/tmp/calls; }

procd_open_data() { PROCD_DATA=1; }
procd_close_data() { PROCD_DATA=''; }

for json in json_add_array json_add_object json_add_string json_add_int json_close_object json_close_array; do
	eval "$json() { [ -n \"\$PROCD_DATA\" ] || refuse $json without data; tell $json \"\$@\"; }"
done
