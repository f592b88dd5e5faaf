#!/usr/bin/env python3
"""steady.py TRACE FROM_MS TO_MS: loss and longest gap of one stretch of a UDP exchange, as JSON.

Fails when one in a hundred or more is lost, or nothing came through for two seconds.
"""
import json
import sys

trace, start, end = sys.argv[1], float(sys.argv[2]) / 1000, float(sys.argv[3]) / 1000
rows = [tuple(map(float, line.split())) for line in open(trace)]
rows = [r for r in rows if start <= r[0] < end]
lost = sum(1 for _, got in rows if not got)
through = [start] + [at for at, got in rows if got] + [end]
gap = max(b - a for a, b in zip(through, through[1:]))
slow = max((got - at for at, got in rows if got), default=0)
print(json.dumps({"sent": len(rows), "lost": lost, "longest_gap_ms": round(gap * 1000), "longest_trip_ms": round(slow * 1000)}))
# One stray datagram of a short stretch is no hundredth.
sys.exit(0 if rows and lost <= max(1, len(rows) / 100) and gap <= 2 else 1)
