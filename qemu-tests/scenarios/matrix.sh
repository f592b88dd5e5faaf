#!/usr/bin/env bash
# Every pair of networks two gateways can be in: which path, why, and how soon the first answer comes.
# matrix.sh [CELL...], or NTM_CELLS. All when none is named; several worlds play at once, NTM_WORKERS (3).
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"
. "$QT/lib/cells.sh"

#       side a  side b  path    first answer within ms, more to see
declare -A CELL=(
    [idle]='nat     nat     direct  3000 idle_for_long'
    [bad-path]='nat     global  direct  3000 direct_turns_bad'
    [flapping]='global  global  direct  3000 path_flaps'
    [nat-nat]='nat     nat     direct  3000 becomes_direct'
    [global-global]='global  global  direct  3000'
    [global-nat]='global  nat     direct  3000'
    [global-v6]='global  v6      relay   3000'
    [nat-global]='nat     global  direct  3000'
    [nat-v6]='nat     v6      relay   3000'
    [v6-global]='v6      global  relay   3000'
    [v6-nat]='v6      nat     relay   3000'
    [v6-v6]='v6      v6      direct  3000'
    [same-nat]='nat     shared  direct  3000 by_private_addresses'
    # Direct by private addresses in any case: a NAT that turns datagrams round must not spoil it.
    [same-nat-hairpin]='hairpin shared  direct  3000'
    [same-cgn]='cgn     samecgn relay   3000'
    [same-cgn-hairpin]='haircgn samecgn direct  3000 by_the_carrier'
    [dual-dual]='dual    dual    direct  3000'
    [dual-dual-no4]='dual    dual    direct  1000 by_ipv6'
    [dual-dual-no6]='dual    dual    direct  1000 by_ipv4'
    [no4-dual-dual]='dual    dual    direct  1000 by_ipv6'
    [no6-dual-dual]='dual    dual    direct  1000 by_ipv4'
    [dual4-dual4]='dual4   dual4   direct  3000'
    [dual4-nat]='dual4   nat     direct  3000'
    [nat-symnat]='nat     symnat  relay   3000'
    [symnat-symnat]='symnat  symnat  relay   3000 says_another_port'
    [cgn-nat]='cgn     nat     direct  3000'
    [nat-cgn]='nat     cgn     direct  3000'
    [cgn-cgn]='cgn     cgn     direct  3000'
    [symcgn-nat]='symcgn  nat     relay   3000'
)
# A look-up waits for the coordinator, not for a path: it is as quick in every cell.
LOOKUP_MS=3000
# The slow ones first.
ORDER='idle flapping bad-path nat-nat global-global global-nat global-v6 nat-global nat-v6 v6-global v6-nat v6-v6
    same-nat same-nat-hairpin same-cgn same-cgn-hairpin dual-dual dual-dual-no4 dual-dual-no6 no4-dual-dual no6-dual-dual dual4-dual4 dual4-nat
    nat-symnat symnat-symnat cgn-nat nat-cgn cgn-cgn symcgn-nat'

play() {
    local c w pids=() bad=() names=("$@")
    [ $# -gt 0 ] || read -rd '' -a names <<<"${NTM_CELLS:-$ORDER}" || true
    for c in "${names[@]//,/ }"; do
        [ -n "${CELL[$c]:-}" ] || fail "no cell $c; there are: ${ORDER//$'\n'/}"
    done
    need_binaries
    export NTM_BIG_MB=6
    mkdir "$REPORT/claimed" "$REPORT/lines"
    for w in $(seq "${NTM_WORKERS:-3}"); do
        [ "$w" -gt ${#names[@]} ] || { worker "$w" "${names[@]}" & pids+=($!); }
    done
    for w in "${pids[@]}"; do wait "$w" || bad+=("$w"); done
    printf '\n%-17s %-8s %-8s %-7s %9s %9s  %s\n' cell 'side a' 'side b' path 'look-up' 'answer' why
    for c in "${names[@]}"; do cat "$REPORT/lines/$c" 2>/dev/null || printf '%-17s FAILED\n' "$c"; done
    figure cells ${#names[@]}
    [ ${#bad[@]} -gt 0 ] || return 0
    # What the bad cells logged is kept apart.
    [ ! -s "$REPORT/bad" ] || rm -f "$REPORT"/world-*/*.log
    fail "cells that are not as they should be: $(cat "$REPORT/bad" 2>/dev/null)"
}

# A world of its own, which plays cells until none is left.
worker() { # NUMBER CELL...
    local c lost=0
    RUN=$RUN-$1 OUT=$REPORT/world-$1
    shift
    mkdir -p "$OUT"
    inet_up
    dc_up
    rs_up
    host_make laptop
    host_make camera
    for c in "$@"; do
        mkdir "$REPORT/claimed/$c" 2>/dev/null || continue
        # In the background and waited for: `set -e` holds there.
        (cell "$c") &
        wait $! || { printf '%s; ' "$c: $(cat "$OUT/why" 2>/dev/null)" >>"$REPORT/bad"; lost=1; }
    done
    world_down "$RUN"
    return $lost
}

# cell NAME: new gateways on these networks, the first words, what the cell has besides, its line.
cell() {
    local a b path limit more got times=() lookups=() tries=() i
    # shellcheck disable=SC2086 # words
    set -- "$1" ${CELL[$1]}
    CELL_NAME=$1 a=$2 b=$3 path=$4 limit=$5 more=${6:-}
    rm -f "$OUT/why"
    # Once is enough when all is quick; else the median of three.
    for i in 1 2 3; do
        networks "$a" "$b"
        got=$(on laptop "$PYTHON" "$QT/tools/first.py" "$(fqdn camera)") || wrong "the first words: $got"
        times+=("$(json - "str(round(d['answer_ms']))" <<<"$got")")
        lookups+=("$(json - "str(round(d['lookup_ms']))" <<<"$got")")
        tries+=("$(json - "str(d['tries'])" <<<"$got")")
        [ "$i" != 1 ] || [ "${times[0]}" -gt "$limit" ] || [ "${lookups[0]}" -gt $LOOKUP_MS ] || [ "${tries[0]}" -ne 1 ] || break
    done
    [ "$(median "${times[@]}")" -le "$limit" ] || wrong "the first answer came after ${times[*]} ms, not within $limit"
    [ "$(median "${lookups[@]}")" -le $LOOKUP_MS ] || wrong "the look-up took ${lookups[*]} ms, not at most $LOOKUP_MS"
    # Where a family silently breaks, the first datagram may be on its way when that shows; elsewhere it waits and arrives.
    case $CELL_NAME in
    *no[46]*) ;;
    *) [ "$(median "${tries[@]}")" -eq 1 ] || wrong "first datagrams were lost: sent ${tries[*]} times" ;;
    esac
    settled "$path"
    if [ -n "$more" ]; then "$more"; fi
    cell_line "$a" "$b" "$got"
}

networks() { # A_KIND B_KIND
    heal
    local NAT_LIFE
    # shellcheck disable=SC2034 # for nat.sh
    NAT_LIFE=$([ "$CELL_NAME" != idle ] || echo 30)
    # Broken before the routers start: they have addresses and routes all the same.
    case $CELL_NAME in
    *-no[46]) break_family b "${CELL_NAME: -1}" ;;
    no[46]-*) break_family a "${CELL_NAME:2:1}" ;;
    esac
    host_unplugged laptop
    host_unplugged camera
    side_net_down b
    gw_anew a "$1" laptop
    gw_anew b "$2" camera
    ready laptop
    ready camera
}

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

cell_line() { # A_KIND B_KIND FIRST
    local c=$CELL_NAME p why lookup answer
    p=$(tunnel a path) why=$(tunnel a why)
    lookup=$(json - "str(d['lookup_ms'])" <<<"$3") answer=$(json - "str(d['answer_ms'])" <<<"$3")
    printf '%-17s %-8s %-8s %-7s %6s ms %6s ms  %s%s\n' "$c" "$1" "$2" "${SHOWN_PATH:-$p}" "$lookup" "$answer" "$why" \
        "${NOTE:+; $NOTE}" | tee "$REPORT/lines/$c"
    figure "$c.path" "\"$p\""
    figure "$c.lookup_ms" "$lookup"
    figure "$c.first_answer_ms" "$answer"
}

scenario matrix "$@"
