#!/usr/bin/env bash
# build.sh TARGET [CARGO_ARGUMENT...]: release programs for a router's CPU, static, with symbols, in target/cross/TARGET/release.
#
# NTM_CROSS=test  their tests instead, which cargo runs or (with --no-run) names: of the same code as the programs, so that
#                 the first panic is the end
# NTM_CROSS=feed  programs that the packages feed would make, for musl as a shared library, by `cargo install` into
#                 target/cross/feed/TARGET/bin; the profile's settings are the caller's (cross/feed.sh)
#
# Installs what that takes: a Rust with its library's source (a distribution's, since rustup's has none for some of these
# CPUs), and a C compiler for all CPUs from the Python packages. Without arguments: which targets there are.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
# shellcheck source=cross/targets.sh
. cross/targets.sh
target=${1:-}
if [[ " $TARGETS " != *" $target "* ]]; then
    printf 'cross/build.sh TARGET [CARGO_ARGUMENT...], TARGET one of:\n' >&2
    printf '%s\n' "${TARGETS// /$'\n'}" >&2
    exit 2
fi
shift
OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
packages=()
[ -e /usr/src/rustc-"$(/usr/bin/rustc --version 2>/dev/null | cut -d' ' -f2)"/library/std ] || packages+=(rustc-web cargo-web rust-web-src)
/usr/bin/python3 -m venv --help >/dev/null 2>&1 && /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
command -v "${BINUTILS[$target]/x86-64/x86_64}-strip" >/dev/null || packages+=("binutils-${BINUTILS[$target]}")
if [ ${#packages[@]} -gt 0 ]; then
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${packages[@]}" >&2
fi

zig=${ZIG[$target]:-$ZIG_ELSE}
tools=$OUT/zig-$zig
if [ ! -x "$tools/bin/cargo-zigbuild" ]; then
    rm -rf "$tools"
    /usr/bin/python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet "ziglang==$zig" cargo-zigbuild >&2
fi

# A panic ends the program at once and there are no symbols, so nothing ever walks the stack: neither the tables for that nor
# std's code for it.
cargo=(/usr/bin/cargo zigbuild --release) std=std,panic_abort features=optimize_for_size tables=' -C force-unwind-tables=no' at=$OUT
export CARGO_PROFILE_RELEASE_STRIP=${CARGO_PROFILE_RELEASE_STRIP:-none}
case ${NTM_CROSS:-build} in
test) cargo=("$tools/bin/cargo-zigbuild" test --release -Zpanic-abort-tests) ;;
feed)
    cargo=("$tools/bin/cargo-zigbuild" install --force --profile release --locked --root "$OUT/feed/$target") std=std,panic_unwind at=$OUT/feed
    features=backtrace,panic-unwind tables=
    # The feed's own flag; and zig links programs for musl statically unless it is told not to.
    FLAGS_ALL+=' -Ctarget-feature=-crt-static -Clink-arg=-dynamic'
    ;;
esac
# Panics name their source; where it lay on the builder's disk is nobody's business, and would make each builder's program another.
FLAGS_ALL+="$tables --remap-path-prefix=$PWD=ntm --remap-path-prefix=/usr/src=rust"
/usr/bin/cargo fetch --locked --quiet --target "$target"
for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do FLAGS_ALL+=" --remap-path-prefix=$crates=crates"; done
# With symbols: what each crate costs is read from them.
PATH=$tools/bin:$PATH CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS="$FLAGS_ALL ${FLAGS[$target]:-}" \
    CARGO_ZIGBUILD_CACHE_DIR="$OUT/zigbuild" \
    "${cargo[@]}" -Zbuild-std="$std" -Zbuild-std-features="$features" --target "$target" --target-dir "$at" "$@"
