#!/usr/bin/env python3
"""gaps.py TRACE EVENT_MS NEXT_MS: what a UDP trace says of the time after one event, as JSON.

`whole_again_ms`: from the event until the first datagram after the last outage, which is STRAY or more
lost in a row; 0 if there was none.
"""
import json
import sys

STRAY = 3
trace, event, until = sys.argv[1], float(sys.argv[2]) / 1000, float(sys.argv[3]) / 1000
rows = [tuple(map(float, line.split())) for line in open(trace)]
rows = [r for r in rows if event - 0.02 <= r[0] < until]
lost = [i for i, (_, got) in enumerate(rows) if not got]
outage = [i for i in lost if all(not rows[j][1] for j in range(max(0, i - STRAY + 1), i + 1))]
whole = 0
if outage:
    after = rows[outage[-1] + 1 :]
    whole = round((after[0][1] - event) * 1000) if after else None
slow = max((got - at for at, got in rows if got), default=0)
print(json.dumps({"whole_again_ms": whole, "datagrams_lost": len(lost), "sent": len(rows),
                  "longest_trip_ms": round(slow * 1000, 1)}))
sys.exit(0 if whole is not None and rows else 1)
