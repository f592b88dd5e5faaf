#!/usr/bin/env bash
# Installs what the build and the worlds need and this machine lacks: Debian 12 or later, Ubuntu.
#
#   bootstrap.sh           installs; says nothing when nothing is missing
#   bootstrap.sh --peers   also what `make moves` compares with, as far as this distribution has it
#   bootstrap.sh --load    also what makes load
#   bootstrap.sh --bench   also what `make bench` measures with and compares with, the latter partly from crates
#   bootstrap.sh --browser also what looks at the pages and asks their APIs, and axe-core, which judges them
#   bootstrap.sh --qemu    also what the routers in qemu are made with and run in
#   bootstrap.sh --cargo   prints the cargo to use, with its RUSTC when that has another name
set -euo pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
NEEDS=94 # Rust 1.NEEDS, as rust-version in Cargo.toml
[ -d "$HOME/.cargo/bin" ] && PATH=$PATH:$HOME/.cargo/bin

new_enough() { # CARGO
    local v
    v=$("$1" --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
    [ -n "$v" ] && [ "$v" -ge "$NEEDS" ]
}

find_cargo() {
    local c suffix
    if new_enough cargo; then
        echo cargo
        return
    fi
    # Ubuntu's newer toolchains stand beside its default one under their own names.
    for c in $(compgen -c cargo-1. | sort -rVu); do
        suffix=${c#cargo}
        if new_enough "$c" && command -v "rustc$suffix" >/dev/null; then
            echo "env RUSTC=rustc$suffix $c"
            return
        fi
    done
    return 1
}

if [ "${1:-}" = --cargo ]; then
    find_cargo || echo cargo
    exit 0
fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

UPDATED=
install() {
    command -v apt-get >/dev/null || {
        echo "missing here: $* (and no apt-get to install them with)" >&2
        exit 1
    }
    if [ -z "$UPDATED" ]; then
        as_root apt-get update -q >&2
        UPDATED=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# A qemu from this release's backports, with lists and preferences of our own: what this machine takes its packages from
# stays as it is, and nothing else that is installed here goes to another version.
install_backport() { # PACKAGE
    local at mirror release
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016 # apt's own
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | head -n 1)
    [ -n "$mirror" ] && [ -n "$release" ] || return 1
    at=$(mktemp -d)
    mkdir -p "$at/lists/partial"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s main\n' \
        "$mirror $release" "$mirror $release-backports" >"$at/sources.list"
    printf 'Package: %s\nPin: release n=%s-backports\nPin-Priority: 990\n\n' 'qemu-system-* seabios' "$release" >"$at/preferences"
    printf 'Package: *\nPin: release n=%s-backports\nPin-Priority: -1\n' "$release" >>"$at/preferences"
    set -- "$1" -o Dir::Etc::sourcelist="$at/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$at/lists" \
        -o Dir::Etc::preferences="$at/preferences" -o Dir::Etc::preferencesparts=/dev/null
    as_root apt-get "${@:2}" update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "${@:2}" install -y -q --no-install-recommends "$1" >&2
    rm -rf "$at"
}

# axe-core judges pages by the rules of accessibility. It is a tool of the tests under the MPL-2.0: it comes neither into the repository
# nor into a package. No distribution has it, but a package of Python's that drives another browser carries the file.
AXE_IN='axe-playwright-python==0.1.8'
AXE_SUM=84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc # version 4.12.1
is_axe() { echo "$AXE_SUM  $1" | sha256sum --check --status 2>/dev/null; }
fetch_axe() { # FILE
    local at python=/usr/bin/python3 status=0
    [ -x $python ] || python=python3
    $python -m pip --version >/dev/null 2>&1 || (install python3-pip) || return 1
    at=$(mktemp -d)
    {
        $python -m pip download --quiet --disable-pip-version-check --retries 1 --no-deps --only-binary :all: --dest "$at" "$AXE_IN" >&2 &&
            $python -m zipfile -e "$at"/*.whl "$at/out" && is_axe "$at/out/axe_playwright_python/axe.min.js" &&
            mkdir -p "$(dirname "$1")" && cp "$at/out/axe_playwright_python/axe.min.js" "$1"
    } || status=1
    rm -rf "$at"
    return $status
}

missing=()
want() { command -v "$1" >/dev/null || missing+=("$2"); }
want ip iproute2
want nft nftables
want tcpdump tcpdump
want curl curl
want ping iputils-ping
want ethtool ethtool
want conntrack conntrack
command -v udhcpc >/dev/null || busybox --list 2>/dev/null | grep -qx udhcpc || missing+=(udhcpc)
want dig "$(apt-cache show bind9-dnsutils >/dev/null 2>&1 && echo bind9-dnsutils || echo dnsutils)"
want python3 python3
want busybox busybox
want faketime faketime
want strace strace
want dnsmasq dnsmasq-base
want gcc gcc
want make make
want pkg-config pkg-config
[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    echo "namespaces need root: run this as root, or install sudo" >&2
    exit 1
fi
[ ${#missing[@]} -eq 0 ] || install "${missing[@]}"

if [ "${1:-}" = --peers ]; then
    for peer in wireguard-go:wireguard-go wg:wireguard-tools nebula:nebula; do
        command -v "${peer%:*}" >/dev/null || (install "${peer#*:}") || echo "no ${peer%:*} here: it is not compared with" >&2
    done
fi

if [ "${1:-}" = --load ] || [ "${1:-}" = --bench ]; then
    for tool in iperf3:iperf3 sockperf:sockperf openssl:openssl; do
        command -v "${tool%:*}" >/dev/null || install "${tool#*:}"
    done
fi

if [ "${1:-}" = --bench ]; then
    for peer in wireguard-go:wireguard-go wg:wireguard-tools nebula:nebula tincd:tinc openvpn:openvpn; do
        command -v "${peer%:*}" >/dev/null || (install "${peer#*:}") || echo "no ${peer%:*} here: it is not compared with" >&2
    done
fi

if [ "${1:-}" = --browser ]; then
    missing=()
    want chromium chromium
    want chromedriver chromium-driver
    "$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)" -c 'import jsonschema' 2>/dev/null || missing+=(python3-jsonschema)
    [ -n "$(find /usr/share/fonts -name 'NotoSansCJK*' -print -quit 2>/dev/null)" ] || missing+=(fonts-noto-cjk)
    [ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
    axe=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "$0")/../target}")/fetched/axe.min.js
    is_axe "$axe" || fetch_axe "$axe" || echo 'no axe-core here: the pages are not judged by it' >&2
fi

if [ "${1:-}" = --qemu ]; then
    missing=()
    want qemu-img qemu-utils
    want cpio cpio
    want mke2fs e2fsprogs
    command -v depmod >/dev/null || busybox --list 2>/dev/null | grep -qx depmod || missing+=(kmod)
    [ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
    # A qemu-utils from backports wants its qemu from there, too.
    case ${ARCH:-$(uname -m)} in
    aarch64) needs=qemu-system-aarch64 package=qemu-system-arm ;;
    mipsel) needs=qemu-system-mipsel package=qemu-system-mips ;;
    *) needs=qemu-system-x86_64 package=qemu-system-x86 ;;
    esac
    command -v "$needs" >/dev/null || (install "$package") || install_backport "$package"
fi

if ! find_cargo >/dev/null; then
    echo "no cargo 1.$NEEDS or later: looking in the distribution's packages" >&2
    [ -n "$UPDATED" ] || { as_root apt-get update -q >&2 && UPDATED=yes; }
    # Debian stable carries a newer toolchain for its browsers; Ubuntu names them by version.
    newest=$(apt-cache pkgnames cargo-1. 2>/dev/null | grep -E '^cargo-1\.[0-9]+$' | sort -V | tail -n 1 || true)
    candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}1\.\([0-9]*\).*/\2/p'; }
    enough() { local v; v=$(candidate "$1"); [ -n "$v" ] && [ "$v" -ge "$NEEDS" ]; }
    if enough cargo; then
        install cargo rustc
    elif enough cargo-web; then
        install cargo-web rustc-web
    elif [ -n "$newest" ] && [ "${newest#cargo-1.}" -ge "$NEEDS" ]; then
        install "$newest" "rustc-${newest#cargo-}"
    elif apt-cache show rustup >/dev/null 2>&1; then
        install rustup
        rustup toolchain install stable --profile minimal >&2 && rustup default stable >&2
    fi
    hash -r
    find_cargo >/dev/null || {
        echo "Rust 1.$NEEDS or later is needed and this distribution has none." >&2
        echo "Install it (rustup is the usual way), so that 'cargo --version' shows it, and try again." >&2
        exit 1
    }
fi

# Debian's newest package of a program, from wherever this machine gets its packages; its programs go to a folder.
newest_of() { # PACKAGE FOLDER
    local at mirror
    # shellcheck disable=SC2016 # apt's own
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || return 1
    at=$(mktemp -d)
    mkdir -p "$at/lists/partial" "$at/cache/archives/partial" "$2"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$at/sources.list"
    (cd "$at" && set -- "$1" "$2" -o Dir::Etc::sourcelist="$at/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$at/lists" -o Dir::Cache="$at/cache" -o APT::Sandbox::User=root &&
        apt-get "${@:3}" update -q && apt-get "${@:3}" download -q "$1" && dpkg -x "$1"_*.deb out &&
        find out -type f -perm -u+x -path '*bin/*' -exec cp -t "$2" {} +) >&2
    rm -rf "$at"
}

if [ "${1:-}" = --bench ]; then
    peers=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "$0")/../target}")/peers
    for crate in boringtun-cli@0.7.1 vpncloud@2.3.0; do
        [ ! -x "$peers/bin/${crate%@*}" ] || continue
        # With the versions they were published with, or else with what is newer.
        for locked in --locked ''; do
            # shellcheck disable=SC2046,SC2086 # words
            $(find_cargo) install --quiet $locked --root "$peers" "$crate" >&2 && break
        done
    done
    [ -x "$peers/bin/wireguard-go" ] || newest_of wireguard-go "$peers/bin" || true
fi
