#!/usr/bin/env python3
"""garbage.py COUNT ADDRESS:PORT...: random, truncated and oversized datagrams to each; reports answers.

No answer to a datagram nobody authenticated may be larger than the datagram.
"""
import collections
import json
import os
import random
import select
import socket
import sys

count, targets = int(sys.argv[1]), sys.argv[2:]
random.seed(1)
sent = answered = 0
larger = {}  # per target
for target in targets:
    host, _, port = target.rpartition(":")
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((host.strip("[]"), int(port)))
    recent = collections.deque(maxlen=128)  # an answer may be to any of these
    for i in range(count):
        # Every type byte with every small length first, then whatever comes.
        size = i // 32 % 64 if i < 2048 else random.choice([0, 1, 31, 32, 64, 148, 512, 1280, 1472, 1500, 9000, 65000])
        data = bytes([i % 32])[:size] + os.urandom(max(0, size - 1))
        try:
            s.send(data)
        except OSError:
            pass  # an ICMP error of an earlier one
        sent += 1
        recent.append(len(data))
        while select.select([s], [], [], 0.002 if i % 64 == 0 else 0)[0]:
            try:
                got = s.recv(65535)
            except OSError:
                break
            answered += 1
            if len(got) > max(recent):
                larger[target] = larger.get(target, f"{len(got)} bytes to {data[:32].hex()}")
print(json.dumps({"ok": not larger, "sent": sent, "answered": answered, "larger": larger}))
sys.exit(1 if larger else 0)
