#!/usr/bin/env python3
"""verdict.py SCENARIO STATUS OUT: the scenario's one JSON line."""
import json
import os
import sys

name, status, out = sys.argv[1:]
line = {"scenario": name, "ok": status == "0"}
if status != "0":
    try:
        line["error"] = open(os.path.join(out, "error"), errors="replace").read()
    except OSError:
        line["error"] = f"ended with status {status}"
# `a.b<TAB>1` becomes {"a": {"b": 1}}.
for row in open(os.path.join(out, "figures")):
    key, value = row.rstrip("\n").split("\t", 1)
    at = line
    *path, last = key.split(".")
    for step in path:
        at = at.setdefault(step, {})
    try:
        at[last] = json.loads(value)
    except ValueError:
        at[last] = value
print(json.dumps(line, separators=(",", ":")))
