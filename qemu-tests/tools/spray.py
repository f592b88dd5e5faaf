#!/usr/bin/env python3
"""spray.py SECONDS RATE NAME...: RATE datagrams a second of 1,200 bytes, to the hosts in turn; what the kernel refuses is no error."""
import socket
import sys
import time

seconds, rate = float(sys.argv[1]), int(sys.argv[2])


def found(name):
    for _ in range(20):
        try:
            return socket.gethostbyname(name)
        except OSError:
            time.sleep(0.2)
    sys.exit(f"{name} is not found")


targets = [(found(name), 9) for name in sys.argv[3:]]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
start, sent = time.monotonic(), 0
while (now := time.monotonic() - start) < seconds:
    while sent < now * rate:
        try:
            s.sendto(b"x" * 1200, targets[sent % len(targets)])
        except OSError:
            pass
        sent += 1
    time.sleep(0.005)
