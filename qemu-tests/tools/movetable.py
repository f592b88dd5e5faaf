#!/usr/bin/env python3
"""movetable.py FOLDER PICTURE NAME...: a table of what the moves cost, the picture, and one JSON line of all by name.

FOLDER/NAME.json is the last line of the scenario move-NAME, or FOLDER/NAME.1.json, NAME.2.json... those of several worlds
that shared its repeats. A NAME like wireguard/both is another's: FOLDER/wireguard-both.json, the last line of move-peers.
"""
import glob
import json
import os
import statistics
import sys

import movecosts
import movesvg


def ms(value):
    return "-" if value is None else f"{value:.0f}"


def row(name, d):
    gap = d.get("gap_ms", {})
    resume = d.get("resume_ms", {}).get("worst") if any("resume" in aim for aim in d.get("aim", [])) else None
    verdict = "ok" if d["ok"] else "FAILED: " + d.get("error", "")[:60]
    if d["ok"] and d.get("aims_missed"):
        verdict = "missed: " + "; ".join(d["aims_missed"])
    if "given_up" in d:
        verdict = "in the end not back after 60 s" if d["given_up"] else ""
    if d.get("left_ms"):
        verdict += f", left after {statistics.median(d['left_ms']) / 1000:.1f} s"
    return [name, ms(d.get("rtt_ms")), *(ms(gap.get(k)) for k in ("p50", "p99", "worst")), ms(resume),
            str(d.get("udp_lost", "-")), str(d.get("tcp_lost", "-")), str(d.get("repeats", "-")), verdict]


def lines_of(name):
    for path in sorted(glob.glob(os.path.join(folder, glob.escape(name.replace("/", "-")) + ".*json"))):
        with open(path) as f:
            yield json.load(f)


def read(name):
    parts = list(lines_of(name))
    if "/" not in name:
        return movecosts.together(parts)
    line = whole = parts[0] if parts else {}
    for key in name.split("/"):
        line = line.get(key, {})
    return {"ok": "gap_ms" in line, "error": whole.get("error", "could not be played"), **line}


def table(title, head, rows, left):
    lines = [head] + rows
    wide = [max(len(line[i]) for line in lines) for i in range(len(head))]
    print(f"\n{title}")
    for line in lines:
        cells = (c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, wide)))
        print("  ".join(cells).rstrip())


folder, picture, *names = sys.argv[1:]
moves = {name: read(name) for name in names if "/" not in name}
others = {name: read(name) for name in names if "/" in name}
table("gaps in milliseconds, from the moment the network could be used",
      ["move", "rtt", "p50", "p99", "worst", "resume", "udp lost", "tcp lost", "repeats", "aims"],
      [row(name, d) for name, d in {**moves, **others}.items()], (0, 9))
steps = ["handovers", "detect", "address", "register", "direct", "tunnel", "packet", "again", "lost"]
table("what the moving router has on record: medians in milliseconds, side by side from the event", ["move", *steps],
      [[name, *(ms(d["steps_ms"].get(s)) for s in steps)] for name, d in moves.items() if "steps_ms" in d], (0,))
print("(figure 11 of paper 001 has its times of these steps, but for address, on a network without delay; there nearly all of the "
      "time is Wi-Fi's. Paper 003 needed about 3 s for both.)")
made = sum(d.get("repeats", 0) for d in moves.values())
print(f"\n{made} moves, {sum(d.get('tcp_lost', 0) for d in moves.values())} TCP sessions lost")
with open(picture, "w") as f:
    f.write(movesvg.drawn(moves, others))


def short(d):
    return {k: v for k, v in d.items() if k not in ("each", "handovers")}


peers = {}
for name, d in others.items():
    tool, move = name.split("/")
    peers.setdefault(tool, {})[move] = short(d)
all_well = all(d["ok"] for d in {**moves, **others}.values())
print(json.dumps({"scenario": "moves", "ok": all_well,
                  "moves": {name: short(d) for name, d in moves.items()}, "peers": peers}, separators=(",", ":")))
sys.exit(not all_well)
