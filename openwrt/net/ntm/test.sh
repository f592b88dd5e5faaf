#!/bin/sh
# What the packages feed's tests run after installing a package: does it do something?
#
# shellcheck shell=sh

name=$1

fail() {
	echo "$name: $1" >&2
	exit 1
}

# A program that is started with nothing to start from says what to do, and does not run.
refuses() {
	dir=$(mktemp -d)
	text=$("$1" run --dir "$dir" 2>&1) && fail "ran from an empty directory"
	rm -rf "$dir"
	case "$text" in
	*"$2"*) ;;
	*) fail "said \"$text\", which has no \"$2\"" ;;
	esac
}

case "$name" in
ntm-gateway)
	refuses ntm-gateway 'enrol CODE'
	sh -n /etc/init.d/ntm-gateway || fail 'its init script is none'
	sh -n /usr/lib/ntm/names || fail 'the script for dnsmasq is none'
	[ "$(uci -q get ntm.gateway.enabled)" = 0 ] || fail 'enabled before it is enrolled'
	;;
ntm-dc)
	dir=$(mktemp -d)
	ntm-dc init --domain ntm.test --dir "$dir/dc" --listen 127.0.0.1 >/dev/null || fail 'cannot make a domain'
	[ -s "$dir/dc/ntm-dc.toml" ] || fail 'a domain without settings'
	rm -rf "$dir"
	;;
ntm-relay)
	refuses ntm-relay 'enrol CODE'
	;;
ntm-proto)
	sh -n /lib/netifd/proto/ntm.sh || fail 'its handler is none'
	;;
*)
	fail 'no test for this package'
	;;
esac
