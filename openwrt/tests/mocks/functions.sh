# What of /lib/functions.sh the scripts use, with its sharp edges: names become parts of shell variables by eval, a
# list item too, and what was loaded before stays unless it is overwritten.
# shellcheck shell=sh disable=SC2034,SC3043

reset_cb() { config_cb() { return 0; }; }
reset_cb

package() { return 0; }

config() {
	CONFIG_SECTION=$2
	CONFIG_SECTIONS="$CONFIG_SECTIONS $2"
	eval "CONFIG_${2}_TYPE=\$1"
	config_cb "$1" "$2"
}

option() { eval "CONFIG_${CONFIG_SECTION}_$1=\$2"; }

list() {
	local len
	eval "len=\${CONFIG_${CONFIG_SECTION}_${1}_LENGTH:-0}"
	len=$((len + 1))
	eval "CONFIG_${CONFIG_SECTION}_${1}_ITEM$len=\$2"
	eval "CONFIG_${CONFIG_SECTION}_${1}_LENGTH=$len"
	eval "CONFIG_${CONFIG_SECTION}_$1=\"\${CONFIG_${CONFIG_SECTION}_$1:+\$CONFIG_${CONFIG_SECTION}_$1 }\$2\""
	CONFIG_LISTS="$CONFIG_LISTS CONFIG_${CONFIG_SECTION}_$1 CONFIG_${CONFIG_SECTION}_${1}_LENGTH"
}

config_load() {
	local data one
	for one in $CONFIG_LISTS; do unset "$one"; done
	CONFIG_LISTS='' CONFIG_SECTIONS=''
	data=$(uci -q ${UCI_CONFIG_DIR:+-c "$UCI_CONFIG_DIR"} -n export "$1") || return 1
	eval "$data"
}

config_get() {
	case "$2${3:-$1}" in
	*[!A-Za-z0-9_]*) ;;
	*)
		case "$3" in
		'') eval "echo \"\${CONFIG_${1}_${2}:-\$4}\"" ;;
		*) eval "$1=\"\${CONFIG_${2}_${3}:-\$4}\"" ;;
		esac
		;;
	esac
}

config_get_bool() {
	local word
	config_get word "$2" "$3" "$4"
	case "$word" in
	1 | on | true | yes | enabled) word=1 ;;
	0 | off | false | no | disabled) word=0 ;;
	*) word=$4 ;;
	esac
	eval "$1=\$word"
}

config_foreach() {
	local callback="$1" type="$2" section found
	shift 2
	for section in $CONFIG_SECTIONS; do
		config_get found "$section" TYPE
		[ -n "$type" ] && [ "$found" != "$type" ] && continue
		eval "$callback \"\$section\" \"\$@\""
	done
}

config_list_foreach() {
	[ $# -ge 3 ] || return 0
	local section="$1" option="$2" callback="$3" len at=1 item
	shift 3
	config_get len "$section" "${option}_LENGTH"
	[ -n "$len" ] || return 0
	while [ "$at" -le "$len" ]; do
		config_get item "$section" "${option}_ITEM$at"
		eval "$callback \"\$item\" \"\$@\""
		at=$((at + 1))
	done
}
