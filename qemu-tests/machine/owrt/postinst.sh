# shellcheck shell=sh
# shellcheck disable=SC1090,SC2013,SC2086,SC3043 # ash has `local`; names have no spaces
# OpenWrt's, for /lib/functions.sh of a root of stand-ins.
# Once, when they are installed or a newer version is: settings, then services. PKG_UPGRADE is set for the latter.
default_postinst() {
    local pkgname=${pkgname:-$(basename "${1%.postinst}")} list file
    list=/usr/lib/opkg/info/$pkgname.list
    [ -e "$list" ] || list=/lib/apk/packages/$pkgname.list
    [ ! -x "/usr/lib/opkg/info/$pkgname.postinst-pkg" ] || (. "/usr/lib/opkg/info/$pkgname.postinst-pkg")
    for file in $(grep '^/etc/uci-defaults/' "$list"); do
        # shellcheck disable=SC1090
        [ ! -e "$file" ] || { (. "$file") && rm -f "$file"; }
    done
    uci commit
    for file in $(grep '^/etc/init.d/' "$list"); do
        [ "${PKG_UPGRADE:-}" = 1 ] || "$file" enable
        "$file" start
    done
    return 0
}

# Before they go.
default_prerm() {
    local pkgname=${pkgname:-$(basename "${1%.prerm}")} list file
    list=/usr/lib/opkg/info/$pkgname.list
    [ -e "$list" ] || list=/lib/apk/packages/$pkgname.list
    [ ! -x "/usr/lib/opkg/info/$pkgname.prerm-pkg" ] || (. "/usr/lib/opkg/info/$pkgname.prerm-pkg")
    for file in $(grep '^/etc/init.d/' "$list"); do
        [ "${PKG_UPGRADE:-}" = 1 ] || "$file" disable
        "$file" stop
    done
    return 0
}
add_group_and_user() { return 0; }
