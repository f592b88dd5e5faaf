#!/usr/bin/env bash
# stripped.sh TARGET: the daemons as routers get them, static and without symbols, in target/cross/TARGET/stripped.
#
# All in one build, whoever asks: cargo lets programs that are built together share their crates' features, so that one
# built alone would be another program.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
# shellcheck source=cross/targets.sh
. cross/targets.sh
target=${1:-}
out=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross/$target
# shellcheck disable=SC2046,SC2086 # words
cross/build.sh "$target" --quiet $(printf -- '-p %s ' $PROGRAMS) --bins >&2
mkdir -p "$out/stripped"
for program in $PROGRAMS; do
    "${BINUTILS[$target]/x86-64/x86_64}-strip" -o "$out/stripped/$program" "$out/release/$program"
done
