# shellcheck shell=bash
# The operator's pages in a browser on the coordinator's own machine. Sourced after lib.sh, lib/page.sh.

OPERATOR_PASSWORD='a server of few words'

# operator_world: coordinator and relay, and a router for a gateway that nobody has enrolled yet.
operator_world() {
    need_browser
    need_binaries
    world_net_up nat
    dc_up
    rs_up
    gw_config a nat
}

operator_password() { printf '%s\n' "$OPERATOR_PASSWORD" | dc password >>"$OUT/dc-init.log" 2>&1 || fail "ntm-dc password"; }

# at_the_pages ACT...: see tools/operatorpage.py. Its figures are the scenario's.
at_the_pages() {
    local gw dir=$OUT/${GATEWAY[a]}
    gw="ip netns exec $(nsname gw-a) $BIN/ntm-gateway"
    export BASE=http://127.0.0.1:4753 DRIVER_LOG=$OUT/chromedriver.log PASSWORD=$OPERATOR_PASSWORD COPY=$OUT/copy.db
    ENROL="$gw enrol \$CODE --dir $dir >>$dir.log 2>&1"
    START="setsid $gw run --dir $dir </dev/null >>$dir.log 2>&1 &"
    FORGED="$gw enrol \$CODE --dir $OUT/forged"
    NODES="$BIN/ntm-dc nodes --json --dir $OUT/dc"
    # A key that is nobody's here: that of a domain which was only made.
    [ -d "$OUT/other" ] || on dc "$BIN/ntm-dc" init --domain b.test --listen 203.0.113.99 --dir "$OUT/other" >>"$OUT/dc-init.log" 2>&1
    OTHER_KEY=$(on dc "$BIN/ntm-dc" domain show --json --dir "$OUT/other" | json - "d['key']")
    export ENROL START FORGED NODES OTHER_KEY
    on dc "$PYTHON" "$QT/tools/operatorpage.py" "$@" >"$OUT/operator.log" 2>&1 || {
        cat "$OUT/operator.log"
        fail "the operator's pages: $(tail -n 1 "$OUT/operator.log")"
    }
    head -n -1 "$OUT/operator.log" | while read -r line; do say "$line"; done
    figure operator "$(tail -n 1 "$OUT/operator.log")"
}
