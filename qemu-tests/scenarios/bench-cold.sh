#!/usr/bin/env bash
# A device speaks to another for the first time: from the question for its name to the first answer, in milliseconds and in
# round trips between the gateways, which know nothing of each other. Between NATs, in public, and by the relay.
# NTM_REPEATS: of each (9). NTM_DELAY_MS: of a router's WAN, one way (20).
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

REPEATS=${NTM_REPEATS:-9}
export NTM_DELAY_MS=${NTM_DELAY_MS:-20}
PAIRS=('nat nat' 'global global' 'global v6')

play() {
    local pair i got trip lookups answers all
    need_binaries
    export NTM_BIG_MB=1
    inet_up
    dc_up
    rs_up
    host_make laptop
    host_make camera
    for pair in "${PAIRS[@]}"; do
        lookups=() answers=() all=()
        for ((i = 0; i < REPEATS; i++)); do
            # shellcheck disable=SC2086 # two kinds
            newly_met $pair
            got=$(on laptop "$PYTHON" "$QT/tools/first.py" "$(fqdn camera)") || fail "the first words: $got"
            lookups+=("$(json - "str(d['lookup_ms'])" <<<"$got")")
            answers+=("$(json - "str(d['answer_ms'])" <<<"$got")")
            all+=("$(json - "str(round(d['lookup_ms'] + d['answer_ms'], 1))" <<<"$got")")
        done
        trip=$(gw a ping "$(fqdn camera)" --count 3 --json | json - "str(round(d['rtt_min_ms'], 1))") || fail "no round trip"
        said "${pair/ /-}" "$trip" "$(median "${lookups[@]}")" "$(median "${answers[@]}")" "$(median "${all[@]}")" \
            "$(printf '%s\n' "${all[@]}" | sort -g | tail -n 1)"
    done
}

# Gateways that nobody has met, and their hosts.
newly_met() { # A_KIND B_KIND
    host_unplugged laptop
    host_unplugged camera
    side_net_down b
    gw_anew a "$1" laptop
    gw_anew b "$2" camera
    ready laptop
    ready camera
}

said() { # PAIR ROUND_TRIP LOOKUP ANSWER ALL WORST
    local trips; trips=$(awk "BEGIN { printf \"%.1f\", $5 / $2 }")
    say "$1: round trip $2 ms; name $3 ms, answer $4 ms, together $5 ms = $trips round trips, at most $6 ms"
    figure "$1.rtt_ms" "$2"
    figure "$1.lookup_ms" "$3"
    figure "$1.answer_ms" "$4"
    figure "$1.first_ms" "$5"
    figure "$1.first_round_trips" "$trips"
    figure "$1.worst_ms" "$6"
}

median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }

scenario bench-cold "$@"
