#!/usr/bin/env python3
"""moment.py COMMAND...: starts all these commands at the same moment and waits for them.

Prints CLOCK_MONOTONIC before the first and after the last, in microseconds. Each COMMAND is one argument, split at spaces.
"""
import subprocess
import sys
import time


def now():
    return time.monotonic_ns() // 1000


before = now()
running = [subprocess.Popen(c.split(), stdout=subprocess.DEVNULL) for c in sys.argv[1:]]
failed = [p.args for p in running if p.wait() != 0]
print(before, now())
if failed:
    sys.exit(f"failed: {failed}")
