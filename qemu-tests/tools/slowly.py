#!/usr/bin/env python3
"""slowly.py URL FILE KIB_S: a download at this rate, steadily: what curl calls a limit lets ten times as much through after a gap.

Fails as the connection does, and where less came than was announced.
"""
import sys
import time
import urllib.request

PIECE = 16 * 1024

url, file, rate = sys.argv[1], sys.argv[2], float(sys.argv[3]) * 1024
began, got = time.monotonic(), 0
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer, open(file, "wb") as out:
    while piece := answer.read(PIECE):
        out.write(piece)
        got += len(piece)
        # Time that nothing came in is not made up for.
        began = max(began, time.monotonic() - got / rate - 1)
        time.sleep(max(0, began + got / rate - time.monotonic()))
    left = answer.length
if left:
    sys.exit(f"{left} bytes are missing")
