#!/usr/bin/env bash
# feed.sh: the daemons for x86_64 as OpenWrt's packages feed builds them, each by itself with `cargo install --locked`, and whether
# they are what a router takes: linked with its musl, which is a shared library there, and running on one. One JSON line for
# each. Half an hour the first time on two cores, since everything is built for a profile that is not ours.
#
# The profile is the feed's (lang/rust/rust-values.mk): small, overflows checked, and a panic unwinds. Not the feed's are the C
# compiler, which brings libunwind where the feed's has libgcc_s, and for 24.10 the version of Rust: cross/msrv.py.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
target=x86_64-unknown-linux-musl
OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
version=$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# A router's loader, beside the system and not in it.
loader=$OUT/musl/lib/ld-musl-x86_64.so.1
if [ ! -e "$loader" ]; then
    mkdir -p "$OUT/musl"
    (cd "$OUT/musl" && apt-get download -q musl:amd64 >&2 && dpkg -x musl_*_amd64.deb .)
fi

export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=false \
    CARGO_PROFILE_RELEASE_LTO=true CARGO_PROFILE_RELEASE_OPT_LEVEL=z CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
    CARGO_PROFILE_RELEASE_PANIC=unwind CARGO_PROFILE_RELEASE_RPATH=false CARGO_PROFILE_RELEASE_STRIP=symbols
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
json=()
for crate in gateway relay dc; do
    program=ntm-$crate
    echo "building $program" >&2
    NTM_CROSS=feed cross/build.sh "$target" --quiet --path "$crate"
    built=$OUT/feed/$target/bin/$program

    readelf -lW "$built" >"$room/segments"
    readelf -dW "$built" >"$room/dynamic"
    grep -qF '[Requesting program interpreter: /lib/ld-musl-x86_64.so.1]' "$room/segments" || fail "$program asks for no loader of musl's"
    needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$room/dynamic")
    [ "$needed" = libc.so ] || fail "$program wants the libraries $needed"
    ! grep -qF "$PWD" "$built" || fail "$program has the builder's path in it"

    said=$("$loader" "$built" --version)
    [ "$said" = "$program $version" ] || fail "$program says '$said', and not '$program $version'"
    json+=("{\"feed\":\"$program\",\"version\":\"$version\",\"bytes\":$(stat -c %s "$built")}")
done

# More than a version: a coordinator runs, with its database, keys and TLS, and a gateway and a relay join it; on a loopback of
# its own, where nobody else listens.
cat >"$room/join.sh" <<'END'
set -euo pipefail
loader=$1 bin=$2 room=$3
run() { local program=$1; shift; "$loader" "$bin/$program" "$@"; }
ip link set lo up
run ntm-dc init --domain ntm.example --listen 127.0.0.1 --dir "$room/dc"
run ntm-dc account add family --dir "$room/dc"
"$loader" "$bin/ntm-dc" run --dir "$room/dc" &
trap 'kill $!; wait $! || :' EXIT
for node in gateway relay; do
    how=(--dir "$room/dc" --json)
    [ "$node" = relay ] || how+=(--account family)
    code=$(run ntm-dc "$node-code" "a-$node" "${how[@]}" | sed -n 's/.*"code": "\(.*\)".*/\1/p')
    for _ in {1..100}; do
        ! run "ntm-$node" enrol "$code" --dir "$room/$node" || break
        sleep 0.1
    done
    grep -qx "name = \"a-$node.ntm.example\"" "$room/$node/node.toml"
done
END
unshare -n bash "$room/join.sh" "$loader" "$OUT/feed/$target/bin" "$room" >"$room/said" 2>&1 || fail "nobody could join: $(tail -n 20 "$room/said")"
printf '%s\n' "${json[@]}"
