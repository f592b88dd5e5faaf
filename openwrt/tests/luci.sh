#!/usr/bin/env bash
# luci-app-ntm: its pages run, its texts are in the template and in Japanese, its files are what LuCI reads.
set -euo pipefail
cd "$(dirname "$0")"
app=../luci/luci-app-ntm
checks=0

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

skipped() { printf '!!! SKIPPED: %s !!!\n' "$*" >&2; }

if command -v node >/dev/null; then
    pages=$(node luci.js $app) || fail 'a page'
    checks=$((checks + pages))
else
    skipped 'node is not installed, so the pages were not even parsed'
fi

if command -v xgettext >/dev/null && command -v msgfmt >/dev/null; then
    ./strings.sh $app | diff - $app/po/templates/ntm.pot || fail "texts and template differ: ./strings.sh $app >$app/po/templates/ntm.pot"
    statistics=$(LC_ALL=C msgfmt --check-format --statistics -o /dev/null $app/po/ja/ntm.po 2>&1)
    [[ $statistics =~ ^([0-9]+)\ translated\ messages\.$ ]] || fail "ja: $statistics"
    same=$(comm -3 <(grep '^msgid "' $app/po/templates/ntm.pot | sort) <(grep '^msgid "' $app/po/ja/ntm.po | sort))
    [ -z "$same" ] || fail "in the template or in ja alone: $same"
    checks=$((checks + BASH_REMATCH[1]))
else
    skipped 'gettext is not installed, so the translations were not checked'
fi

# A text that is shown but not in _(): in the menu's way of writing, a word in quotes with a space in it.
! grep -n "'[A-Z][a-z]* [a-z ]*'" $app/htdocs/luci-static/resources/view/ntm/*.js | grep -v "_('" || fail 'a text outside of _()'

/usr/bin/python3 - $app <<'PY' || fail 'menu or access list'
import json, os, sys
app = sys.argv[1]
menu = json.load(open(f"{app}/root/usr/share/luci/menu.d/luci-app-ntm.json"))
acl = json.load(open(f"{app}/root/usr/share/rpcd/acl.d/luci-app-ntm.json"))
assert list(acl) == ["luci-app-ntm"] == menu["admin/services/ntm"]["depends"]["acl"]
for path, entry in menu.items():
    action = entry["action"]
    if action["type"] == "view":
        assert os.path.exists(f"{app}/htdocs/luci-static/resources/view/{action['path']}.js"), path
    else:
        assert action["path"] in menu, path
for part in acl["luci-app-ntm"].values():
    if isinstance(part, dict):
        for command, may in part["file"].items():
            program, _, words = command.partition(" ")
            assert may == ["exec"] and program in ("/usr/bin/ntm-gateway", "/etc/init.d/ntm-gateway") and words, command
        assert part["uci"] == ["ntm"]
PY
checks=$((checks + 2))
printf 'luci: %s checks\n' "$checks"
