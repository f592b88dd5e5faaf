#!/usr/bin/env bash
# image.sh [ARCH]: a router's disk, kernel and initramfs: dist/qemu/router-ARCH.{qcow2,kernel,initrd}. ARCH is this machine's.
# With OWRT_ROOT=DIR it is of that OpenWrt, and called openwrt-ARCH. `image.sh --root DIR [ARCH]`: a folder like that, of stand-ins.
#
# The daemon comes from NTM_ROUTER_BIN_DIR; else from NTM_BIN_DIR or target/release, or for another CPU than this machine's from
# where cross/build.sh puts it. All else of ours in the router is what OpenWrt's package installs (NTM_PACKAGE: another tree's).
set -euo pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
umask 022
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
# shellcheck source=qemu-tests/machine/owrt/image.sh
. "$HERE/owrt/image.sh"
ROOT_ONLY=
[ "${1:-}" != --root ] || {
    ROOT_ONLY=$2
    shift 2
}
ARCH=${1:-$(uname -m)}
IMAGE=router
[ -z "${OWRT_ROOT:-}" ] || IMAGE=openwrt
DIST=$TOP/dist/qemu
TREE=$DIST/fetched/$ARCH/tree
TARGET=${CARGO_TARGET_DIR:-$TOP/target}
BIN=${NTM_BIN_DIR:-$TARGET/release}
if [ "$ARCH" != "$(uname -m)" ]; then
    BIN=$TARGET/cross/$ARCH-unknown-linux-musl/stripped
    [ -x "$BIN/ntm-gateway" ] || BIN=${BIN%stripped}release
fi
BIN=${NTM_ROUTER_BIN_DIR:-$BIN}
OVERLAY_MB=64
PACKAGE=${NTM_PACKAGE:-$TOP/openwrt/net/ntm}

[ -x "$BIN/ntm-gateway" ] || {
    echo "$BIN/ntm-gateway is missing: make build or cross/stripped.sh first, or set NTM_BIN_DIR or NTM_ROUTER_BIN_DIR" >&2
    exit 1
}
"$HERE/fetch.sh" "$ARCH"
work=$(mktemp -d "$DIST/build-XXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
RELEASE=$(cd "$TREE/lib/modules" && echo *)

system() {
    mkdir -p "$root"/{bin,dev,etc/rc.d,lib,overlay,proc,rom,root,sbin,sys,tmp,usr/bin,usr/sbin,usr/lib}
    ln -s tmp "$root/var"
    ln -s /tmp/resolv.conf "$root/etc/resolv.conf"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
    printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
    printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
    cp -r "$HERE"/router/. "$root/"
}

# Programs with what they need; BusyBox for the rest.
programs() {
    local glibc=()
    # glibc loads these by name when a program looks something up.
    for lib in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2; do
        local at; at=$(find "$TREE" -name "$lib" | head -n 1)
        [ -z "$at" ] || glibc+=("$at=/lib/$lib")
    done
    "$HERE/elf.py" "$root" "$TREE" "$TREE/bin/busybox=/bin/busybox" "$(tree_bin dnsmasq)=/usr/sbin/dnsmasq" \
        "$(tree_bin nft)=/usr/sbin/nft" "$(tree_bin ip)=/sbin/ip" "$(tree_bin tc)=/sbin/tc" "$(tree_bin wg)=/usr/bin/wg" \
        "${glibc[@]}"
    # The applets of this BusyBox, by its own list; it may be another CPU's, so it is not asked.
    local applet
    while read -r applet; do
        [ -e "$root/bin/$applet" ] || [ -e "$root/sbin/$applet" ] || [ -e "$root/usr/sbin/$applet" ] ||
            ln -s busybox "$root/bin/$applet"
    done <"$HERE/applets"
    for applet in init poweroff reboot halt modprobe; do ln -s /bin/busybox "$root/sbin/$applet"; done
    for applet in awk env; do ln -s /bin/busybox "$root/usr/bin/$applet"; done
    # tc finds netem's tables of delays there, if asked for one.
    mkdir -p "$root/usr/lib/tc"
}
tree_bin() { find "$TREE" -type f -name "$1" -perm -u+x -path '*bin/*' | head -n 1; }

# Our ujail, static: by this machine's compiler, or for another CPU by the one that made the daemon.
jail() {
    local compiler=(cc) at
    if [ "$ARCH" != "$(uname -m)" ]; then
        for at in "$TARGET"/cross/zig-*/bin/python; do
            [ ! -x "$at" ] || compiler=("$at" -m ziglang cc -target "$ARCH-linux-musl${JAIL_ABI[$ARCH]:-}" -O1)
        done
    fi
    "${compiler[@]}" -D_GNU_SOURCE -std=gnu11 -O1 -static -s -o "$root/sbin/ujail" "$HERE"/ujail/*.c
}
declare -A JAIL_ABI=([mipsel]=eabi)

# The kernel's modules a router may want, not those of other hardware.
modules() {
    local at=lib/modules/$RELEASE part
    for part in net crypto lib arch fs/ext4 fs/jbd2 fs/mbcache.ko fs/overlayfs fs/nls drivers/net/tun.ko drivers/net/veth.ko \
        drivers/net/dummy.ko drivers/net/ifb.ko drivers/net/virtio_net.ko drivers/net/net_failover.ko drivers/net/wireguard \
        drivers/virtio drivers/block/virtio_blk.ko drivers/char/virtio_console.ko drivers/char/hw_random; do
        [ ! -e "$TREE/$at/kernel/$part" ] || (cd "$TREE" && cp -r --parents "$at/kernel/$part" "$root")
    done
    for part in bluetooth sctp tipc rds sunrpc ceph 9p vmw_vsock ax25 can mac80211 wireless nfc batman-adv openvswitch dccp \
        ieee802154 rxrpc smc atm; do
        rm -rf "$root/$at/kernel/net/$part"
    done
    cp "$TREE/$at"/modules.{builtin,builtin.modinfo,order} "$root/$at/"
    index "$root" "$RELEASE"
}
index() { if command -v depmod >/dev/null; then depmod -b "$1" "$2"; else (cd "$1" && busybox depmod -b "$1" "$2"); fi; }

# What is ours, as the package's Makefile says, line by line, for the gateway. /etc/ntm is for its scripts to make.
package_files() {
    local how from to words
    "$HERE/elf.py" "$root" "$TREE" "$work/daemon=/usr/bin/ntm-gateway"
    local -A mode=([BIN]=755 [CONF]=600 [DATA]=644)
    # shellcheck disable=SC2016 # make's, not ours
    words=$(sed -n '/^define Package\/ntm-gateway\/install/,/^endef/{
        s/^\t$(INSTALL_\([A-Z]*\)) \.\/\(files[^ ]*\) $(1)\([^ ]*\)$/\1 \2 \3/p
    }' "$PACKAGE/Makefile")
    [ -n "$words" ] || {
        echo "$PACKAGE/Makefile installs nothing that is understood here" >&2
        exit 1
    }
    while read -r how from to; do
        install -D -m "${mode[$how]}" "$PACKAGE/$from" "$root/$to"
    done <<<"$words"
}

enabled() {
    local s start stop name
    for s in "$root"/etc/init.d/*; do
        name=$(basename "$s")
        start=$(sed -n 's/^START=//p' "$s")
        stop=$(sed -n 's/^STOP=//p' "$s")
        [ -z "$start" ] || ln -s "../init.d/$name" "$root/etc/rc.d/S$start$name"
        [ -z "$stop" ] || ln -s "../init.d/$name" "$root/etc/rc.d/K$stop$name"
    done
}

initramfs() {
    local at=$work/initramfs kernel=lib/modules/$RELEASE/kernel
    mkdir -p "$at/bin"
    cp "$HERE/initramfs/init" "$at/"
    cp "$TREE/bin/busybox" "$at/bin/"
    for a in sh cat mount umount mkdir modprobe usleep switch_root; do ln -s busybox "$at/bin/$a"; done
    (cd "$root" && for m in drivers/virtio drivers/block/virtio_blk.ko fs crypto lib arch ${EARLY:-}; do
        [ ! -e "$kernel/$m" ] || cp -r --parents "$kernel/$m" "$at"
    done)
    if [ -e "$root/$kernel" ]; then
        cp "$root/lib/modules/$RELEASE"/modules.{builtin,builtin.modinfo,order} "$at/lib/modules/$RELEASE/"
        index "$at" "$RELEASE"
    fi
    [ ! -e "$work/modules" ] || cp "$work/modules" "$at/"
    (cd "$at" && find . | sort | cpio --quiet -o -H newc) | gzip -1 >"$work/initrd"
}

# Files belong to whoever builds it: root, as for the tests.
disk() {
    local mb; mb=$(($(du -sm "$root" | cut -f1) * 5 / 4 + 8))
    mkdir "$work/empty"
    mke2fs -q -t ext4 -O ^has_journal -L rom -d "$root" "$work/rom.ext4" "${mb}M" >/dev/null
    mke2fs -q -t ext4 -L overlay -d "$work/empty" "$work/overlay.ext4" "${OVERLAY_MB}M" >/dev/null
    "$HERE/disk.py" "$work/disk" "$work/rom.ext4" "$work/overlay.ext4"
    qemu-img convert -q -f raw -O qcow2 "$work/disk" "$work/qcow2"
}

cp "$TREE"/boot/vmlinuz-* "$work/kernel"
# A development build is small enough without what only a debugger reads; another CPU's is so already.
strip -o "$work/daemon" "$BIN/ntm-gateway" 2>/dev/null || cp "$BIN/ntm-gateway" "$work/daemon"
if [ -n "${OWRT_ROOT:-}" ]; then
    openwrt_root
else
    system
    programs
    jail
    [ -z "$ROOT_ONLY" ] || {
        like_openwrt "$ROOT_ONLY"
        exit 0
    }
    modules
    package_files
    enabled
fi
initramfs
disk
# Other files of these names: tests that run have links to the ones before.
for part in kernel initrd daemon qcow2; do mv "$work/$part" "$DIST/$IMAGE-$ARCH.$part"; done
ls -sh "$DIST/$IMAGE-$ARCH".* >&2
