#!/usr/bin/env bash
# A picture of every page, on a phone and a desk, light and dark: in dist/ui.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/lib/page.sh"
. "$QT/lib/operator.sh"

play() {
    export SHOTS=$TOP/dist/ui
    rm -rf "$SHOTS"
    mkdir -p "$SHOTS"
    page_world
    in_browser first_run log_out_and_in home move shots settings set_shots
    operator_password
    dc account add family >>"$OUT/dc-init.log" 2>&1 || fail "ntm-dc account add"
    # The car has one.
    NEW_GATEWAY=cabin at_the_pages log_in code shots
    say "$(find "$SHOTS" -name '*.png' | wc -l) pictures in ${SHOTS#"$TOP"/}"
}

scenario ui-shots "$@"
