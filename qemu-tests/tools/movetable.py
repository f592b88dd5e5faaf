#!/usr/bin/env python3
"""movetable.py FOLDER PICTURE NAME...: a table of what the moves cost, the picture, and one JSON line of all by name.

FOLDER/NAME.json is the last line of the scenario move-NAME.
"""
import json
import os
import sys

import movesvg


def ms(value):
    return "-" if value is None else f"{value:.0f}"


def row(name, d):
    gap = d.get("gap_ms", {})
    resume = d.get("resume_ms", {}).get("worst") if any("resume" in aim for aim in d.get("aim", [])) else None
    verdict = "ok" if d["ok"] else "FAILED: " + d.get("error", "")[:60]
    if d["ok"] and d.get("aims_missed"):
        verdict = "missed: " + "; ".join(d["aims_missed"])
    return [name, ms(d.get("rtt_ms")), *(ms(gap.get(k)) for k in ("p50", "p99", "worst")), ms(resume),
            str(d.get("udp_lost", "-")), str(d.get("tcp_lost", "-")), str(d.get("repeats", "-")), verdict]


folder, picture, *names = sys.argv[1:]
all_of_them = {}
for name in names:
    with open(os.path.join(folder, name + ".json")) as f:
        all_of_them[name] = json.load(f)
head = ["move", "rtt", "p50", "p99", "worst", "resume", "udp lost", "tcp lost", "repeats", "aims"]
lines = [head] + [row(name, d) for name, d in all_of_them.items()]
wide = [max(len(line[i]) for line in lines) for i in range(len(head))]
print("\ngaps in milliseconds, from the moment the network could be used")
for line in lines:
    print("  ".join(c.ljust(w) if i in (0, 9) else c.rjust(w) for i, (c, w) in enumerate(zip(line, wide))).rstrip())
steps = ["handovers", "detect", "address", "register", "direct", "tunnel", "packet", "again", "lost"]
lines = [["move", *steps]]
for name, d in all_of_them.items():
    if "steps_ms" in d:
        lines.append([name, *(ms(d["steps_ms"].get(s)) for s in steps)])
wide = [max(len(line[i]) for line in lines) for i in range(len(steps) + 1)]
print("\nwhat the moving router has on record: medians in milliseconds, side by side from the event")
for line in lines:
    print("  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(line, wide))).rstrip())
with open(picture, "w") as f:
    f.write(movesvg.drawn(all_of_them))
print(json.dumps({"scenario": "moves", "ok": all(d["ok"] for d in all_of_them.values()),
                  "moves": {name: {k: v for k, v in d.items() if k != "gaps_ms"} for name, d in all_of_them.items()}},
                 separators=(",", ":")))
