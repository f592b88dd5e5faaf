#!/bin/sh
# In place of the packages feed's own look at versions: does the program say the package's?
#
# shellcheck shell=sh

case "$PKG_NAME" in
ntm-gateway | ntm-dc | ntm-relay)
	[ "$("$PKG_NAME" --version)" = "$PKG_NAME $PKG_VERSION" ]
	;;
ntm-proto)
	# A script.
	;;
*)
	echo "no such package: $PKG_NAME" >&2
	exit 1
	;;
esac
