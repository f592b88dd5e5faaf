#!/usr/bin/env python3
"""icount.py PROGRAM BEFORE: instructions a packet takes, out and in, now and as kept in BEFORE (JSON).

Counted by callgrind as the difference of two runs, so that what comes before the first packet does not count. It is the
same again for the same program, whatever else the machine does. With UPDATE set BEFORE is written anew; more than 2 % above
it is an error.
"""
import json
import os
import re
import subprocess
import sys

program, kept = sys.argv[1], sys.argv[2]
SHORT, LONG = 460, 2300
CASES = [(cipher, segments) for cipher in ("chacha", "aes") for segments in (1, 46)]


def instructions(*words):
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, *map(str, words)],
                         capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not found:
        sys.exit(f"valgrind: {run.stderr.strip()[-300:]}")
    return int(found[1])


def per_packet(cipher, segments, *more):
    return (instructions(cipher, segments, LONG, *more) - instructions(cipher, segments, SHORT, *more)) / (LONG - SHORT)


now = {}
for cipher, segments in CASES:
    name = f"{cipher}, {'one by one' if segments == 1 else 'of a super-packet'}"
    out = per_packet(cipher, segments)
    both = per_packet(cipher, segments, "open")
    now[name] = {"out": round(out), "in": round(both - out)}
try:
    before = json.load(open(kept))
except OSError:
    if not os.environ.get("UPDATE"):
        sys.exit(f"{kept} is missing: UPDATE=1 makes it")
    before = {}
worse = []
print(f"{'instructions a packet of 1,400 bytes':<38}{'out':>8}{'before':>8}{'in':>8}{'before':>8}")
for name, row in now.items():
    old = before.get(name, {})
    print(f"{name:<38}{row['out']:>8}{old.get('out', '-'):>8}{row['in']:>8}{old.get('in', '-'):>8}")
    worse += [f"{name}, {way}" for way in row if row[way] > old.get(way, row[way]) * 1.02]
if os.environ.get("UPDATE"):
    json.dump(now, open(kept, "w"), indent=1)
    print(f"kept in {kept}")
elif worse:
    print(f"more than before: {'; '.join(worse)}; if that is meant, UPDATE=1", file=sys.stderr)
print(json.dumps({"bench": "icount", "now": now, "before": before}, separators=(",", ":")))
sys.exit(1 if worse and not os.environ.get("UPDATE") else 0)
