#!/usr/bin/env bash
# The kernel's help with many packets at once, switched off one by one at one router and the other, and at the cables: what
# arrives is the same. Last, both routers change the longest packet in the middle of a download.
. "$(dirname "$0")/../lib.sh"
. "$QT/lib/story.sh"

play() {
    export NTM_BIG_MB=16
    local case=0 list
    world_up global nat laptop camera
    for list in '"tun", "send", "receive"' '"send", "receive"' '"tun", "receive"' '"tun", "send"' ''; do
        case=$((case + 1))
        again a "$list"
        [ "$case" -eq 1 ] || again b "$([ $((case % 2)) -eq 0 ] && echo '"tun", "send", "receive"' || echo "$list")"
        joins "$list"
        carries "car has [$list]"
    done
    again a '"tun", "send", "receive"'
    again b '"tun", "send", "receive"'
    on gw-a ethtool -K wan0 tso off gso off gro off tx off rx off >>"$OUT/ethtool.log" 2>&1 || fail "ethtool"
    carries "car's WAN has no offload"
    figure driver_without true
    shrinks
    narrow
}

# The side's gateway starts anew with another list.
again() { # SIDE LIST
    local name=${GATEWAY[$1]}
    sed -i '/^\[tunnel\]/,$d' "$OUT/$name/ntm-gateway.toml"
    printf '[tunnel]\noffload = [%s]\n' "$2" >>"$OUT/$name/ntm-gateway.toml"
    daemon_kill "$name"
    wait_until 10 "$name is up again" gw "$1" status
}

# Whether car's TUN interface takes super-packets, as it was told.
joins() { # LIST
    local want=off got
    [[ $1 != *tun* ]] || want=on
    got=$(on gw-a ethtool -k ntm0 | sed -n 's/^tcp-segmentation-offload: \([a-z]*\).*/\1/p')
    [ "$got" = "$want" ] || fail "car's TUN interface has TSO $got, not $want"
}

carries() { # WHAT
    say "--- $1"
    first_words laptop camera
    download laptop camera
    first_words camera laptop
    download camera laptop
    datagrams laptop camera
}

# Narrower cables under a download: trains do not fit, single datagrams are cut, nothing ends.
shrinks() {
    local mtu said
    background download laptop "$PYTHON" "$QT/tools/slowly.py" "http://$(fqdn camera)/big.bin" "$OUT/laptop.got" 2048
    sleep 0.6
    for mtu in 1300 1500 1280 1500; do
        cables "$mtu"
        # Long ones, both ways.
        said=$(on laptop ping -qc 8 -i 0.1 -W 1 -s 1372 -M dont "$(fqdn camera)") || true
        [[ $said == *' 0% packet loss'* ]] || fail "with an MTU of $mtu: $(sed -n '/loss/p' <<<"$said")"
    done
    wait_until 30 "the download has ended" has_no_process download
    same_file "$OUT/laptop.got" "$OUT/camera/big.bin"
    say "the download came through narrower WANs, bit for bit"
    figure mtu_changes 4
}

cables() { # MTU
    local end
    # shellcheck disable=SC2086 # NODE IFACE
    for end in 'gw-a wan0' "${PLUG[a]}" 'gw-b wan0' "${PLUG[b]}"; do on ${end% *} ip link set ${end#* } mtu "$1"; done
}

# Gateways that begin on narrow cables find out, and their devices hear of it.
narrow() {
    local said cut
    cables 1320
    again a '"tun", "send", "receive"'
    again b '"tun", "send", "receive"'
    wait_until 20 "laptop finds camera" resolves laptop "$(fqdn camera)"
    first_words laptop camera
    download laptop camera
    wait_until 5 "home's gateway knows how long packets may be" longest_is b 1260
    said=$(on laptop ping -c 5 -i 0.3 -W 1 -s 1372 -M 'do' "$(fqdn camera)" 2>&1) || true
    [[ $said =~ mtu\ ?=\ ?1260 ]] || fail "laptop is not told how long packets may be: $said"
    cut=$(pieces)
    download laptop camera
    cut=$(($(pieces) - cut))
    figure pieces "$cut"
    # Of more than 12,000 packets.
    [ "$cut" -lt 100 ] || fail "home's router goes on cutting: $cut pieces"
    say "the devices know of 1260 bytes"
}

# What home's router has cut datagrams into.
pieces() { on gw-b nstat -asz IpFragCreates | awk '/IpFragCreates/ { print $2 }'; }

# longest_is SIDE BYTES: the longest packet that need not be cut, as `tunnels` says.
longest_is() { [ "$(tunnel "$1" mtu)" = "$2" ]; }

has_no_process() { ! kill -0 "$(cat "$OUT/$1.pid")"; }

scenario offloads "$@"
