#!/usr/bin/env bash
# Runs the fuzz targets one after another and prints a table of what each did.
#
#   run.sh [--seconds N] [--runs N] [--target NAME] [--merge]
#
#   --seconds  how long each runs (default 60, or without limit when --runs is given)
#   --runs     how many inputs each takes
#   --target   this one alone; may be given several times
#   --merge    no search: adds to corpus/ what the searches so far found worth keeping, a few small files each
#
# Sets up what it needs: a nightly toolchain and cargo-fuzz. What is found stays in work/ (inputs that reached
# something new) and artifacts/TARGET/RUN (inputs that broke something); neither is committed. Fails when a search
# ended in any other way than it should, or a merge did.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")"
PATH=$PATH:$HOME/.cargo/bin
TRIPLE=$(rustc -vV | sed -n 's/^host: //p')
# Files that a merge adds to a corpus at most, and the longest of them, in bytes.
MOST_FILES=100
LONGEST=1024

seconds='' runs='' merge='' targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) seconds=$2 && shift 2 ;;
        --runs) runs=$2 && shift 2 ;;
        --target) targets+=("$2") && shift 2 ;;
        --merge) merge=yes && shift ;;
        *)
            echo "run.sh: $1 is not known; see the head of $0" >&2
            exit 2
            ;;
    esac
done
[ -n "$seconds$runs" ] || seconds=60
mapfile -t known < <(sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"/\1/p' Cargo.toml)
[ ${#targets[@]} -gt 0 ] || targets=("${known[@]}")
for target in "${targets[@]}"; do
    [ -e "fuzz_targets/$target.rs" ] || {
        echo "no target $target; there are: ${known[*]}" >&2
        exit 2
    }
done

set_up() {
    if ! rustup run nightly rustc --version >/dev/null 2>&1; then
        echo "installing a nightly toolchain: the coverage counters need one" >&2
        rustup toolchain install nightly --profile minimal >&2
    fi
    cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked >&2
    # No address sanitizer: our code is safe Rust, and it would cost more than half of the inputs.
    local one=()
    [ ${#targets[@]} -gt 1 ] || one=("${targets[0]}")
    RUSTC_WRAPPER=$PWD/rustc-wrapper cargo +nightly fuzz build --fuzz-dir . -s none "${one[@]}" >&2
}

longest() { # TARGET: sequences of messages are longer than one
    case $1 in
        relay | gateway | dc | dhcp) echo 2048 ;;
        config | api | leases | names) echo 1024 ;;
        *) echo 600 ;;
    esac
}

binary() { echo "target/$TRIPLE/release/$1"; }

search() { # TARGET
    local target=$1 at log found rc=0
    mkdir -p "work/$target" "artifacts/$target" "regressions/$target"
    # A fresh folder: what was found before, and is found again, is found.
    at=$(mktemp -d "artifacts/$target/$(date +%m%d-%H%M%S)-XXX")
    log=$at/log
    NTM_FUZZ_HISTORY=$PWD/$at/history "$(binary "$target")" \
        ${seconds:+-max_total_time=$seconds} ${runs:+-runs=$runs} \
        -max_len="$(longest "$target")" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$at/" \
        "work/$target" "corpus/$target" "regressions/$target" >"$log" 2>&1 || rc=$?
    rmdir "regressions/$target" 2>/dev/null || true
    found=$(find "$at" -type f ! -name log ! -name history | wc -l)
    stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }
    printf '%-10s %12s %10s %12s %8s\n' "$target" "$(stat number_of_executed_units)" \
        "$(stat average_exec_per_sec)" "$(stat new_units_added)" "$found"
    if [ "$rc" -ne 0 ] || [ "$found" -gt 0 ] || ! grep -q '^stat::' "$log"; then
        tail -n 30 "$log" >&2
        echo "$target: ended with status $rc; what it found is in fuzz/$at" >&2
        return 1
    fi
    rm -r "$at"
}

merge() { # TARGET
    local target=$1 kept file
    [ -d "work/$target" ] || {
        echo "$target: nothing to merge, there was no search" >&2
        return 0
    }
    kept=$(mktemp -d)
    if ! "$(binary "$target")" -set_cover_merge=1 -max_len=$LONGEST -timeout=10 "$kept" "corpus/$target" "work/$target" \
        >/dev/null 2>&1; then
        echo "$target: not merged; does a search of it still run?" >&2
        rm -r "$kept"
        return 1
    fi
    # The smallest first; the seeds stay whatever else there is.
    for file in $(find "$kept" -type f -printf '%s %p\n' | sort -n | head -n $MOST_FILES | cut -d ' ' -f 2); do
        cp "$file" "corpus/$target/"
    done
    rm -r "$kept"
    echo "$target: $(find "corpus/$target" -type f | wc -l) files, $(du -sb "corpus/$target" | cut -f 1) bytes"
}

set_up
failed=0
if [ -n "$merge" ]; then
    for target in "${targets[@]}"; do merge "$target" || failed=1; done
    exit $failed
fi
printf '%-10s %12s %10s %12s %8s\n' target executions exec/s 'new entries' crashes
for target in "${targets[@]}"; do search "$target" || failed=1; done
exit $failed
