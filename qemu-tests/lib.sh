# shellcheck shell=bash
# The frame of a scenario: root, output folder, figures, one JSON line at the end, cleanup.
#
# A scenario sources this file, defines `play` and ends with `scenario NAME "$@"`.
# lib/world.sh builds the namespaces, lib/daemons.sh starts the real daemons in them.

set -euo pipefail
export LC_ALL=C LANG=C PYTHONDONTWRITEBYTECODE=1
unset LANGUAGE CDPATH

QT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(dirname "$QT")
# pyenv's shims cost 100 ms a start and move the timings.
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=$(command -v python3)
RUN=$$
CLEANED=

if [ "$(id -u)" -ne 0 ]; then
    echo "namespaces need root: asking sudo" >&2
    exec sudo --preserve-env=NTM_BIN_DIR,NTM_KEEP,NTM_VARIANTS,NTM_FLOOD_S,NTM_CELLS,NTM_DEVICES,NTM_BIG_MB,NTM_LOG,NTM_NO_DAEMONS,NTM_APART,NTM_REPEATS,NTM_PORTAL_S,NTM_DELAY_MS,NTM_OUT,NTM_TAIL,NTM_IDLE_S,NTM_SETTLE_S,NTM_LOAD_S,NTM_CAPTURE,NTM_BENCH_S,NTM_TUNNEL,NTM_ACTS,NTM_JAIL,NTM_LOSS,NTM_NEW_BIN,NTM_BOOT_S,NTM_NICE,OWRT_ROOT,OWRT_KERNEL,ARCH,NTM_ROUTER_BIN_DIR,CARGO_TARGET_DIR -- "$0" "$@"
fi
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=qemu-tests/lib/world.sh
. "$QT/lib/world.sh"
# shellcheck source=qemu-tests/lib/links.sh
. "$QT/lib/links.sh"
# shellcheck source=qemu-tests/lib/nat.sh
. "$QT/lib/nat.sh"
# shellcheck source=qemu-tests/lib/routers.sh
. "$QT/lib/routers.sh"
# shellcheck source=qemu-tests/lib/hosts.sh
. "$QT/lib/hosts.sh"
# shellcheck source=qemu-tests/lib/faults.sh
. "$QT/lib/faults.sh"
# shellcheck source=qemu-tests/lib/daemons.sh
. "$QT/lib/daemons.sh"

# --- words -------------------------------------------------------------------

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }

STARTED_MS=$(now_ms)

say() { local t=$(($(now_ms) - STARTED_MS)); printf '%3d.%03d  %s\n' $((t / 1000)) $((t % 1000)) "$*"; }

# Ends the scenario; the reason goes into the JSON line.
fail() {
    say "FAILED: $*"
    [ -s "$REPORT/error" ] || printf '%s' "$*" >"$REPORT/error"
    exit 1
}

# figure KEY JSON_VALUE: one more member of the JSON line.
figure() { printf '%s\t%s\n' "$1" "$2" >>"$REPORT/figures"; }

# wait_until SECONDS WHAT COMMAND...: polls ten times a second. PATIENCE times as long: a machine that is shared may get half
# of what it should, and a router that is emulated far less.
PATIENCE=${PATIENCE:-2}
wait_until() {
    local end=$(($(now_ms) + $1 * PATIENCE * 1000)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$end" ] || fail "waited in vain: $what"
        sleep 0.1
    done
}

# json FILE|- EXPRESSION: evaluates a Python expression over the document, called `d`.
json() { "$PYTHON" "$QT/tools/jq.py" "$@"; }

tool() { local t=$1; shift; "$PYTHON" "$QT/tools/$t.py" "$@"; }

# --- the run -----------------------------------------------------------------

# scenario NAME ARGS...: plays, cleans up, prints the JSON line, exits with the same verdict.
scenario() {
    SCENARIO=$1
    shift
    # REPORT gets figures and the error; a scenario of several worlds gives each an OUT below it.
    REPORT=${NTM_OUT:-$QT/out}/$SCENARIO-$RUN
    # A control socket's path may have 107 bytes, and the state directories are below this one.
    [ ${#REPORT} -le 70 ] || REPORT=$(mktemp -d "/tmp/ntm-$SCENARIO-$RUN-XXXX")
    OUT=$REPORT
    rm -rf "$REPORT"
    mkdir -p "$OUT"
    : >"$REPORT/figures"
    world_sweep
    trap 'interrupted INT' INT
    trap 'interrupted TERM' TERM
    trap 'interrupted HUP' HUP
    trap cleanup EXIT
    # A process group of its own: an interrupt ends what runs in the foreground there, too,
    # and this shell stays free to handle the signal at once.
    set -m
    (
        trap - EXIT
        set +m
        play "$@"
    ) </dev/null &
    PLAYING=$!
    set +m
    local rc=0
    wait "$PLAYING" || rc=$?
    PLAYING=
    [ "$rc" -eq 0 ] || [ -s "$OUT/error" ] || printf 'ended with status %s' "$rc" >"$OUT/error"
    [ "$rc" -eq 0 ] || { ! declare -F last_words >/dev/null || last_words || true; log_tails; }
    cleanup
    verdict "$rc"
    exit "$rc"
}

interrupted() {
    trap '' INT TERM HUP
    [ -n "${PLAYING:-}" ] && {
        disown "$PLAYING"
        kill -KILL -- "-$PLAYING"
    } 2>/dev/null
    printf 'interrupted' >"$OUT/error"
    cleanup
    verdict 1
    [ -n "${NTM_KEEP:-}" ] || rm -rf "$REPORT"
    exit 130
}

verdict() {
    tool verdict "$SCENARIO" "$1" "$OUT"
    if [ "$1" -eq 0 ] && [ -z "${NTM_KEEP:-}" ]; then rm -rf "$OUT"; fi
    if [ -n "${SUDO_UID:-}" ] && [ -d "$QT/out" ]; then chown -R "$SUDO_UID:${SUDO_GID:-0}" "$QT/out" || true; fi
}

log_tails() {
    local f
    find "$OUT" -name '*.log' ! -name 'tcpdump*' -size +0 | sort | while read -r f; do
        echo "--- ${f#"$TOP"/}"
        tail -n "${NTM_TAIL:-15}" "$f" | cut -c1-300
    done
    echo "--- all of it is in ${OUT#"$TOP"/}"
}

cleanup() {
    [ -z "$CLEANED" ] || return 0
    CLEANED=yes
    trap '' INT TERM HUP
    world_down "$RUN"
    awk -v d="$REPORT/" 'index($2, d) == 1 { print $2 }' /proc/mounts | xargs -r umount -l
    [ -n "${NTM_KEEP:-}" ] || find "$REPORT" \( -name '*.pcap' -o -name big.bin -o -name '*.got' \) -delete
}
