# shellcheck shell=bash
# What goes wrong on the Internet, silently: no address, no route and no answer tells a router of it.

# fault NAME RULE...: one nftables table in inet, on every forwarded and received packet, until `heal NAME`.
fault() {
    local name=$1 r hook rules=
    shift
    for r in "$@"; do rules+="        $r drop"$'\n'; done
    {
        echo "table inet fault-$name"
        echo "delete table inet fault-$name"
        echo "table inet fault-$name {"
        for hook in forward input output; do
            printf '    chain %s {\n        type filter hook %s priority -10;\n%s    }\n' "$hook" "$hook" "$rules"
        done
        echo "}"
    } | on inet nft -f - || fail "no such fault: $name $*"
}

# heal [NAME]: the fault is over, or all are.
heal() {
    local t
    for t in $(on inet nft list tables inet | awk '{ print $3 }'); do
        [ "$t" != "fault-${1:-${t#fault-}}" ] || on inet nft delete table inet "$t"
    done
}

# break_family SIDE 4|6: nothing of that family gets through to or from this side.
break_family() {
    local nets
    if [ "$2" = 4 ]; then nets="ip %s ${PUBLIC4[$1]}.0/24"; else nets="ip6 %s ${PUBLIC6[$1]}:/48"; fi
    # shellcheck disable=SC2059 # the format says saddr or daddr
    fault "family-$1" "$(printf "$nets" saddr)" "$(printf "$nets" daddr)"
}

# cut_direct FROM TO [both]: UDP between the two sides' outsides is lost; servers stay reachable for both.
cut_direct() {
    local p one=() from=$1 to=$2
    for p in "$from $to" ${3:+"$to $from"}; do
        from=${p% *} to=${p#* }
        one+=("ip saddr ${PUBLIC4[$from]}.0/24 ip daddr ${PUBLIC4[$to]}.0/24 meta l4proto udp"
            "ip6 saddr ${PUBLIC6[$from]}:/48 ip6 daddr ${PUBLIC6[$to]}:/48 meta l4proto udp")
    done
    fault direct "${one[@]}"
}
