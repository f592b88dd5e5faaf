#!/usr/bin/env bash
# The operator's pages in a real browser: from an empty domain to a gateway with devices, its end, and its return by a backup.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/page.sh"
. "$QT/lib/operator.sh"

play() {
    operator_world
    at_the_pages closed
    operator_password
    from_elsewhere
    at_the_pages log_in account enrol
    host_up laptop
    host_up phone
    at_the_pages log_in devices search overview group domain revoke attacks foreign rebinding judged language phone scriptless api backup remove
    restored
}

# They are for this machine alone.
from_elsewhere() {
    if on inet curl -sS -o /dev/null --max-time 2 "http://$DC4:4753/login" 2>/dev/null; then fail "the pages answer the Internet"; fi
    if on inet curl -skS --max-time 3 "https://$DC4:4751/login" 2>/dev/null | grep password; then fail "the account server has a login form"; fi
    [ "$(stat -c %a "$OUT/dc/web.password")" = 600 ] || fail "others may read the password's hash"
}

# The copy was made before the gateway was removed: with it the gateway is back, by itself.
restored() {
    if dc restore "$OUT/copy.db" >>"$OUT/dc-init.log" 2>&1; then fail "a store is replaced under a running daemon"; fi
    daemon_stop dc
    wait_until 5 "nobody starts it again" no_supervisor
    dc restore "$OUT/copy.db" >>"$OUT/dc-init.log" 2>&1 || fail "ntm-dc restore"
    dc_start
    wait_until 10 "the DC answers DNS" dc_answers
    wait_until 20 "the car is registered again" car_is_online
    [ -e "$OUT/dc/store.db.before" ] || fail "the store of before is gone"
}

no_supervisor() { ! kill -0 "$(cat "$OUT/dc.pid")" 2>/dev/null; }
car_is_online() { dc nodes --json | json - "any(n['online'] for n in d if n['kind'] == 'gateway')" >/dev/null; }

scenario operator "$@"
