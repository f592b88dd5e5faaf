#!/bin/sh
# What a host's DHCP client does with its lease; RESOLV is the host's own resolv.conf.
# shellcheck disable=SC2154 # the client sets them
case $1 in
deconfig)
    ip -4 addr flush dev "$interface"
    ;;
bound | renew)
    ip addr replace "$ip/${mask:-24}" dev "$interface"
    for r in $router; do ip route replace default via "$r" dev "$interface"; done
    # In place: the file is bound over /etc/resolv.conf, a new one would not be seen.
    {
        [ -n "$domain" ] && echo "search $domain"
        for d in $dns; do echo "nameserver $d"; done
    } >"$RESOLV"
    ;;
esac
