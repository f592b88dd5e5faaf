#!/usr/bin/env python3
"""restart.py CONSOLE_LOG: the daemon's last restart by the guest's own clock, as JSON: when it had stopped, when the next one
ran, and when a tunnel was up again, in milliseconds from one to the next. A crash has no `stopped`."""
import datetime
import json
import re
import sys

STEPS = ("stopped", "runs with the virtual address", "a tunnel is up")
events = []
for line in open(sys.argv[1], errors="replace"):
    found = re.search(r" ntm-gateway: (\d{4}-\S+)Z +INFO (.*)", line)
    step = next((i for i, s in enumerate(STEPS) if s in found[2]), None) if found else None
    if step is not None:
        events.append((step, datetime.datetime.fromisoformat(found[1])))
runs = max(i for i, (step, _) in enumerate(events) if step == 1)
figures = {}
if runs and events[runs - 1][0] == 0:
    figures["stopped_to_runs_ms"] = events[runs][1] - events[runs - 1][1]
if runs + 1 < len(events) and events[runs + 1][0] == 2:
    figures["runs_to_tunnel_ms"] = events[runs + 1][1] - events[runs][1]
print(json.dumps({k: round(v.total_seconds() * 1000) for k, v in figures.items()}))
sys.exit(0 if "runs_to_tunnel_ms" in figures else 1)
