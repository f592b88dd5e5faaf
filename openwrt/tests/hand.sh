#!/usr/bin/env bash
# The page's hand outside of the jail: what it writes, what it refuses, and what it does when somebody has joined.
. "$(dirname "$0")/router.sh"

CTL=tmp/run/ntm/ctl SAID=tmp/run/ntm/said

# The script, until the test ends.
hand() {
    # shellcheck disable=SC2016 # for the inner shell
    on sh -c 'echo $$ >/tmp/hand.pid; exec /usr/lib/ntm/hand' >/dev/null 2>&1 &
    HAND=$!
}

# TEXT: what the daemon would send; waits for the answer.
propose() {
    local _
    rm -f "$R/$SAID"
    printf 'settings %s\n%s\n' "$(printf '%s\n' "$1" | wc -l)" "$1" >"$R/$CTL/hand"
    for _ in $(seq 100); do
        [ ! -e "$R/$SAID" ] || return 0
        sleep 0.1
    done
    fail 'no answer'
}

router plain
gateway start
hand
before=$(cat "$R/etc/config/ntm")
chmod 640 "$R/etc/config/ntm"

# --- what is right is written, whole, and taken up
right="$before
	# it's a remark; \`touch /tmp/executed\` \$(touch /tmp/executed)
	option port '4751'"
propose "$right"
has $SAID taken
same "$(cat "$R/etc/config/ntm")" "$right" 'the settings'
same "$(stat -c %a "$R/etc/config/ntm")" 640 'their mode'
for _ in $(seq 50); do
    ! grep -q 4751 "$R/tmp/procd/ntm-gateway" || break
    sleep 0.1
done
has tmp/procd/ntm-gateway 'json_add_string [dest_port] [4751]'
same "$(cat "$R/tmp/run/ntm/in_force")" "$right" 'settings in force'
no_misuse

# --- what is wrong is not, and the log says why
propose "${right/4751/wrong}"
has $SAID refused
logged 'write a port'
same "$(cat "$R/etc/config/ntm")" "$right" 'the settings'

# --- somebody else was faster
echo '# by hand' >>"$R/etc/config/ntm"
propose "$before"
has $SAID stale
has etc/config/ntm '# by hand'

# --- what makes no sense is nothing
printf 'settings\nsettings 99999\nsettings x\nrm -rf /\n' >"$R/$CTL/hand"
printf '%s\n' "$right" >"$R/etc/config/ntm"
propose "$right"
has $SAID taken
no_misuse

# --- and somebody has joined
settings "	option enabled '0'"
printf 'joined\n' >"$R/$CTL/hand"
for _ in $(seq 50); do
    ! grep -qs "enabled '1'" "$R/etc/config/ntm" || break
    sleep 0.1
done
same "$(on uci get 'ntm.@gateway[0].enabled')" 1 'the switch'
# It does one thing after the other: with this answer it has done all before it, and nothing of it writes any more.
propose 'nonsense'
kill "$(cat "$R/tmp/hand.pid")"
wait "$HAND" || true
passed
