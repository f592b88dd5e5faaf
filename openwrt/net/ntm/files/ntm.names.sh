#!/bin/sh
# Tells dnsmasq that the domain's names, and those of domains it trusts, are asked of the gateway on this router:
#
#   names sync PORT    writes the snippet, and restarts dnsmasq if that changed something
#   names watch PORT   the same each time the running gateway says that it trusts other domains than before
#   names remove       takes the snippet away
#
# A file in dnsmasq's conf-dir, which is in tmpfs: no UCI of the user's is changed, nor /etc/resolv.conf.
#
# shellcheck shell=sh
# shellcheck disable=SC3043 # ash has `local`

# shellcheck disable=SC1091 # is on the router
. /lib/functions.sh

DIR=/etc/ntm
RUN=/var/run/ntm
# The snippets that are there, one in each conf-dir.
WROTE=$RUN/snippets
# The trusted domains, as the gateway said last.
TRUSTED=$RUN/trusted

# Nothing that dnsmasq would take for more than a name.
is_domain() {
	case "$1" in
	'' | *[!a-z0-9.-]* | .* | -* | *..*) return 1 ;;
	esac
	[ "${#1}" -le 253 ]
}

own_domain() {
	sed -n 's/^domain = "\([^"]*\)"$/\1/p' "$DIR/node.toml" 2>/dev/null | head -n 1
}

# 1: the gateway does not answer (yet).
ask_trusted() {
	local status
	status=$(/usr/bin/ntm-gateway status --json --dir "$DIR" 2>/dev/null) || return 1
	mkdir -p "$RUN"
	jsonfilter -s "$status" -e '@.domains[*]' >"$TRUSTED.new" 2>/dev/null
	mv "$TRUSTED.new" "$TRUSTED"
}

snippet() {
	local port="$1" domain
	echo '# Written by ntm-gateway, and taken away when it stops.'
	{
		own_domain
		cat "$TRUSTED" 2>/dev/null
	} | while IFS= read -r domain; do
		is_domain "$domain" || continue
		echo "server=/$domain/127.0.0.1#$port"
		# Virtual addresses are private ones, which dnsmasq would not pass on.
		echo "rebind-domain-ok=/$domain/"
	done
}

# As dnsmasq's own script finds it. Before there was a directory for each instance there was one for all.
print_conf_dir() {
	local section="$1" disabled conf_dir usual=/tmp/dnsmasq.d
	config_get_bool disabled "$section" disabled 0
	[ "$disabled" -eq 0 ] || return 0
	# shellcheck disable=SC2016 # its text, not its value
	if grep -qF 'dnsmasq${cfg' /etc/init.d/dnsmasq 2>/dev/null; then
		usual=/tmp/dnsmasq.$section.d
	fi
	config_get conf_dir "$section" confdir "$usual"
	conf_dir=${conf_dir%%,*}
	case "$conf_dir" in
	*[![:print:]]*) ;;
	/*) echo "${conf_dir%/}" ;;
	esac
}

conf_dirs() {
	[ -x /etc/init.d/dnsmasq ] || return 0
	config_load dhcp
	config_foreach print_conf_dir dnsmasq | sort -u
}

# Writes `text` to each conf-dir, or takes away what is there if it is empty.
apply() {
	local text="$1" changed='' dir file
	mkdir -p "$RUN"
	: >"$WROTE.new"
	[ -z "$text" ] || while IFS= read -r dir; do
		[ -n "$dir" ] || continue
		file=$dir/ntm.conf
		echo "$file" >>"$WROTE.new"
		[ "$(cat "$file" 2>/dev/null)" != "$text" ] || continue
		# dnsmasq reads no file that begins with a dot.
		mkdir -p "$dir" && printf '%s\n' "$text" >"$dir/.ntm.conf" && mv "$dir/.ntm.conf" "$file" && changed=1
	done <<-END
		$(conf_dirs)
	END
	[ ! -e "$WROTE" ] || while IFS= read -r file; do
		if [ -e "$file" ] && ! grep -qxF "$file" "$WROTE.new"; then
			rm -f "$file"
			changed=1
		fi
	done <"$WROTE"
	mv "$WROTE.new" "$WROTE"
	[ -z "$changed" ] || restart_dnsmasq
}

# A new file there is read at a start only.
restart_dnsmasq() {
	[ -x /etc/init.d/dnsmasq ] && /etc/init.d/dnsmasq running || return 0
	/etc/init.d/dnsmasq restart
}

sync_names() {
	is_domain "$(own_domain)" || {
		logger -t ntm-gateway -p daemon.warn -- "$DIR/node.toml names no domain: dnsmasq is told nothing"
		return 1
	}
	apply "$(snippet "$1")"
}

watch_names() {
	local pause
	# Ended at once, and the sleep with it.
	trap 'kill "$!" 2>/dev/null; exit 0' TERM
	while :; do
		pause=5
		if ask_trusted; then
			sync_names "$1"
			pause=300
		fi
		sleep "$pause" &
		wait "$!"
	done
}

case "$1" in
sync) sync_names "$2" ;;
watch) watch_names "$2" ;;
remove) [ ! -e "$WROTE" ] || apply '' ;;
*)
	echo 'names sync PORT | watch PORT | remove' >&2
	exit 2
	;;
esac
