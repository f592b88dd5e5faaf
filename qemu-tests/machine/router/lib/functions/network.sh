# shellcheck shell=sh
# What scripts ask of logical networks, from what /etc/init.d/network wrote down. A stand-in.
network_flush_cache() { :; }
network_is_up() { [ -e "/var/run/network/$1/up" ]; }
network_get_device() { # VARIABLE NETWORK
    network_is_up "$2" || return 1
    eval "$1=\$(cat /var/run/network/$2/device)"
}
network_get_physdev() { network_get_device "$@"; }
network_get_subnets() { # VARIABLE NETWORK: ADDRESS/LEN...
    local _device
    network_get_device _device "$2" || return 1
    eval "$1=\$(ip -4 -o addr show dev \"\$_device\" scope global | awk '{ print \$4 }' | xargs)"
    eval "[ -n \"\$$1\" ]"
}
network_get_subnet() { network_get_subnets "$1" "$2" && eval "$1=\${$1%% *}"; }
network_get_ipaddrs() {
    network_get_subnets "$1" "$2" || return 1
    eval "$1=\$(for a in \$$1; do echo \"\${a%/*}\"; done | xargs)"
}
network_get_ipaddr() { network_get_ipaddrs "$1" "$2" && eval "$1=\${$1%% *}"; }
