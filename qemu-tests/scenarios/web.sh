#!/usr/bin/env bash
# The gateway's page in a real browser: first run, every page, a move that appears while one looks on, and attackers.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/lib/page.sh"

play() {
    page_world
    elsewhere
    in_browser first_run log_out_and_in home devices rename_device ping move prefer judged described language phone keyboard held hostile foreign rebinding scriptless settings policy stale files anew identity_off killed
    month
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
    [ "$(tunnel a key_before)" != null ] || fail 'the car takes the new home for the one it knew'
    in_browser log_in other_key
    [ "$(tunnel a key_before)" = null ] || fail 'the car has not heard that its owner knows'
}

# A program of the router's own asks as the command line does; another password by that ends who is logged in by the old one.
command_line() {
    local said
    said=$(on gw-a curl -sS --unix-socket "$OUT/${GATEWAY[a]}/ctl.sock" http://ntm/api/v1/status | json - "d['name']")
    [ "$said" = "${GATEWAY[a]}.$DOMAIN" ] || fail "the control socket says '$said' to curl"
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

# wan0 carries all it may in the month: traffic goes by wan1 then, unless that is gone, and back when it may more. No session
# ends.
month() {
    traffic_up --mbit 2
    order_is wan0 wan1 || fail "the order before: $(order)"
    limit_mb $(($(carried_mb wan0) + 2))
    # By the counters alone: nobody asks.
    wait_until 20 "wan0's limit is reached" logged 'limit is reached.*name="wan0"'
    wait_until 5 'traffic goes by wan1' by_wan wan1
    wait_until 5 'everything goes on by wan1' came_back "$(clock_us)"
    gw a wans --json | json - 'd[1]["name"] == "wan0" and d[1]["limit_state"] == "reached"' >/dev/null ||
        fail "wan0 is not shown behind wan1, with its limit reached: $(gw a wans)"
    # Nothing is cut off: it is there when the other is gone.
    leave_words a 1 | on gw-a ip -batch - || fail "car cannot leave wan1"
    wait_until 5 'traffic goes by wan0, for want of another' by_wan wan0
    wait_until 5 'everything goes on for want of another' came_back "$(clock_us)"
    uplink_join a 1 200
    wait_until 5 'traffic goes by wan1 again' by_wan wan1
    limit_mb 100000
    wait_until 5 'traffic goes by wan0 again' by_wan wan0
    wait_until 5 'everything goes on by wan0' came_back "$(clock_us)"
    traffic_down
    [ ! -s "$OUT/laptop.deaths" ] || fail "a session died of a limit: $(head -n 3 "$OUT/laptop.deaths" | tr '\n' ';')"
}

order() { gw a wans --json | json - '" ".join(w["name"] for w in d)'; }
order_is() { [ "$(order)" = "$*" ]; }
logged() { grep -q "$1" "$OUT/${GATEWAY[a]}.log"; }
by_wan() { [ "$(gw a tunnels --json | json - 'd[0]["wan"]')" = "$1" ]; }
carried_mb() { gw a wans --json | json - "sum(m['sent'] + m['received'] for w in d if w['name'] == '$1' for m in w['data']['months']) // 10**6"; }

# limit_mb MB: wan0's, taken up as the gateway runs.
limit_mb() {
    local file=$OUT/${GATEWAY[a]}/ntm-gateway.toml
    sed -i '/^limit_mb/d' "$file"
    sed -i "s/^masquerade = .*/&\nlimit_mb = { wan0 = $1 }/" "$file"
    gw a reload >/dev/null || fail "the gateway does not take up a limit as it runs"
}

scenario web "$@"
