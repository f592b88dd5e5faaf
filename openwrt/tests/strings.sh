#!/usr/bin/env bash
# strings.sh APP: every string that luci-app-ntm shows, as a template for translators: what the pages have in _(), and the
# titles of the menu and of the access list, which LuCI translates as well.
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$1"
collected=$(mktemp)
trap 'rm -f "$collected"' EXIT
/usr/bin/python3 - root/usr/share/luci/menu.d/*.json root/usr/share/rpcd/acl.d/*.json >"$collected" <<'PY'
import json, sys
for name in sys.argv[1:]:
    for entry in json.load(open(name)).values():
        for key in ("title", "description"):
            if key in entry:
                print(f"_({json.dumps(entry[key])})")
PY
printf 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
{
    find htdocs -name '*.js' | sort | xargs xgettext --language=JavaScript --keyword=_ --from-code=UTF-8 --no-location --omit-header --no-wrap --output=-
    echo
    xgettext --language=JavaScript --keyword=_ --from-code=UTF-8 --no-location --omit-header --no-wrap --output=- "$collected"
} | msguniq --no-wrap --sort-output --to-code=UTF-8 -
