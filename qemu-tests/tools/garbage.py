#!/usr/bin/env python3
"""garbage.py COUNT ADDRESS:PORT...: random, truncated and oversized datagrams to each; reports answers.

No answer to a datagram nobody authenticated may be larger than the datagram, and there is one at most. Each datagram
has a socket of its own, so that every answer is known to be to it.
"""
import json
import os
import random
import resource
import select
import socket
import sys
import time

count, targets = int(sys.argv[1]), sys.argv[2:]
random.seed(1)
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 64, count + 64))
sent = refused = answered = 0
larger = {}  # per target


def take(s, target, data, got):
    """Adds what has come to the socket to `got`, the answers to `data`."""
    global answered
    while True:
        try:
            got.append(len(s.recv(65535)))
        except BlockingIOError:
            return
        except OSError:
            continue  # an ICMP error: no answer of the daemon's
        answered += 1
        if sum(got) > len(data) or len(got) > 1:
            larger.setdefault(target, f"{got} bytes to {len(data)}: {data[:32].hex()}")


for target in targets:
    host, _, port = target.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    asked = {}
    waiting = select.epoll()

    def answers(seconds):
        for fd, _ in waiting.poll(seconds, 256):
            take(*asked[fd])

    for i in range(count):
        # Every type byte with every small length first, then whatever comes.
        size = i // 32 % 64 if i < 2048 else random.choice([0, 1, 31, 32, 64, 148, 512, 1280, 1472, 1500, 9000, 65000])
        data = bytes([i % 32])[:size] + os.urandom(max(0, size - 1))
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setblocking(False)
        s.connect((host.strip("[]"), int(port)))
        try:
            s.send(data)
            sent += 1
        except OSError:
            refused += 1
        asked[s.fileno()] = (s, target, data, [])
        waiting.register(s.fileno(), select.EPOLLIN)
        if i % 64 == 0:
            answers(0.002)
    # The last ones are still on their way.
    end = time.monotonic() + 0.5
    while (left := end - time.monotonic()) > 0:
        answers(left)
    waiting.close()
    for s, *_ in asked.values():
        s.close()
ok = not larger and sent >= len(targets) * count * 9 // 10
print(json.dumps({"ok": ok, "sent": sent, "refused": refused, "answered": answered, "larger": larger}))
sys.exit(0 if ok else 1)
