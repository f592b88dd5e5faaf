#!/usr/bin/env bash
# fetch.sh ARCH: the distribution's kernel and programs for a router of that CPU (x86_64, aarch64 or mipsel), unpacked under
# dist/qemu/fetched/ARCH/tree. Nothing is installed here, and packages of another CPU need no dpkg architecture.
set -euo pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
TOP=$(cd "$(dirname "$0")/../.." && pwd)

case ${1:-} in
x86_64) deb=amd64 kernels='linux-image-cloud-amd64 linux-image-amd64 linux-image-virtual' ;;
aarch64) deb=arm64 kernels='linux-image-cloud-arm64 linux-image-arm64 linux-image-virtual' ;;
mipsel) deb=mipsel kernels='linux-image-4kc-malta' ;;
*)
    echo "usage: fetch.sh x86_64|aarch64|mipsel" >&2
    exit 2
    ;;
esac
PROGRAMS='busybox-static dnsmasq-base nftables iproute2 wireguard-tools'
at=$TOP/dist/qemu/fetched/$1
# What was fetched, and from where: other words here, or another distribution, and all is fetched anew.
key="$PROGRAMS | $kernels | $(. /etc/os-release && echo "$ID ${VERSION_ID:-}")"
[ "$key" != "$(cat "$at/complete" 2>/dev/null)" ] || exit 0
rm -rf "$at"
mkdir -p "$at"/{lists,cache/archives}/partial "$at/tree"

# An apt of its own: to it no package is installed, so it brings every library; and its CPU is the router's.
: >"$at/status"
mine=(-q -o Dir::State::status="$at/status" -o Dir::State::lists="$at/lists" -o Dir::Cache="$at/cache"
    -o APT::Architecture="$deb" -o APT::Architectures="$deb" -o APT::Sandbox::User=root -o Debug::NoLocking=1
    -o Acquire::Languages=none)
{
    # Some source of this machine may not have this CPU; what is missing shows below.
    apt-get "${mine[@]}" update || true
    # shellcheck disable=SC2086 # words
    apt-get "${mine[@]}" install -y --download-only --no-install-recommends $PROGRAMS
} >"$at/log" 2>&1 || {
    tail -n 5 "$at/log" >&2
    exit 1
}

# The kernel without what Debian's own start of it needs. The package that is named depends on the newest.
for k in $kernels; do
    kernel=$(apt-cache "${mine[@]}" depends "$k" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -z "$kernel" ] || break
done
[ -n "$kernel" ] || {
    echo "no kernel for $1 in this distribution: looked for $kernels" >&2
    exit 1
}
(cd "$at/cache/archives" && apt-get "${mine[@]}" download "$kernel" >>"$at/log" 2>&1) || {
    tail -n 5 "$at/log" >&2
    exit 1
}

for package in "$at"/cache/archives/*.deb; do dpkg -x "$package" "$at/tree"; done
rm -rf "$at/cache" "$at/lists"
echo "$key" >"$at/complete"
