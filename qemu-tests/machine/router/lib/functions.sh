# shellcheck shell=sh
# What init scripts have from OpenWrt's /lib/functions.sh, of the same names and results. A stand-in.

# config_load PACKAGE: all of it into shell variables. Sections are listed in CONFIG_SECTIONS.
config_load() {
    local kind section option value
    CONFIG_SECTIONS=
    for section in $(set | sed -n 's/^\(CONFIG__[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$section"; done
    [ -r "${UCI_CONFIG_DIR:-/etc/config}/$1" ] || return 1
    # A here-document: variables that a pipe's end sets are lost.
    while IFS='	' read -r kind section option value; do
        case $kind in
        section)
            CONFIG_SECTIONS="$CONFIG_SECTIONS $section"
            eval "CONFIG__${section}__TYPE=\$option"
            ;;
        option) eval "CONFIG__${section}__$option=\$value" ;;
        list)
            eval "CONFIG__${section}__$option=\"\${CONFIG__${section}__$option:+\$CONFIG__${section}__$option }\$value\""
            eval "CONFIG__${section}__${option}__LIST=\"\${CONFIG__${section}__${option}__LIST:-}\$value
\""
            ;;
        esac
    done <<EOT
$(/usr/libexec/uci-parse <"${UCI_CONFIG_DIR:-/etc/config}/$1")
EOT
}

config_get() { # VARIABLE SECTION OPTION [DEFAULT]
    case $# in
    2) eval "printf '%s\n' \"\${CONFIG__${1}__$2:-}\"" ;;
    *) eval "$1=\${CONFIG__${2}__$3:-\${4:-}}" ;;
    esac
}

config_get_bool() { # VARIABLE SECTION OPTION [DEFAULT]
    local _value
    config_get _value "$2" "$3" "${4:-}"
    case $_value in
    1 | on | true | yes | enabled) _value=1 ;;
    0 | off | false | no | disabled) _value=0 ;;
    *) _value=${4:-} ;;
    esac
    eval "$1=\$_value"
}

config_foreach() { # FUNCTION [TYPE [ARG...]]
    local _function=$1 _type=${2:-} _section _is
    shift
    [ $# -eq 0 ] || shift
    for _section in $CONFIG_SECTIONS; do
        config_get _is "$_section" TYPE
        [ -n "$_type" ] && [ "$_is" != "$_type" ] || "$_function" "$_section" "$@"
    done
}

config_list_foreach() { # SECTION OPTION FUNCTION [ARG...]
    local _list _value _function=$3
    eval "_list=\${CONFIG__${1}__${2}__LIST:-}"
    shift 3
    while read -r _value; do
        [ -z "$_value" ] || "$_function" "$_value" "$@"
    done <<EOT
$_list
EOT
}
