#!/usr/bin/env bash
# The router in qemu: two guests, car and home, with a kernel of their own, in our world. The last line is one JSON object.
#
# In this order, under one traffic from the WAN change on: boot in 1970, enrolment, the story, a WAN change, flow offloading, a pulled
# cable, upgrades, kill -9 of the daemon, a router without ujail, the clock put forward by years, a power cut, a clean stop. NTM_ACTS plays only some
# of the faults.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"
. "$QT/lib/uplinks.sh"
. "$QT/lib/moves.sh"
. "$QT/machine/lib/machines.sh"
. "$QT/machine/lib/jail.sh"
. "$QT/machine/lib/acts.sh"
ACTS='wan_change flow_offloading cable_pulled upgrade upgrade_by_apk upgrade_by_opkg crash unjailed clock power_loss'
[ -z "${OWRT_ROOT:-}" ] || . "$QT/machine/lib/openwrt.sh"

play() {
    export NTM_BIG_MB=1
    need_machines
    inet_up
    dc_up
    rs_up
    leaks_watched
    site_up a 'nat nat'
    site_up b 'nat'
    boots
    enrols
    story
    # shellcheck disable=SC2119 # its options are for others
    traffic_up
    local act
    for act in ${NTM_ACTS:-$ACTS}; do "$act"; done
    traffic_ends
    clean_stop
    no_leaks
}

scenario qemu "$@"
