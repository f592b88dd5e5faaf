# Asks the test's netifd, /tmp/netifd/NAME with lines like device=eth1. As the real one, it evaluates the name.
# shellcheck shell=sh disable=SC3043

network_flush_cache() { return 0; }

netifd_says() {
	local answer
	eval "answer=\$(sed -n 's/^$3=//p' /tmp/netifd/$2 2>/dev/null)"
	[ -n "$answer" ] || return 1
	eval "$1=\$answer"
}

network_get_device() { netifd_says "$1" "$2" device; }
network_get_physdev() { netifd_says "$1" "$2" physdev; }
network_get_subnet() { netifd_says "$1" "$2" subnet; }
