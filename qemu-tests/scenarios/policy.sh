#!/usr/bin/env bash
# Policies: who may not begin reaches nobody, who may is answered, and sessions that may go on do, while the policies
# change and the gateway is killed under them.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

play() {
    world_up nat nat laptop phone camera
    first_words laptop camera
    first_words camera phone
    session_start laptop camera
    session_start camera phone
    wait_until 5 "laptop's session runs" session_runs camera
    wait_until 5 "camera's session runs" session_runs phone
    from_outside
    over_a_restart
    from_inside
    nobody
    wrong_policy
    none
    session_end laptop
    session_end camera
}

session_runs() { grep -q '"tcp"' "$OUT/$1.seen"; }

# policies SIDE FROM TO ACTION ...: the file has these, and no others; in force is what was read last.
policies() {
    local file=$OUT/${GATEWAY[$1]}/ntm-gateway.toml
    shift
    sed -i '/^\[\[policy\]\]/,$d' "$file"
    while [ $# -gt 0 ]; do
        printf '[[policy]]\nfrom = "%s"\nto = "%s"\naction = "%s"\n' "$1" "$2" "$3" >>"$file"
        shift 3
    done
}

# What does not come, if nobody says no, is waited for that long, in seconds.
PATIENCE=3
gets() { on "$1" curl -sS --fail --max-time "$PATIENCE" -o /dev/null "http://$(vip4 "$2")/" 2>"$OUT/curl"; }
pings() { on "$1" ping -qc 1 -W "$PATIENCE" "$(vip4 "$2")" >/dev/null; }
# echoes FROM TO: one datagram there and back.
# shellcheck disable=SC2016 # for that shell
echoes() { on "$1" bash -c 'exec 3<>"/dev/udp/$0/7001" && echo hello >&3 && [ "$(timeout "$1" head -c 5 <&3)" = hello ]' "$(vip4 "$2")" "$PATIENCE" 2>/dev/null; }
reaches() {
    local how
    for how in gets pings echoes; do $how "$1" "$2" || fail "$3: $1 $how $2 no more: $(cat "$OUT/curl")"; done
}
reaches_not() {
    local how PATIENCE=1
    for how in gets pings echoes; do ! $how "$1" "$2" || fail "$3: $1 $how $2 all the same"; done
}
# decided SIDE NUMBER: how often that policy did.
decided() { gw "$1" policies --json | json - "d[$2 - 1]['decided']"; }
count_is() { [ "$(gw "$1" policies --json | json - "len(d)")" = "$2" ]; }

# Only the laptop may begin anything with the camera.
from_outside() {
    local restarts; restarts=$(wc -l <"$OUT/home.starts")
    reaches phone camera "without policies"
    policies b "$(fqdn laptop)" camera allow '*' camera deny
    gw b reload || fail "ntm-gateway reload"
    reaches_not phone camera "only the laptop may"
    reaches laptop camera "only the laptop may"
    reaches camera phone "an answer"
    [ "$(decided b 2)" -ge 3 ] || fail "counted: $(gw b policies)"
    [ "$(wc -l <"$OUT/home.starts")" = "$restarts" ] || fail "the gateway was started anew for a policy"
    say "only the laptop begins anything with the camera"
    gw b policies
}

# The gateway comes back with the same policies, and with no memory of who began what.
over_a_restart() {
    local before; before=$(daemon_pid home)
    daemon_kill home
    wait_until 10 "the gateway is back" is_another home "$before"
    wait_until 20 "laptop reaches camera again" pings laptop camera
    reaches_not phone camera "after a restart"
    reaches laptop camera "after a restart"
    reaches camera phone "an answer after a restart"
    say "so it is after a restart"
}
is_another() { daemon_runs "$1" && [ "$(daemon_pid "$1")" != "$2" ] && gw b status >/dev/null 2>&1; }

# The phone talks to nobody outside; it hears so at once.
from_inside() {
    local t told
    policies b
    kill -HUP "$(daemon_pid home)"
    wait_until 5 "home has no policies" count_is b 0
    policies a phone '*' deny
    gw a reload >/dev/null || fail "ntm-gateway reload"
    t=$(now_ms)
    if gets phone camera; then fail "the phone gets pages of the camera all the same"; fi
    t=$(($(now_ms) - t))
    told=$(cat "$OUT/curl")
    [ "$t" -lt 1500 ] || fail "the phone was told after $t ms: $told"
    [[ $told == *'curl: (7)'* ]] || fail "the phone was told: $told"
    reaches_not phone camera "the phone is not to begin"
    reaches camera phone "who may begin with the phone"
    reaches laptop camera "others"
    figure told_ms "$t"
    say "the phone is told after $t ms: $told"
}

# Neither may begin: the name leads nowhere.
nobody() {
    policies a phone '*' deny "$(fqdn camera)" phone deny
    gw a reload >/dev/null || fail "ntm-gateway reload"
    local got; got=$(on phone dig +time=2 +tries=1 "$(fqdn camera)" A)
    [[ $got == *'status: REFUSED'* ]] || fail "a name that leads nowhere: $got"
    reaches_not phone camera "nobody may"
    reaches_not camera phone "nobody may"
    reaches laptop camera "others"
    # The session between them waits for better times, and goes on.
    policies a phone '*' deny
    gw a reload >/dev/null || fail "ntm-gateway reload"
    reaches camera phone "who may begin again"
    say "between two that may both not begin nothing passes, until they may"
}

wrong_policy() {
    local said
    policies a tv 'the camera' deny
    if said=$(gw a reload 2>&1); then fail "a wrong policy was taken up"; fi
    [[ $said == *'ntm-gateway.toml:'*'key "policy.to": "the camera" is no name'* ]] || fail "what was said: $said"
    count_is a 1 || fail "what was in force is not any more: $(gw a policies)"
    say "a wrong policy: $said"
}

none() {
    policies a
    gw a reload >/dev/null || fail "ntm-gateway reload"
    reaches phone camera "without policies"
    reaches camera phone "without policies"
    say "without policies everybody reaches everybody"
}

scenario policy "$@"
