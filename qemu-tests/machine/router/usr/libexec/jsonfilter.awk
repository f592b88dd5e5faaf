#!/usr/bin/awk -f
# jsonfilter -s JSON -e EXPRESSION: the values at one place of a document, a line each. Of its language there is what our
# scripts use: @.member.member, and [*] or [N] after a member.
BEGIN {
    for (i = 1; i < ARGC; i++) {
        if (ARGV[i] == "-s") text = ARGV[++i]
        else if (ARGV[i] == "-e") want = ARGV[++i]
        else if (ARGV[i] == "-i") { while ((getline line < ARGV[i + 1]) > 0) text = text line "\n"; i++ }
    }
    if (text == "") while ((getline line < "-") > 0) text = text line "\n"
    sub(/^@\.?/, "", want)
    gsub(/\[/, ".[", want)
    sub(/^\./, "", want)
    value("")
    exit !found
}
function blank() { while (substr(text, at + 1, 1) ~ /[ \t\r\n]/) at++ }
function string(   c, s) {
    at++
    while ((c = substr(text, ++at, 1)) != "\"" && c != "") {
        if (c == "\\") { c = substr(text, ++at, 1); if (c == "n") c = "\n"; else if (c == "t") c = "\t" }
        s = s c
    }
    return s
}
function fits(path,   a, b, n, i) {
    n = split(path, a, ".")
    if (n != split(want, b, ".")) return 0
    for (i = 1; i <= n; i++) if (a[i] != b[i] && !(b[i] == "[*]" && a[i] ~ /^\[/)) return 0
    return 1
}
function value(path,   c, start, key, n, s) {
    blank()
    c = substr(text, at + 1, 1)
    start = at + 1
    if (c == "{" || c == "[") {
        at++
        blank()
        while (substr(text, at + 1, 1) !~ /[]}]/) {
            if (at >= length(text)) exit 1
            if (c == "{") { blank(); key = string(); blank(); at++ } else key = "[" n++ "]"
            value(path == "" ? key : path "." key)
            blank()
            if (substr(text, at + 1, 1) == ",") { at++; blank() }
        }
        at++
        s = substr(text, start, at - start + 1)
    } else if (c == "\"") s = string()
    else {
        while (at < length(text) && substr(text, at + 1, 1) !~ /[],} \t\r\n]/) at++
        s = substr(text, start, at - start + 1)
        if (s == "") exit 1
    }
    if (fits(path)) { print s; found = 1 }
}
