#!/usr/bin/env bash
# What happens to a router on which the gateway runs, when its package is upgraded or removed, in the order in which opkg
# and apk call OpenWrt's default_prerm and default_postinst and our own scripts.
. "$(dirname "$0")/router.sh"
snippet=tmp/dnsmasq.cfg01100e.d/ntm.conf
route='unreachable 198.18.0.0/15 metric 65000'

# The package's own script before removal, as it is in the Makefile.
own_prerm() {
    sed -n '/^define Package\/ntm-gateway\/prerm/,/^endef/p' "$FEED/net/ntm/Makefile" | sed '1d;$d;s/\$\$/$/g' >"$R/tmp/own-prerm"
    : >"$R/tmp/calls"
}

# WORDS...: shell text on the router, with our init scripts in SERVICES, which default_prerm and default_postinst go through.
package() {
    local services
    services=$(installed | sed -n 's#.* \(/etc/init.d/ntm-g[^ ]*\)$#\1#p' | tr '\n' ' ')
    [ "$(wc -w <<<"$services")" -eq 2 ] || fail "the services of ntm-gateway: $services"
    on env SERVICES="$services" "$@" || fail "$*"
    no_misuse
}
# Words for inner shells.
# shellcheck disable=SC2016
{
    default_prerm='for s in $SERVICES; do [ "$PKG_UPGRADE" = 1 ] || $s disable; $s stop; done;'
    default_postinst='for f in /etc/uci-defaults/*; do ( . $f ) && rm -f $f; done; uci commit;
        for s in $SERVICES; do [ "$PKG_UPGRADE" = 1 ] || $s enable; $s start; done;'
}
own='sh /tmp/own-prerm;'

# A router on which the package was installed, enrolled and started.
running() {
    router plain
    config firewall 'config zone' "	option name 'lan'"
    printf 'virtual4 = "198.18.0.0/15"\n' >>"$R/etc/ntm/node.toml"
    package sh -c "$default_postinst"
    runs
    [ -e "$R/$snippet" ] || fail 'no snippet'
    own_prerm
}

# --- removed: by opkg our own script is run first, by apk last
for order in "$own $default_prerm" "$default_prerm $own"; do
    running
    package sh -c "$order"
    runs_not
    has tmp/calls 'procd: ntm-gateway ends'
    same "$(find "$R/tmp" -name ntm.conf)" '' 'snippets that stay'
    has tmp/calls 'dnsmasq: restart'
    has tmp/calls 'config.change firewall'
    has tmp/calls 'firewall: reload'
    has_not etc/config/firewall "'ntm'"
    has tmp/calls "ip: route del $route"
    same "$(find "$R/tmp/run/ntm" 2>/dev/null)" '' 'what stays in /var/run'
    same "$(ls "$R/etc/rc.d")" '' 'what is started at boot'
    [ -e "$R/etc/ntm/node.toml" ] || fail 'the identity is gone'
done

# The newer version's files; settings are not replaced.
newer() {
    local settings
    settings=$(cat "$R/etc/config/ntm")
    unpack plain
    echo "$settings" >"$R/etc/config/ntm"
    echo '# newer' >>"$R/usr/bin/ntm-gateway"
}

# --- upgraded by opkg, which stops and starts: the old one works while the new one is unpacked; the guard stays where it is
running
package PKG_UPGRADE=1 sh -c "$own $default_prerm"
runs
has_not tmp/calls 'dnsmasq: restart'
has_not tmp/calls 'ip: route del'
has etc/config/firewall "config zone 'ntm'"
newer
package PKG_UPGRADE=1 sh -c "$default_postinst"
runs
restarted
[ -e "$R/$snippet" ] || fail 'no snippet after the upgrade'

# --- by apk: only started once more, and the new program runs
running
newer
package PKG_UPGRADE=1 sh -c "$default_postinst"
runs
restarted
has_not tmp/calls 'ip: route del'

# --- from a version that had no guard: enabled once, and not again when the user has disabled it
running
rm "$R/etc/init.d/ntm-guard" "$R"/etc/rc.d/*ntm-guard
sed -i '/^guard$/d' "$R/etc/ntm/defaults"
newer
package PKG_UPGRADE=1 sh -c "$default_postinst"
same "$(cd "$R/etc/rc.d" && echo S*)" 'S19ntm-guard S95ntm-gateway' 'what is started at boot'
on /etc/init.d/ntm-guard disable
newer
package PKG_UPGRADE=1 sh -c "$default_postinst"
same "$(cd "$R/etc/rc.d" && echo S*)" 'S95ntm-gateway' 'what is started at boot after the user disabled the guard'

# --- in an image that is being built, on a machine that has none of our files, services are enabled
router plain
mkdir -p "$R/image/usr/lib"
mv "$R/usr/lib/ntm" "$R/image/usr/lib/"
# shellcheck disable=SC2016 # for the inner shell
package IPKG_INSTROOT=/image sh -c 'for s in $SERVICES; do $s enable; done'
same "$(cd "$R/etc/rc.d" && echo S*)" 'S19ntm-guard S95ntm-gateway' 'what is started at boot'
passed
