#!/usr/bin/env bash
# The story, to watch: two routers, the same LAN behind both, one relay between them.
. "$(dirname "$0")/lib.sh"
. "$QT/lib/story.sh"

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { # HOST COMMAND...
    printf '\033[36m%s\033[0m $ %s\n' "$1" "${*:2}"
    on "$@" 2>&1 | sed 's/^/    /'
}
settle() { wait_until 20 "the path is $1" tunnel_path_is a "$1"; }

map() {
    cat <<'EOF'

    laptop            car                                     home            camera
    192.168.1.x ----- router ----- NAT ----- Internet ------- router ----- 192.168.1.x
                      .1.1      10.0.0.x        |              .1.1
                                                +-- ntm-dc     203.0.113.10
                                                +-- ntm-relay  203.0.113.20

  Both LANs are 192.168.1.0/24. The laptop and the camera run nothing of ours.
EOF
}

talk() {
    run laptop ping -c 4 -i 0.3 "$(fqdn camera)"
    run camera ping -c 4 -i 0.3 "$(fqdn laptop)"
    run laptop curl -sS -o /dev/null -w '%{http_code}, %{size_download} bytes, %{speed_download} bytes/s, from %{remote_ip}\n' \
        "http://$(fqdn camera)/big.bin"
    datagrams laptop camera
    saw_tail
    printf '\033[36mcar\033[0m $ ntm-gateway ping %s\n' "$(fqdn camera)"
    gw a ping "$(fqdn camera)" | sed 's/^/    /'
}

saw_tail() { say "the camera saw: $(sed 's/.*"kind": "\([a-z]*\)", "peer": "\([^"]*\)".*/\1 from \2/' "$OUT/camera.seen" | sort -u | paste -sd, | sed 's/,/, /g')"; }

play() {
    title "The world"
    map
    world_up symnat symnat laptop camera
    run laptop ip -brief -4 addr show dev eth0
    run camera ip -brief -4 addr show dev eth0

    title "Behind two symmetric NATs: through the relay, which cannot read a byte of it"
    settle_first relay
    talk

    title "A TCP session lives through kill -9 of everything"
    session_start laptop camera
    sleep 1
    local d
    for d in dc rs car home; do
        say "kill -9 $d"
        daemon_kill "$d"
        sleep 2
    done
    sleep 2
    session_end laptop

    title "The camera's router moves to a network without NAT: the same names and addresses, now direct"
    gw_reboot b global camera
    wait_until 30 "camera has a lease" has_lease camera
    settle_first direct
    talk
    title "Done: the namespaces go, nothing stays"
}

settle_first() {
    wait_until 30 "the laptop reaches the camera" on laptop ping -qc 1 -W 1 "$(fqdn camera)"
    settle "$1"
    say "path: $(tunnel a path), because: $(tunnel a why)"
}

scenario demo "$@"
