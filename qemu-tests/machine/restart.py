#!/usr/bin/env python3
"""restart.py CONSOLE_LOG MOMENTS: the phases of the daemon's last restart by the guest's own clock, as JSON, in milliseconds.

The log has the daemon's words, MOMENTS lines `NAME TIME` of what happened around it. A crash is not told to stop.
"""
import datetime
import json
import re
import sys

STEPS = ("asked", "told", "stopped", "ended", "begins", "runs", "registered", "tunnel")
WORDS = {"stopped": "stopped", "runs with the virtual address": "runs", "registered with the": "registered", "a tunnel is up": "tunnel"}


def words(path):
    """Steps in the order of the log: its times may jump."""
    for line in open(path, errors="replace"):
        found = re.search(r" ntm-gateway: (\d{4}-\S+)Z +INFO (.*)", line)
        step = found and next((s for w, s in WORDS.items() if found[2].startswith(w) or s == "runs" and w in found[2]), None)
        if step:
            yield step, datetime.datetime.fromisoformat(found[1])


def moments(text):
    for line in text.splitlines():
        name, day, time, *_ = line.split()
        yield name, datetime.datetime.fromisoformat(f"{day}T{time[:15]}")


said = list(words(sys.argv[1]))
runs = max((i for i, (step, _) in enumerate(said) if step == "runs"), default=0)
first = runs - 1 if runs and said[runs - 1][0] == "stopped" else runs
at = dict(moments(sys.argv[2]))
for step, when in said[first:]:
    at.setdefault(step, when)
steps = [s for s in STEPS if s in at]
phases = {f"{a}_to_{b}": round((at[b] - at[a]).total_seconds() * 1000) for a, b in zip(steps, steps[1:])}
print(json.dumps(phases))
missing = [s for s in STEPS if s not in at and not (s in ("told", "stopped") and "told" not in at)]
sys.exit(f"not known: {missing}" if missing else 0)
