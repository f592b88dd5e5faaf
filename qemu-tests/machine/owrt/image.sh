# shellcheck shell=bash
# What image.sh does when the router is to be a real OpenWrt, OWRT_ROOT: its root file system as it was unpacked, with our packages
# beside it, not in it. Sourced by image.sh.
#
# OWRT_KERNEL  a kernel of that release's, with what its modules (in the root) do not have: virtio, ext4, overlayfs. Else it is the
#              distribution's, and /lib/modules gets its modules, flat, as kmodloader looks for them.
#
# Ours, and nothing that a service of OpenWrt's knows of, is /ntm-test: the agent with a BusyBox and iproute2 of its own, in which
# it changes the root for them, and the packages. What has it run is /etc/rc.d/S01ntm-test.
# shellcheck disable=SC2031,SC2034,SC2154 # image.sh's variables, and for it

# shellcheck source=cross/targets.sh
. "$TOP/cross/targets.sh"

refuse() {
    echo "OWRT_ROOT=$OWRT_ROOT: $*" >&2
    exit 1
}

# has_package NAME: as opkg and apk keep it, also where another package stands in for it.
has_package() {
    local at
    for at in usr/lib/opkg/status lib/apk/db/installed; do
        [ ! -e "$root/$at" ] || ! grep -qE "^(Package: |P:)$1\$|^(Provides: |p:)(.*[ ,])?$1([ ,=].*)?\$" "$root/$at" || return 0
    done
    return 1
}

openwrt_root() {
    local name missing=()
    [ -e "$OWRT_ROOT/sbin/init" ] || [ -L "$OWRT_ROOT/sbin/init" ] || refuse 'it has no /sbin/init'
    [ -e "$OWRT_ROOT/etc/openwrt_release" ] ||
        refuse 'no root file system of OpenWrt: unpack openwrt-VERSION-TARGET-rootfs.tar.gz there, as root'
    root=$work/root
    cp -a "$OWRT_ROOT" "$root"
    CPU=$(. "$root/etc/openwrt_release" && echo "$DISTRIB_ARCH")
    TARGET_OF=$(target_of "$CPU") || refuse "no program of ours is for its CPU, $CPU"
    [ "${TARGET_OF%%-*}" = "$ARCH" ] || refuse "it is for $CPU, not for ARCH=$ARCH"
    if compgen -G "$root/*bin/opkg" >/dev/null || [ -e "$root/usr/bin/opkg" ]; then
        FORM=ipk
    elif compgen -G "$root/usr/*bin/apk" >/dev/null || [ -e "$root/sbin/apk" ]; then
        FORM=apk
    else
        refuse 'neither opkg nor apk is there, to install our packages with'
    fi
    for name in $(depends ntm-gateway | grep -v '^kmod-'); do has_package "$name" || missing+=("$name"); done
    [ ${#missing[@]} -eq 0 ] || refuse "ntm-gateway needs ${missing[*]}: have OpenWrt's image builder add it, or unpack a root that has it"
    runs_there
    openwrt_kernel
    openwrt_packages
    openwrt_tools
}

depends() { sed -n 's/^Depends: //p' "$TOP/openwrt/package/$1.manifest" | tr -d , | tr ' ' '\n'; }

# Of a program that is not static the root must have loader and libraries, which is why another distribution's does not do.
runs_there() {
    local need
    for need in $(readelf -ldW "$BIN/ntm-gateway" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p; s/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        [ -e "$root$need" ] || [ -e "$root/lib/$need" ] || [ -e "$root/usr/lib/$need" ] ||
            refuse "$BIN/ntm-gateway wants $need, which is not there: cross/stripped.sh $TARGET_OF makes one that wants nothing (or NTM_ROUTER_BIN_DIR)"
    done
}

# All modules that a test needs are loaded before the root's own init; what is loaded later is looked for by its own modprobe.
openwrt_kernel() {
    local module
    if [ -n "${OWRT_KERNEL:-}" ]; then
        cp "$OWRT_KERNEL" "$work/kernel"
        RELEASE=$(cd "$root/lib/modules" && echo *)
        return
    fi
    mkdir -p "$root/lib/modules/$RELEASE"
    modules
    find "$root/lib/modules/$RELEASE/kernel" -name '*.ko' | while read -r module; do
        ln -sf "${module#"$root/lib/modules/$RELEASE/"}" "$root/lib/modules/$RELEASE/${module##*/}"
    done
    EARLY='drivers/net drivers/char net'
    cat "$HERE/router/etc/modules.d/router" - >"$work/modules" <<M
nft_redir
nft_fib_inet
nft_log
nft_limit
nft_objref
nft_numgen
nft_chain_nat
nft_flow_offload
nf_log_syslog
veth
8021q
M
}

# Ours, once as it is and once newer, and without a kmod package's module a kmod package for the kernel that has it.
openwrt_packages() {
    local at=$root/ntm-test/packages name
    local names=(ntm-gateway) programs=$work/programs
    [ ! -e "$root/www/cgi-bin/luci" ] || names+=(luci-app-ntm)
    mkdir -p "$programs" "$at"
    cp "$BIN/ntm-gateway" "$programs/"
    pack "$at" "${names[@]}"
    for name in $(depends ntm-gateway | grep '^kmod-'); do
        has_package "$name" && continue
        [ -z "${OWRT_KERNEL:-}" ] || refuse "ntm-gateway needs $name, which is not there; it is among that release's packages"
        echo "!!! $name is not installed in OWRT_ROOT: its module is this distribution's, and the package made here an empty one" >&2
        "$HERE/owrt/kmod.py" "$name" "$CPU" "$at"
    done
    # Another program also where NTM_NEW_BIN is not set.
    cp "${NTM_NEW_BIN:-$BIN/ntm-gateway}" "$programs/ntm-gateway"
    printf newer >>"$programs/ntm-gateway"
    md5sum <"$programs/ntm-gateway" >"$root/ntm-test/newer.md5"
    pack "$at/newer" ntm-gateway --release 1000
    find "$at" -type f ! -name "*.$FORM" -delete
}
pack() { # OUT NAME|OPTION...
    /usr/bin/python3 -B "$TOP/openwrt/package/pack.py" "$CPU" --programs "$programs" --out "$@" >/dev/null
}

openwrt_tools() {
    local at=$root/ntm-test name applet
    "$HERE/elf.py" "$at" "$TREE" "$TREE/bin/busybox=/bin/busybox" "$(tree_bin ip)=/sbin/ip" "$(tree_bin tc)=/sbin/tc"
    for applet in sh cat; do ln -s busybox "$at/bin/$applet"; done
    mkdir -p "$at"/{proc,sys,tmp,usr/lib/tc}
    for name in agent start; do install -m 755 "$HERE/owrt/$name" "$at/$name"; done
    ln -sf ../../ntm-test/start "$root/etc/rc.d/S01ntm-test"
}

# --- a root for trying all this where there is no OpenWrt

# like_openwrt DIR: what `system` and `programs` made, with the stand-ins for opkg, apk and ubus, as a root of OpenWrt lies there. It
# has opkg; with OWRT_FORM=apk it has apk.
like_openwrt() {
    local name cpu
    for name in $ARCHES; do case $(target_of "$name") in "$ARCH"-*) cpu=$name ;; esac; done
    sed -i '/agent/d' "$root/etc/inittab"
    cp -r "$HERE/owrt/root/." "$root/"
    cat "$HERE/owrt/postinst.sh" >>"$root/lib/functions.sh"
    if [ "${OWRT_FORM:-ipk}" = apk ]; then rm "$root/bin/opkg"; else rm "$root/usr/bin/apk"; fi
    printf "DISTRIB_ID='stand-ins'\nDISTRIB_RELEASE='stand-ins'\nDISTRIB_ARCH='%s'\n" \
        "$cpu" >"$root/etc/openwrt_release"
    mkdir -p "$root/etc/uci-defaults" "$root/lib/modules"
    # The libraries alone of the daemon, if it is not static.
    "$HERE/elf.py" "$root" "$TREE" "$BIN/ntm-gateway=/tmp/ntm-gateway"
    rm "$root/tmp/ntm-gateway"
    if [ "${OWRT_FORM:-ipk}" = apk ]; then
        install -D -m 644 /dev/stdin "$root/lib/apk/db/installed" <<<$'P:nftables-json\np:nftables=1\n\nP:kmod-nft-nat\n'
    else
        install -D -m 644 /dev/stdin "$root/usr/lib/opkg/status" <<<$'Package: nftables-json\nProvides: nftables\n\nPackage: kmod-nft-nat\n'
    fi
    enabled
    rm -rf "$1"
    cp -a "$root" "$1"
}
