#!/usr/bin/env bash
# run.sh [TARGET...]: runs on each router CPU, under QEMU, what was built for it: the daemons say their version, and the
# wire's unit tests (crate proto: byte orders, codecs, cryptography) pass. One JSON line for each target.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
# shellcheck source=cross/targets.sh
. cross/targets.sh
OUT=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
# shellcheck disable=SC2086 # words
[ $# -gt 0 ] || set -- $TARGETS
if ! command -v qemu-mips-static >/dev/null; then
    as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends qemu-user-static >&2
fi
version=$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)

json=()
for target in "$@"; do
    qemu=qemu-${QEMU[$target]}-static
    echo "building for $target" >&2
    cross/stripped.sh "$target"
    for program in $PROGRAMS; do
        said=$("$qemu" "$OUT/$target/stripped/$program" --version)
        echo "$target: $said"
        [ "$said" = "$program $version" ] || {
            echo "$target: $program says '$said', and not '$program $version'" >&2
            exit 1
        }
    done
    tests=$(NTM_CROSS='test' cross/build.sh "$target" --quiet -p ntm-proto --lib --no-run --message-format json-render-diagnostics |
        /usr/bin/python3 -c 'import json, sys
for message in map(json.loads, sys.stdin):
    if message.get("executable") and message["target"]["name"] == "ntm_proto":
        print(message["executable"])')
    [ -x "$tests" ] || { echo "$target: cargo named no program of proto's tests" >&2; exit 1; }
    # In one process, since the kernel may know nothing of QEMU; and each test's output at once, for the same reason that
    # a panic is the end of all.
    RUSTC_BOOTSTRAP=1 "$qemu" "$tests" --test-threads 2 --nocapture -Z unstable-options --force-run-in-process >"$tests.log" 2>&1 || {
        tail -n 30 "$tests.log" >&2
        echo "$target: proto's tests failed" >&2
        exit 1
    }
    tail -n 2 "$tests.log"
    passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed; 0 failed.*/\1/p' "$tests.log")
    [ "${passed:-0}" -gt 0 ] || { echo "$target: no test of proto ran" >&2; exit 1; }
    json+=("{\"cross\":\"$target\",\"version\":\"$version\",\"tests\":$passed}")
done
printf '%s\n' "${json[@]}"
