#!/usr/bin/env bash
# The power goes at a thousand moments while the coordinator and a gateway write: what strace has seen them do to their files
# is played on a model of a disk that loses and tears what was not synced (tools/powercuts.py), and what is left must hold
# every thing that had been acknowledged. A writer that does not sync is played first, and must be caught.
. "$(dirname "$0")/../lib.sh"

SIDE[printer]=a
CUTS=${NTM_CUTS:-1000}
CALLS=openat,write,pwrite64,ftruncate,lseek,rename,renameat,renameat2,unlink,unlinkat,fsync,fdatasync

play() {
    local name
    need_binaries
    command -v strace >/dev/null || fail "strace is missing: apt-get install strace"
    mkdir "$OUT/traces"
    caught
    inet_up
    dc_up
    daemon_stop dc
    # Its supervisor's second.
    sleep 1.2
    cp -a "$OUT/dc" "$OUT/dc.before"
    supervise dc dc "${TRACE[@]}" -D -o "$OUT/traces/dc-run" "$BIN/ntm-dc" run --dir "$OUT/dc"
    wait_until 10 "the DC answers DNS" dc_answers
    accounts
    gateway
    daemon_stop dc
    daemon_stop car
    # The same run without its syncs must be seen to lose something, or this sees nothing.
    for name in dc car; do unsynced "$name" --acks "$OUT/acks-$name"; done
    power_goes dc --acks "$OUT/acks-dc" --check "$BIN/ntm-dc" account list --dir
    power_goes car --acks "$OUT/acks-car" --check "$BIN/ntm-gateway" check --dir
}

TRACE=(strace -qq -ff -ttt -y -xx -s 16777216 -e "trace=$CALLS")

# Puts bytes into a file, and that is all.
caught() {
    local got
    mkdir "$OUT/careless" "$OUT/careless.before"
    "${TRACE[@]}" -o "$OUT/traces/careless" bash -c "for i in 1 2 3 4 5; do echo version \$i >'$OUT/careless/.state.new'; mv '$OUT/careless/.state.new' '$OUT/careless/state'; done"
    if got=$(tool powercuts "$OUT/traces/careless" "$OUT/careless" "$OUT/disk" --cuts 200); then
        fail "what is never synced was not missed: $got"
    fi
    grep -q 'none of its versions' <<<"$got" || fail "a careless writer was caught for another reason: $got"
    say "a writer that does not sync is caught"
}

# ack NAME WORD...: from now on whoever was told it relies on it.
ack() { echo "$(date +%s.%N) ${*:2}" >>"$OUT/acks-$1"; }

# By the command line, which writes beside the daemon.
accounts() {
    local i
    for i in $(seq 8); do
        on dc "${TRACE[@]}" -o "$OUT/traces/dc-account-$i" "$BIN/ntm-dc" account add "owner$i" --dir "$OUT/dc" >>"$OUT/dc-init.log" ||
            fail "ntm-dc account add owner$i"
        ack dc row account name "owner$i"
    done
    say "8 accounts are made"
}

# Enrolled, and with devices that come and go.
gateway() {
    local code h
    gw_net_up a nat
    gw_config a nat
    sed -i 's/^dhcp = .*/&\nlease_time = "2m"/' "$OUT/car/ntm-gateway.toml"
    cp -a "$OUT/car" "$OUT/car.before"
    code=$(on dc "${TRACE[@]}" -o "$OUT/traces/dc-code" "$BIN/ntm-dc" gateway-code car --account demo --dir "$OUT/dc" 2>>"$OUT/car.log" | tail -n 1) ||
        fail "ntm-dc gateway-code"
    on gw-a "${TRACE[@]}" -o "$OUT/traces/car-enrol" "$BIN/ntm-gateway" enrol "$code" --dir "$OUT/car" >>"$OUT/car.log" 2>&1 ||
        fail "ntm-gateway enrol"
    ack dc row gateway name car
    ack car text node.toml car.
    supervise car gw-a "${TRACE[@]}" -D -o "$OUT/traces/car-run" "$BIN/ntm-gateway" run --dir "$OUT/car"
    for h in laptop phone printer; do
        host_up "$h"
        wait_until 20 "$h has a DHCP lease" has_lease "$h"
        ack car text leases "${MAC[$h]}"
        wait_until 20 "$h has an identity" has_identity "$h"
        ack dc row device vip4 "$(vip4 "$h")"
    done
    host_unplugged phone
    say "a gateway is enrolled, and has three devices"
}

# power_goes NAME OPTION...: the daemon's files, at all moments.
power_goes() {
    local name=$1 got
    got=$(tool powercuts "$OUT/traces/$name" "$OUT/$name" "$OUT/disk" --cuts "$CUTS" "${@:2}") || fail "$name: $got"
    json - "d['cuts'] >= $CUTS and d['changes'] > 5" <<<"$got" >/dev/null || fail "$name wrote too little to be cut: $got"
    figure "$name" "$got"
    say "$name: $got"
}

unsynced() {
    local name=$1 got
    if got=$(tool powercuts "$OUT/traces/$name" "$OUT/$name" "$OUT/disk" --cuts 200 --unsynced "${@:2}"); then
        fail "without its syncs $name should lose something: $got"
    fi
    grep -q 'is lost' <<<"$got" || fail "without its syncs $name loses nothing that was acknowledged: $got"
}

scenario power-cuts "$@"
