#!/usr/bin/env bash
# Each daemon is killed with -9 while a download, a TCP session and a UDP exchange run through a relay:
# how long until whole again, and that nothing was lost.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

APART=${NTM_APART:-9} # seconds from one kill to the next

play() {
    # The rate stretches the download over all kills; the size does not matter.
    export NTM_BIG_MB=16
    world_up symnat symnat laptop camera printer
    first_words laptop camera
    settle
    local before; before=$(identity laptop; identity camera; identity printer)

    session_start laptop camera
    background trace laptop "$PYTHON" "$QT/tools/talk.py" udp "$(fqdn camera)" --interval 10 \
        --stop "$OUT/sessions.stop" --trace "$OUT/trace.txt"
    background download laptop "$PYTHON" "$QT/tools/slowly.py" "http://$(fqdn camera)/big.bin" "$OUT/laptop.got" \
        $((16 * 1024 / (APART * 5)))
    sleep 2

    local d marks=()
    for d in rs car home dc; do
        has_no_process download && fail "the download ended before $d was killed"
        marks+=("$d:$(now_ms)")
        say "kill -9 $d"
        daemon_kill "$d"
        if [ "$d" = dc ]; then new_name; fi
        sleep "$APART"
    done
    marks+=("end:$(now_ms)")

    wait_until $((APART * 3)) "the download has ended" has_no_process download
    touch "$OUT/sessions.stop"
    wait_until 10 "the UDP trace is written" grep -q sent "$OUT/trace.log"
    local i
    for ((i = 0; i < ${#marks[@]} - 1; i++)); do
        whole_again "${marks[i]%%:*}" "${marks[i]##*:}" "${marks[i + 1]##*:}"
    done
    [ ! -s "$OUT/download.log" ] || fail "the download: $(cat "$OUT/download.log")"
    same_file "$OUT/laptop.got" "$OUT/camera/big.bin"
    say "the download came through all of it, bit for bit"
    figure download_bytes "$(stat -c %s "$OUT/laptop.got")"
    session_end laptop
    saw_only camera laptop
    for d in laptop camera printer; do wait_until 10 "$d has its identity" has_identity "$d"; done
    [ "$(identity laptop; identity camera; identity printer)" = "$before" ] ||
        fail "identities changed: $before -> $(identity laptop; identity camera; identity printer)"
    figure supervisor_waits_ms 1000
    # Reached only when the file, every line of the session and every identity are what they were.
    figure nothing_lost true
}

settle() { say "path: $(tunnel a path), because: $(tunnel a why)"; }

has_no_process() { ! kill -0 "$(cat "$OUT/$1.pid")"; }

# The coordinator carries no traffic: it is whole again when a name nobody asked for yet is found.
new_name() {
    local t; t=$(now_ms)
    wait_until 20 "laptop finds $(fqdn printer)" resolves laptop "$(fqdn printer)"
    t=$(($(now_ms) - t))
    say "a new name is found $t ms after the kill"
    figure dc.new_name_ms "$t"
}

whole_again() { # DAEMON KILLED_MS NEXT_MS
    local got
    got=$(tool gaps "$OUT/trace.txt" "$2" "$3") || fail "after $1 was killed, traffic never was whole again: $got"
    say "$1: $got"
    figure "$1.whole_again_ms" "$(json - "str(d['whole_again_ms'])" <<<"$got")"
    figure "$1.datagrams_lost" "$(json - "str(d['datagrams_lost'])" <<<"$got")"
}

scenario restart "$@"
