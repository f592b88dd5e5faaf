#!/bin/sh
# Does for the gateway's page what the gateway's jail keeps it from: it writes /etc/config/ntm, and switches the gateway on
# when it has joined a domain. The daemon's words come by a pipe, one a line:
#
#   settings COUNT   the whole file, COUNT lines of it, follows; what comes of it is in RUN/said
#   joined           the directory holds a membership now
#
# Whoever speaks there may be anybody who got hold of the daemon. So the text comes by the pipe and not by a file, which could
# be a link; it is written only if `ntm-gateway check` finds it right; and nothing of it is ever run.
#
# shellcheck shell=sh
# shellcheck disable=SC3043 # ash has `local`

# shellcheck disable=SC1091 # is on the router
. /lib/functions.sh
# shellcheck disable=SC1091
. /lib/functions/network.sh
# shellcheck disable=SC1091
. /usr/lib/ntm/settings

# No file of settings has more lines; a page takes 64 KiB.
MOST=4096

answer() {
	printf '%s\n' "$1" >"$RUN/said.new"
	mv "$RUN/said.new" "$RUN/said"
}

# The next $1 lines of the pipe.
receive() {
	local left="$1" line
	while [ "$left" -gt 0 ] && IFS= read -r line; do
		printf '%s\n' "$line"
		left=$((left - 1))
	done
}

take() {
	case "$1" in
	'' | *[!0-9]* | ?????*) return ;;
	esac
	[ "$1" -le "$MOST" ] || return
	rm -f "$RUN/said"
	receive "$1" >"$RUN/proposed"
	# Somebody else has changed it since, or it is wrong and was never in force.
	if ! cmp -s "$WRITTEN" "$IN_FORCE"; then
		answer stale
		return
	fi
	# shellcheck disable=SC2034 # is_right reads it
	CANDIDATE=$RUN/proposed
	network_flush_cache
	if ! find_networks proposed || ! is_right; then
		answer refused
		return
	fi
	# Not named like a package, and on the same file system: it is there whole or not at all.
	if { cp -p "$WRITTEN" "$WRITTEN_NEW" && cat "$RUN/proposed" >"$WRITTEN_NEW" && sync && mv "$WRITTEN_NEW" "$WRITTEN"; }; then
		answer taken
		# Its answer is on its way first.
		sleep 1
		/etc/init.d/ntm-gateway start
	else
		rm -f "$WRITTEN_NEW"
		answer 'cannot write: is the flash full?'
	fi
}

WRITTEN_NEW=${WRITTEN%/*}/.${WRITTEN##*/}.new
# For reading and writing: it stays open while nobody speaks.
exec 3<>"$RUN/ctl/hand" || exit 1
while read -r word count <&3; do
	case "$word" in
	settings) take "$count" <&3 ;;
	joined) /etc/init.d/ntm-gateway joined ;;
	esac
done
