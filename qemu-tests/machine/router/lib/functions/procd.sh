# shellcheck shell=sh
# What init scripts tell procd, as files: /var/run/procd/SERVICE/want/INSTANCE/PARAMETER, one value a line. A stand-in.
#
# When the service is closed each instance is compared with what runs (`have`): the same runs on untouched, a changed one
# is restarted (or gets its reload_signal), one that is not there any more is stopped.

PROCD=/var/run/procd

procd_open_service() {
    PROCD_SERVICE=$1
    PROCD_COUNT=0
    mkdir -p "$PROCD/$1/have"
    rm -rf "${PROCD:?}/$1/want" "$PROCD/$1/triggers"
    mkdir -p "$PROCD/$1/want"
    echo "$2" >"$PROCD/$1/script"
}

procd_open_instance() {
    PROCD_COUNT=$((PROCD_COUNT + 1))
    PROCD_AT=$PROCD/$PROCD_SERVICE/want/${1:-instance$PROCD_COUNT}
    mkdir -p "$PROCD_AT"
}

procd_set_param() {
    local parameter=$1
    shift
    # Without values: restarted after 5 s, and given up after five crashes of which none ran for an hour.
    [ "$parameter" != respawn ] || [ $# -gt 0 ] || set -- 3600 5 5
    : >"$PROCD_AT/$parameter"
    [ $# -eq 0 ] || printf '%s\n' "$@" >"$PROCD_AT/$parameter"
}

procd_append_param() {
    local parameter=$1
    shift
    printf '%s\n' "$@" >>"$PROCD_AT/$parameter"
}

# A changed file restarts the instance, so its sum belongs to what is compared.
procd_close_instance() {
    local f d
    [ ! -e "$PROCD_AT/file" ] || while read -r f; do md5sum "$f" 2>/dev/null; done <"$PROCD_AT/file" >"$PROCD_AT/file.md5"
    [ ! -e "$PROCD_AT/netdev" ] || while read -r d; do cat "/sys/class/net/$d/ifindex" 2>/dev/null; done \
        <"$PROCD_AT/netdev" >"$PROCD_AT/netdev.index"
}

procd_close_service() {
    local at=$PROCD/$PROCD_SERVICE i
    for i in "$at"/have/*/; do
        i=$(basename "$i")
        [ -d "$at/have/$i" ] || continue
        [ -d "$at/want/$i" ] || procd_instance_stop "$at/have/$i"
    done
    for i in "$at"/want/*/; do
        i=$(basename "$i")
        [ -d "$at/want/$i" ] || continue
        procd_instance_apply "$at/want/$i" "$at/have/$i"
    done
}

procd_instance_apply() { # WANT HAVE
    if procd_instance_runs "$2" && procd_same "$1" "$2"; then return; fi
    if procd_instance_runs "$2" && [ -s "$1/reload_signal" ] && cmp -s "$1/command" "$2/command"; then
        cp "$1"/* "$2/"
        kill "-$(cat "$1/reload_signal")" "$(cat "$2/.pid")"
        return
    fi
    procd_instance_stop "$2"
    rm -rf "$2"
    cp -r "$1" "$2"
    # In a session of its own: an init script's end, or its terminal's, is not the instance's.
    setsid /usr/libexec/procd-instance "$PROCD_SERVICE" "$2" </dev/null >/dev/null 2>&1 &
}

# Compared is what a restart is for; how often it is started again and where its words go is not.
procd_same() {
    local f
    for f in command env file.md5 netdev.index limits user group jail mounts capabilities no_new_privs; do
        if [ -e "$1/$f" ] || [ -e "$2/$f" ]; then cmp -s "$1/$f" "$2/$f" || return 1; fi
    done
}

# An instance that is waiting to be started again is procd's, too.
procd_instance_runs() { [ -s "$1/.keeper" ] && kill -0 "$(cat "$1/.keeper")" 2>/dev/null; }

procd_instance_stop() {
    local pid keeper i=0 limit service
    [ -d "$1" ] || return 0
    keeper=$(cat "$1/.keeper" 2>/dev/null)
    : >"$1/.stopped"
    pid=$(cat "$1/.pid" 2>/dev/null)
    limit=$(($(cat "$1/term_timeout" 2>/dev/null || echo 5) * 20))
    if [ -n "$pid" ] && kill -TERM "$pid" 2>/dev/null; then
        service=${1%/have/*}
        : >"/var/run/moments/${service##*/}.${1##*/}.told"
        while kill -0 "$pid" 2>/dev/null; do
            if [ "$i" -ge "$limit" ]; then
                logger -p daemon.warn -t procd "$1 does not end on SIGTERM"
                kill -KILL "$pid" 2>/dev/null
            fi
            i=$((i + 1))
            usleep 50000
        done
        # Its keeper may be killed below before it has noted that.
        : >>"/var/run/moments/${service##*/}.${1##*/}.ended"
    fi
    [ -z "$keeper" ] || kill -KILL "$keeper" 2>/dev/null
    rm -rf "$1"
}

procd_kill() { # SERVICE [INSTANCE]
    local i
    for i in "$PROCD/$1"/have/*/; do
        [ -d "$i" ] || continue
        [ -n "${2:-}" ] && [ "$(basename "$i")" != "$2" ] || procd_instance_stop "${i%/}"
    done
    [ -n "${2:-}" ] || rm -rf "${PROCD:?}/$1"
}

procd_running() { # SERVICE [INSTANCE]
    local i
    for i in "$PROCD/$1/have/${2:-}"*/; do
        [ ! -s "$i/.pid" ] || kill -0 "$(cat "$i/.pid")" 2>/dev/null && [ -s "$i/.pid" ] && return 0
    done
    return 1
}

procd_send_signal() { # SERVICE [INSTANCE] [SIGNAL]
    local i
    for i in "$PROCD/$1"/have/*/; do
        [ -s "$i/.pid" ] || continue
        case ${2:-*} in '*' | "$(basename "$i")") kill "-${3:-HUP}" "$(cat "$i/.pid")" ;; esac
    done
}

# Triggers: `config NAME` and `interface NAME` lines, and what is run; reload_config and the network look through them.
procd_trigger() { printf '%s\n' "$*" >>"$PROCD/$PROCD_SERVICE/triggers"; }
procd_open_trigger() { :; }
procd_close_trigger() { :; }
procd_add_reload_trigger() {
    local c
    for c in "$@"; do procd_trigger "config $c $initscript reload"; done
}
procd_add_config_trigger() { shift; local c=$1; shift; procd_trigger "config $c $*"; }
procd_add_reload_interface_trigger() { procd_trigger "interface $1 $initscript reload"; }
procd_add_interface_trigger() { shift; local i=$1; shift; procd_trigger "interface $i $*"; }
procd_add_raw_trigger() { shift 2; procd_trigger "interface * $*"; }
procd_add_reload_mount_trigger() { :; }
procd_add_reload_data_trigger() { :; }
procd_open_validate() { :; }
procd_close_validate() { :; }
procd_add_validation() { :; }
# Of a service's data only the firewall's rules are kept, each as its words on one line; the firewall looks for them.
procd_open_data() { PROCD_RULE=; }
procd_close_data() { :; }
json_add_array() { :; }
json_close_array() { :; }
json_add_object() { PROCD_RULE=; }
json_add_string() { PROCD_RULE="$PROCD_RULE $1=$2"; }
json_close_object() { [ -z "$PROCD_RULE" ] || echo "$PROCD_RULE" >>"$PROCD_AT/data"; }
# Words are split here, as by the real one. Where there is no /sbin/ujail nothing comes of it.
procd_add_jail() {
    # shellcheck disable=SC2068
    printf '%s\n' $@ >"$PROCD_AT/jail"
}
procd_add_jail_mount() {
    # shellcheck disable=SC2068
    printf -- '-r\n%s\n' $@ >>"$PROCD_AT/mounts"
}
procd_add_jail_mount_rw() {
    # shellcheck disable=SC2068
    printf -- '-w\n%s\n' $@ >>"$PROCD_AT/mounts"
}
procd_set_config_changed() { procd_event config "$1"; }

procd_event() { /usr/libexec/procd-event "$@"; }
