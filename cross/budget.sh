# shellcheck shell=bash
# Keeps cross/budget. Sourced, in the repository's root.

# Nothing for what has no budget, as packages without a program.
budget_of() { # TARGET PROGRAM: two words
    awk -v target="$1" -v program="$2" '($1 == target || $1 == "any") && $2 == program { print $3, $4; exit }' cross/budget
}

within_budget() { # TARGET PROGRAM BYTES PACKED: says what is past it, and fails
    local most most_packed over=0
    read -r most most_packed < <(budget_of "$1" "$2") || return 0
    if [ "$most" != - ] && [ "$3" -gt "$most" ]; then
        echo "$2 for $1: $3 bytes, past its budget of $most" >&2
        over=1
    fi
    if [ "$most_packed" != - ] && [ "$4" -gt "$most_packed" ]; then
        echo "$2 for $1: $4 bytes packed, past its budget of $most_packed" >&2
        over=1
    fi
    return $over
}
