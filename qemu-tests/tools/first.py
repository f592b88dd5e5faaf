#!/usr/bin/env python3
"""first.py NAME: looks the name up, sends one datagram to its echo at once, and waits for the answer.

Without an answer it goes again each second, up to --tries times. Prints one JSON object: how long the
look-up took, and how long from the first datagram to the first answer.
"""
import argparse
import json
import os
import socket
import sys
import time

opts = argparse.ArgumentParser()
opts.add_argument("name")
opts.add_argument("--tries", type=int, default=10)
opts = opts.parse_args()

start = time.monotonic()
address = error = None
while address is None and time.monotonic() - start < 20:
    try:
        address = socket.getaddrinfo(opts.name, 7001, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    except OSError as e:
        error = str(e)
        time.sleep(0.05)
if address is None:
    print(json.dumps({"ok": False, "error": f"{opts.name}: {error}"}))
    sys.exit(1)
sent = time.monotonic()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
token = os.urandom(16)
ok, tries = False, 0
while tries < opts.tries and not ok:
    tries += 1
    try:
        s.sendto(token, address)
        got, who = s.recvfrom(2048)
        ok = (got, who) == (token, address)
    except OSError as e:
        error = str(e)
print(json.dumps({"ok": ok, "address": address[0], "lookup_ms": round((sent - start) * 1000, 1),
                  "answer_ms": round((time.monotonic() - sent) * 1000, 1), "tries": tries}
                 | ({} if ok else {"error": f"no answer from {address[0]}: {error}"})))
sys.exit(0 if ok else 1)
