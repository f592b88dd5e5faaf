#!/usr/bin/env python3
"""lanflood.py RESOLVER ZONE SECONDS RATE: a LAN host asks for random names, ours and others, as fast as RATE allows.

Holds TCP connections to the resolver open beside. Prints one JSON object with the bytes asked and answered.
"""
import json
import random
import resource
import socket
import struct
import sys
import time

resolver, zone, seconds, rate = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
random.seed(2)
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))


def question(full):
    head = struct.pack("!HHHHHH", random.getrandbits(16), 0x0100, 1, 0, 0, 0)
    return head + b"".join(bytes([len(l)]) + l.encode() for l in full.split(".")) + b"\0" + struct.pack("!HH", 1, 1)


def label():
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=12))


pool = [question(f"{label()}.{random.choice(['home.' + zone, zone, 'example.net', 'example.com'])}") for _ in range(4096)]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.setblocking(False)
held = []
for _ in range(400):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex((resolver, 53))
    held.append(c)
begin = time.monotonic()
sent = refused = asked = answered = answers = 0
while (now := time.monotonic() - begin) < seconds:
    if sent <= now * rate:
        for _ in range(16):
            query = pool[sent % len(pool)]
            try:
                s.sendto(query, (resolver, 53))
                asked += len(query)
            except OSError:
                refused += 1
            sent += 1
    else:
        time.sleep(0.001)
    try:
        for _ in range(64):
            answered += len(s.recv(4096))
            answers += 1
    except OSError:
        pass
taken = time.monotonic() - begin
print(json.dumps({"sent": sent - refused, "per_second": round((sent - refused) / taken), "answers": answers, "asked_bytes": asked,
                  "answered_bytes": answered, "ratio": round(answered / max(asked, 1), 2)}))
