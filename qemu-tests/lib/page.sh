# shellcheck shell=bash
# The gateway's page in a browser on the laptop, two ways out, and traffic between laptop and camera. Sourced after lib.sh,
# lib/uplinks.sh, lib/moves.sh.

need_browser() {
    local b
    for b in chromium chromedriver; do
        command -v "$b" >/dev/null || fail "$b is missing: run qemu-tests/bootstrap.sh --browser"
    done
    "$PYTHON" -c 'import jsonschema' 2>/dev/null || fail 'python3-jsonschema is missing: run qemu-tests/bootstrap.sh --browser'
    AXE=${CARGO_TARGET_DIR:-$TOP/target}/fetched/axe.min.js
    if [ ! -s "$AXE" ]; then
        echo '!!! SKIPPED: axe-core is not here, so THE PAGES WERE NOT JUDGED BY IT: run qemu-tests/bootstrap.sh --browser !!!' >&2
        AXE=
    fi
    export AXE
}

# page_world: `car` behind NATs on two uplinks, a phone with a name of an attacker's, a tunnel to `home`.
page_world() {
    need_browser
    moves_world 'nat nat' global
    host_up printer
    # shellcheck disable=SC2034,SC2154 # lib/hosts.sh reads it
    LABEL[phone]='"><img src=x onerror=alert(1)>'
    host_up phone
    wait_until 20 'the phone has a lease' has_lease phone
    uplink_join a 1 200
    wait_until 10 'two ways out' two_wans
    wait_until 20 'laptop pings camera' on laptop ping -qc 1 -W 1 "$(fqdn camera)"
    background flow laptop ping -q -i 0.02 -s 1200 "$(fqdn camera)"
}

two_wans() { [ "$(gw a wans --json | json - 'len([w for w in d if w["addresses"]])')" = 2 ]; }

# in_browser ACT...: see tools/webpage.py. Its figures are the scenario's.
in_browser() {
    local page="http://${LAN4[a]}.1:4752" out
    export BASE=$page DRIVER_LOG=$OUT/chromedriver.log
    CAMERA=$(fqdn camera) LAPTOP=$(fqdn laptop)
    MOVE="ip netns exec $(nsname gw-a) $BIN/ntm-gateway wan prefer wan1 --dir $OUT/${GATEWAY[a]}"
    KILL="kill -KILL $(daemon_pid "${GATEWAY[a]}")"
    RENAME="ip netns exec $(nsname gw-a) $BIN/ntm-gateway device \$FROM rename \$TO --dir $OUT/${GATEWAY[a]}"
    BY_NAME="ip netns exec $(nsname camera) ping -qc 1 -W 2 \$NAME"
    BY_ADDRESS="ip netns exec $(nsname camera) ping -qc 1 -W 2 \$ADDRESS"
    TO_ROUTER="ping -qc 1 -W 2 ${LAN4[a]}.1"
    STATE=$OUT/${GATEWAY[a]}
    export CAMERA LAPTOP MOVE KILL RENAME STATE BY_NAME BY_ADDRESS TO_ROUTER
    on laptop "$PYTHON" "$QT/tools/webpage.py" "$@" >"$OUT/page.log" 2>&1 || {
        cat "$OUT/page.log"
        fail "the page: $(tail -n 1 "$OUT/page.log")"
    }
    out=$(tail -n 1 "$OUT/page.log")
    head -n -1 "$OUT/page.log" | while read -r line; do say "$line"; done
    figure page "$out"
}
