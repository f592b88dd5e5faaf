#!/usr/bin/env bash
# A gateway with more to carry than it can still answers its LAN's lookups and its command line.
. "$(dirname "$0")/../lib.sh"
# shellcheck source=qemu-tests/lib/story.sh
. "$QT/lib/story.sh"

play() {
    export NTM_BIG_MB=1
    world_up nat dual laptop phone camera
    first_words laptop camera
    answers idle
    # More than a gateway can seal while it shares the machine with who sends it.
    background flood laptop "$PYTHON" "$QT/tools/spray.py" 60 200000 "$(vip4 camera)"
    sleep 1
    answers busy
    # Each question takes its turn among the packets, but not one turn after a hundred batches of them.
    [ "${MEDIAN[busy]}" -le $((30 * (MEDIAN[idle] + 1))) ] || fail "ntm-gateway status takes ${MEDIAN[busy]} ms while packets come, else ${MEDIAN[idle]} ms"
}

declare -A MEDIAN=()
# answers WHEN: how long a lookup of the LAN and a question of the command line take, ten times.
answers() {
    local t lookups=() questions=()
    for _ in $(seq 10); do
        t=$(now_ms)
        on phone dig +short +time=5 +tries=1 "$(fqdn camera)" A >"$OUT/dug" || fail "no answer to a lookup ($1)"
        [ "$(cat "$OUT/dug")" = "$(vip4 camera)" ] || fail "a lookup ($1) gives $(cat "$OUT/dug")"
        lookups+=($(($(now_ms) - t)))
        t=$(now_ms)
        gw a status --json >"$OUT/status" || fail "no answer to ntm-gateway status ($1)"
        questions+=($(($(now_ms) - t)))
    done
    MEDIAN[$1]=$(sorted "${questions[@]}" | sed -n 5p)
    figure "$1.lookup_ms" "[$(sorted "${lookups[@]}" | paste -sd,)]"
    figure "$1.command_ms" "[$(sorted "${questions[@]}" | paste -sd,)]"
    say "$1: lookups ${lookups[*]} ms, ntm-gateway status ${questions[*]} ms"
}

sorted() { printf '%s\n' "$@" | sort -n; }

scenario busy "$@"
