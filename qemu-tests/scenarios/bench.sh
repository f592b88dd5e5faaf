#!/usr/bin/env bash
# bench.sh CONTENDER: one round of one contender of `make bench`; its figures are the JSON line.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/peers.sh"
. "$QT/lib/contenders.sh"

SECONDS_EACH=${NTM_BENCH_S:-4}

play() {
    local name=${1:-} what
    [[ " $CONTENDERS " == *" $name "* ]] || fail "which one? one of: $CONTENDERS"
    for what in iperf3 sockperf; do command -v "$what" >/dev/null || fail "$what is missing: qemu-tests/bootstrap.sh --bench"; done
    what=${name//-/_}_up
    [ "$name" != nebula ] || what=nebula_contender_up
    "$what"
    wait_until 30 "laptop reaches camera by $name" on laptop ping -qc 1 -W 1 "$TARGET"
    # Some find out only by and by how long a packet may be.
    on laptop ping -qi 0.1 -c 30 -s 1200 "$TARGET" >>"$OUT/ping.log" 2>&1 || fail "$name loses pings: $(tail -n 2 "$OUT/ping.log")"
    background iperf3 camera iperf3 -s
    background sockperf camera sockperf sr --tcp -p 11111 -i 0.0.0.0
    sleep 1
    tool load "$(nsname laptop)" "$TARGET" "$SECONDS_EACH" "${PIDS_A[*]:-}" "${PIDS_B[*]:-}" >"$OUT/load" 2>"$OUT/load.err" ||
        fail "no figures: $(tail -n 1 "$OUT/load.err")"
    wireguard_down
    cat "$OUT/load" >>"$REPORT/figures"
    say "$name: $(tr '\t\n' ' ;' <"$OUT/load")"
}

scenario bench "$@"
