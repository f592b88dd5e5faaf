#!/usr/bin/env bash
# aead.sh [TARGET...]: what ChaCha20-Poly1305 costs on each router CPU, by three implementations: bytes of the program (static,
# without symbols, less the same program without it) and nanoseconds to seal a packet. What is no x86_64 runs under
# qemu-user: compare within a CPU only; emulation makes vector instructions dear, and says nothing of caches.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
# shellcheck source=cross/targets.sh
. cross/targets.sh
OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
# shellcheck disable=SC2086 # words
[ $# -gt 0 ] || set -- $TARGETS
if ! command -v qemu-mips-static >/dev/null || ! command -v cmake >/dev/null; then
    if [ "$(id -u)" -eq 0 ]; then sudo=; else sudo=sudo; fi
    $sudo apt-get install -y -q --no-install-recommends qemu-user-static cmake >&2
fi
json=()
for target in "$@"; do
    cpu=${target%%-*}
    case $cpu in x86_64) run= ;; armv7) run=qemu-arm-static ;; *) run=qemu-$cpu-static ;; esac
    base=
    for with in none ring rustcrypto aws-lc-rs; do
        features=()
        [ "$with" = none ] || features=(--features "$with")
        if ! cross/build.sh "$target" --quiet --manifest-path cross/aead/Cargo.toml "${features[@]}" 2>"$OUT/aead-$cpu-$with.log"; then
            printf '%-30s %-10s does not build: %s\n' "$target" "$with" "$(grep -m1 -E '^error' "$OUT/aead-$cpu-$with.log" || tail -n 1 "$OUT/aead-$cpu-$with.log")"
            continue
        fi
        program=$OUT/$target/release/aead-cost
        tools=${BINUTILS[$target]/x86-64/x86_64}
        "$tools-strip" "$program"
        size=$(stat -c %s "$program")
        [ "$with" != none ] || { base=$size; continue; }
        read -r long short < <($run "$program") || { long=0 short=0; }
        printf '%-30s %-10s %9d bytes %9d ns for 1,400 bytes %7d ns for 64%s\n' "$target" "$with" $((size - base)) "$long" "$short" "${run:+   ($run)}"
        json+=("{\"aead\":\"$with\",\"target\":\"$target\",\"bytes\":$((size - base)),\"seal1400_ns\":$long,\"seal64_ns\":$short,\"emulated\":$([ -n "$run" ] && echo true || echo false)}")
    done
done
printf '%s\n' "${json[@]}"
