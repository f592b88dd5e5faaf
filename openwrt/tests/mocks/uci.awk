# UCI's files: read, asked, changed, written. Run by the mock `uci`, one command at a time.
#
# Variables: FILE, STAGED (where a change goes), COMMAND, and its argument in the environment as UCI_ARGUMENT.
# Values keep every byte, also newlines, as UCI's own do.

BEGIN {
    QUOTE = sprintf("%c", 39)
    read_file(FILE)
    argument = ENVIRON["UCI_ARGUMENT"]
    if (COMMAND == "show") show(argument)
    else if (COMMAND == "export") export_all()
    else if (COMMAND == "get") get(argument)
    else { change(COMMAND, argument); write_file(STAGED) }
    exit 0
}

function fail(text) {
    print "uci: " text > "/dev/stderr"
    exit 1
}

# --- reading -----------------------------------------------------------------------------------------------------

function read_file(name,    line) {
    count = 0
    text = ""
    while ((getline line < name) > 0) text = text line "\n"
    close(name)
    at = 1
    length_of_text = length(text)
    while (at <= length_of_text) statement()
}

# One statement; quotes may hold newlines.
function statement(    words, word, n) {
    n = 0
    while (at <= length_of_text) {
        c = substr(text, at, 1)
        if (c == "\n" || c == ";") { at++; break }
        if (c == " " || c == "\t") { at++; continue }
        if (c == "#") { while (at <= length_of_text && substr(text, at, 1) != "\n") at++; continue }
        words[++n] = one_word()
    }
    if (n == 0) return
    if (words[1] ~ /^p(ackage)?$/) return
    if (words[1] ~ /^c(onfig)?$/ && (n == 2 || n == 3)) { open_section(words[2], words[3]); return }
    if (words[1] ~ /^o(ption)?$/ && (n == 2 || n == 3) && words[3] == "" && opened) { amount[opened, words[2]] = 0; return }
    if (words[1] ~ /^(o(ption)?|l(ist)?)$/ && n == 3 && opened) {
        put(opened, words[2], words[3], words[1] ~ /^l/)
        return
    }
    fail("Parse error (invalid command) in " FILE)
}

function one_word(    word, quote) {
    word = ""
    while (at <= length_of_text) {
        c = substr(text, at, 1)
        if (index("\n \t#;", c)) return word
        if (c == "\\") { word = word substr(text, at + 1, 1); at += 2; continue }
        if (c != QUOTE && c != "\"") { word = word c; at++; continue }
        quote = c
        at++
        while (substr(text, at, 1) != quote) {
            if (at > length_of_text) fail("Parse error (unterminated quote) in " FILE)
            if (quote == "\"" && substr(text, at, 1) == "\\") at++
            word = word substr(text, at, 1)
            at++
        }
        at++
    }
    return word
}

# --- what is there -----------------------------------------------------------------------------------------------

# Sections of one name are one.
function open_section(type, name,    i) {
    for (i = 1; i <= sections; i++)
        if (name != "" && named[i] && name_of[i] == name) { opened = i; return }
    add_section(type, name)
    opened = sections
}

function add_section(type, name) {
    if (name ~ /[^A-Za-z0-9_]/ || type ~ /[^A-Za-z0-9_-]/) fail("Parse error (invalid character in name field) in " FILE)
    sections++
    type_of[sections] = type
    named[sections] = name != ""
    name_of[sections] = name != "" ? name : sprintf("cfg%02x%04x", sections, 4096 + 7 * sections + length(type))
}

function put(section, option, value, is_list,    n) {
    if (option ~ /[^A-Za-z0-9_]/) fail("Parse error (invalid character in name field) in " FILE)
    if (!((section, option) in amount)) {
        options[section] = options[section] " " option
        amount[section, option] = 0
    }
    n = is_list ? ++amount[section, option] : 1
    amount[section, option] = n
    list[section, option] = is_list
    values[section, option, n] = value
}

# By name, or @TYPE[INDEX].
function find(word,    i, type, index_in_type, seen) {
    if (word ~ /^@[A-Za-z0-9_-]+\[[0-9]+\]$/) {
        type = substr(word, 2, match(word, /\[/) - 2)
        index_in_type = substr(word, match(word, /\[/) + 1) + 0
        seen = 0
        for (i = 1; i <= sections; i++)
            if (!gone[i] && type_of[i] == type && seen++ == index_in_type) return i
        return 0
    }
    for (i = 1; i <= sections; i++)
        if (!gone[i] && name_of[i] == word) return i
    return 0
}

# PACKAGE.SECTION[.OPTION][=VALUE], into path_section, path_option and path_value; the value may hold anything.
function take_apart(argument,    equals, parts, n) {
    equals = match(argument, /=/)
    path_has_value = equals > 0
    path_value = path_has_value ? substr(argument, equals + 1) : ""
    n = split(path_has_value ? substr(argument, 1, equals - 1) : argument, parts, ".")
    if (n < 2 || n > 3) fail("Invalid argument")
    path_section = parts[2]
    path_option = n == 3 ? parts[3] : ""
}

# --- answers -----------------------------------------------------------------------------------------------------

function get(argument,    section, i, all) {
    take_apart(argument)
    section = find(path_section)
    if (!section) fail("Entry not found")
    if (path_option == "") { print type_of[section]; return }
    if (!((section, path_option) in amount) || amount[section, path_option] < 1) fail("Entry not found")
    for (i = 1; i <= amount[section, path_option]; i++)
        all = all (i > 1 ? " " : "") values[section, path_option, i]
    print all
}

function quoted(value) {
    gsub(QUOTE, QUOTE "\\" QUOTE QUOTE, value)
    return QUOTE value QUOTE
}

function show(package,    i, j, n, words, k, label, seen, line) {
    for (i = 1; i <= sections; i++) {
        if (gone[i]) continue
        label = named[i] ? name_of[i] : "@" type_of[i] "[" (seen[type_of[i]] + 0) "]"
        seen[type_of[i]]++
        print package "." label "=" type_of[i]
        n = split(options[i], words, " ")
        for (j = 1; j <= n; j++) {
            if (amount[i, words[j]] < 1) continue
            line = package "." label "." words[j] "="
            for (k = 1; k <= amount[i, words[j]]; k++) line = line (k > 1 ? " " : "") quoted(values[i, words[j], k])
            print line
        }
    }
}

function lines_of_section(i, name,    j, n, words, k, out) {
    out = "\nconfig " type_of[i] (name != "" ? " " quoted(name) : "") "\n"
    n = split(options[i], words, " ")
    for (j = 1; j <= n; j++)
        for (k = 1; k <= amount[i, words[j]]; k++)
            out = out "\t" (list[i, words[j]] ? "list " : "option ") words[j] " " quoted(values[i, words[j], k]) "\n"
    return out
}

function export_all(    i) {
    for (i = 1; i <= sections; i++) if (!gone[i]) printf "%s", lines_of_section(i, name_of[i])
}

# --- changes -----------------------------------------------------------------------------------------------------

function change(command, argument,    section, i, kept) {
    take_apart(argument)
    section = find(path_section)
    if (command == "set" && path_option == "" && path_has_value) {
        if (!section) add_section(path_value, path_section)
        else type_of[section] = path_value
        return
    }
    if (!section) fail("Entry not found")
    if (command == "set") {
        amount[section, path_option] += 0
        if (index(options[section] " ", " " path_option " ") == 0) options[section] = options[section] " " path_option
        amount[section, path_option] = 1
        list[section, path_option] = 0
        values[section, path_option, 1] = path_value
    } else if (command == "add_list") {
        put(section, path_option, path_value, 1)
    } else if (command == "del_list") {
        for (i = 1; i <= amount[section, path_option]; i++)
            if (values[section, path_option, i] != path_value) values[section, path_option, ++kept] = values[section, path_option, i]
        amount[section, path_option] = kept + 0
    } else if (command == "delete" && path_option == "") {
        gone[section] = 1
    } else if (command == "delete") {
        if (!((section, path_option) in amount)) fail("Entry not found")
        amount[section, path_option] = 0
    } else {
        fail("Invalid argument")
    }
}

function write_file(name,    i) {
    printf "" > name
    for (i = 1; i <= sections; i++) if (!gone[i]) printf "%s", lines_of_section(i, named[i] ? name_of[i] : "") > name
    close(name)
}
