#!/usr/bin/env python3
"""logins.py GATEWAY DIR STOP: starts a gateway again and again until STOP exists, and times each registration.

Timed from the start of the process until it says that the coordinator knows it; one that takes longer than
ten seconds counts as ten. Prints one JSON object.
"""
import json
import os
import select
import subprocess
import sys
import time

binary, state, stop = sys.argv[1:]
times, failed = [], 0
while not os.path.exists(stop):
    begin = time.monotonic()
    p = subprocess.Popen([binary, "run", "--dir", state], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.set_blocking(p.stdout.fileno(), False)
    text, taken = b"", None
    while time.monotonic() - begin < 10 and p.poll() is None:
        if not select.select([p.stdout], [], [], 0.1)[0]:
            continue
        text += p.stdout.read() or b""
        if b"registered with the coordinator" in text:
            taken = time.monotonic() - begin
            break
    p.terminate()
    try:
        p.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        p.kill()
        p.communicate()
    if taken is None:
        failed += 1
        print(text.decode(errors="replace")[-500:], file=sys.stderr)
    times.append(10.0 if taken is None else taken)
    time.sleep(0.2)
times.sort()
at = lambda p: round(times[min(len(times) - 1, int(len(times) * p))] * 1000) if times else None
print(json.dumps({"count": len(times), "failed": failed, "median_ms": at(0.5), "p99_ms": at(0.99), "longest_ms": at(1)}))
