#!/usr/bin/env bash
# What a gateway costs that nobody uses: registered, with one tunnel without traffic, behind a NAT. Wake-ups of the daemon
# and bytes on its WAN, by the minute and by the day. NTM_IDLE_S: how long is counted (300).
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

IDLE_S=${NTM_IDLE_S:-300}
# How long the NAT remembers is measured first; after that keep-alives come as seldom as they may.
SETTLE_S=${NTM_SETTLE_S:-600}
LIMIT=1000000

play() {
    local wakes bytes day
    world_up nat nat laptop camera
    first_words laptop camera
    # A host asks for its lease and its neighbours now and then, and is no part of this.
    say "settling for $SETTLE_S s"
    sleep "$SETTLE_S"
    say "counting for $IDLE_S s; tunnel: $(tunnel a path)"
    wakes=$(switches) bytes=$(wan_bytes a)
    sleep "$IDLE_S"
    wakes=$(($(switches) - wakes)) bytes=$(($(wan_bytes a) - bytes))
    day=$((bytes * 86400 / IDLE_S))
    say "wake-ups a minute: $(awk "BEGIN { printf \"%.1f\", $wakes * 60 / $IDLE_S }"); WAN: $day bytes a day, limit $LIMIT"
    figure wakeups_per_minute "$(awk "BEGIN { printf \"%.1f\", $wakes * 60 / $IDLE_S }")"
    figure wan_bytes_per_day "$day"
    figure wan_bytes_limit "$LIMIT"
    figure rss_kib "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(daemon_pid car)/status")"
    [ "$day" -le "$LIMIT" ] || fail "$day bytes a day on the WAN, more than $LIMIT"
}

# Times that a thread of the daemon has gone to sleep, and so been woken.
switches() { cat /proc/"$(daemon_pid car)"/task/*/status | awk '/^voluntary/ { s += $2 } END { print s }'; }

# Both ways, with Ethernet headers.
wan_bytes() { on "gw-$1" cat /sys/class/net/wan0/statistics/rx_bytes /sys/class/net/wan0/statistics/tx_bytes | awk '{ s += $1 } END { print s }'; }

scenario bench-idle "$@"
