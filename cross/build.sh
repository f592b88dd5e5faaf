#!/usr/bin/env bash
# build.sh TARGET [CARGO_ARGUMENT...]: release programs for a router's CPU, static, with symbols, in target/cross/TARGET/release.
#
# NTM_CROSS=test  their tests instead, which cargo runs or (with --no-run) names: of the same code as the programs, so that
#                 the first panic is the end
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

cargo=(/usr/bin/cargo zigbuild)
[ "${NTM_CROSS:-build}" != test ] || cargo=("$tools/bin/cargo-zigbuild" test -Zpanic-abort-tests)
# Panics name their source; where it lay on the builder's disk is nobody's business, and would make each builder's program another.
FLAGS_ALL+=" --remap-path-prefix=$PWD=ntm --remap-path-prefix=/usr/src=rust"
/usr/bin/cargo fetch --locked --quiet --target "$target"
for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do FLAGS_ALL+=" --remap-path-prefix=$crates=crates"; done
# A panic ends the program at once and there are no symbols, so nothing ever walks the stack: neither the tables for that nor
# std's code for it.
FLAGS_ALL+=' -C force-unwind-tables=no'
# With symbols: what each crate costs is read from them.
PATH=$tools/bin:$PATH CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS="$FLAGS_ALL ${FLAGS[$target]:-}" \
    CARGO_PROFILE_RELEASE_STRIP=none CARGO_ZIGBUILD_CACHE_DIR="$OUT/zigbuild" \
    "${cargo[@]}" --release -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size --target "$target" --target-dir "$OUT" "$@"
