#!/usr/bin/env bash
# The gateway's page in a real browser: first run, every page, a move that appears while one looks on, and attackers.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/lib/page.sh"

play() {
    page_world
    elsewhere
    in_browser first_run log_out_and_in home devices rename_device ping move prefer judged language phone keyboard held hostile foreign rebinding scriptless settings policy stale files anew identity_off killed
    another_key
    command_line
}

# Nobody but the LAN reaches the page: not from the WAN's side, and not by another address of the router's.
elsewhere() {
    local at
    for at in "$(up_router4 a 0)" "$(gw a status --json | json - "d['vip4']")"; do
        if on box-a-0 curl -sS -o /dev/null --max-time 2 "http://$at:4752/" 2>/dev/null; then fail "the page answers at $at"; fi
        if on laptop curl -sS -o /dev/null --max-time 2 "http://$at:4752/" 2>/dev/null; then fail "the page answers the LAN at $at"; fi
    done
    on laptop curl -sS -o /dev/null --max-time 5 "http://${LAN4[a]}.1:4752/" || fail "the page does not answer on the LAN"
}

# home is installed anew, and nobody told the car.
another_key() {
    local dir=$OUT/${GATEWAY[b]}
    daemon_stop "${GATEWAY[b]}"
    dc node remove "${GATEWAY[b]}" >>"$OUT/dc-init.log" 2>&1 || fail 'ntm-dc node remove'
    find "$dir" -type f ! -name ntm-gateway.toml -delete
    gw_enrol b
    gw_start b
    # Its leases went with its state: the camera asks for one when it is plugged in again.
    host_unplugged camera
    host_plug camera
    wait_until 30 'laptop pings camera behind the new home' on laptop ping -qc 1 -W 1 "$(fqdn camera)"
    [ "$(tunnel a key_before)" != None ] || fail 'the car takes the new home for the one it knew'
    in_browser log_in other_key
    [ "$(tunnel a key_before)" = None ] || fail 'the car has not heard that its owner knows'
}

# Another password by the command line ends who is logged in by the old one.
command_line() {
    local jar=$OUT/cookies token base="http://${LAN4[a]}.1:4752" status
    printf 'set from the router\n' | gw a password >>"$OUT/car.log" || fail "ntm-gateway password"
    sleep 1.2
    token=$(on laptop curl -sS -c "$jar" "$base/api/v1/session" | json - "d['token']")
    status=$(on laptop curl -sS -b "$jar" -c "$jar" -o /dev/null -w '%{http_code}' -H "X-NTM-Token: $token" \
        -H 'Content-Type: application/json' -d '{"password":"set from the router"}' "$base/api/v1/session")
    [ "$status" = 200 ] || fail "the new password opens nothing: $status"
    [ "$(on laptop curl -sS -b "$jar" "$base/api/v1/devices" | json - 'len(d)')" -ge 2 ] || fail "the API shows no devices"
    printf 'and another one\n' | gw a password >>"$OUT/car.log"
    sleep 1.2
    status=$(on laptop curl -sS -b "$jar" -o /dev/null -w '%{http_code}' "$base/api/v1/devices")
    [ "$status" = 401 ] || fail "a session outlives its password: $status"
    [ "$(stat -c %a "$OUT/car/web.password")" = 600 ] || fail "others may read the password's hash"
}

scenario web "$@"
