#!/usr/bin/env python3
"""Talks to another host's services and checks every answer.

talk.py tcp HOST --stop FILE   one line each 100 ms over one connection, every echo verified
talk.py udp HOST --stop FILE   a datagram each --interval ms; --trace writes `sent received` times

Ends after --seconds or when the file --stop appears; prints one JSON object.
"""
import argparse
import json
import os
import select
import socket
import sys
import time

import markers

opts = argparse.ArgumentParser()
opts.add_argument("kind", choices=["tcp", "udp"])
opts.add_argument("host")
opts.add_argument("--seconds", type=float, default=600)
opts.add_argument("--stop")
opts.add_argument("--interval", type=int, default=100)
opts.add_argument("--size", type=int, default=200)
opts.add_argument("--trace")
opts = opts.parse_args()
START = time.monotonic()


def done():
    return time.monotonic() - START > opts.seconds or bool(opts.stop and os.path.exists(opts.stop))


def percentile(values, p):
    return round(sorted(values)[min(len(values) - 1, int(len(values) * p))] * 1000, 2) if values else None


def report(**figures):
    print(json.dumps(figures), flush=True)
    sys.exit(0 if figures["ok"] else 1)


def tcp():
    """The session: nothing may be lost, reordered or altered, and the connection may not end."""
    try:
        s = socket.create_connection((opts.host, 7000), timeout=20)
    except OSError as e:
        report(ok=False, error=f"cannot connect to {opts.host}: {e}")
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(60)
    answers = s.makefile("rb")
    trips, seq = [], 0
    try:
        while not done():
            line = markers.LINE + b"%08d\n" % seq
            sent = time.monotonic()
            s.sendall(line)
            got = answers.readline()
            if got != line:
                report(ok=False, error=f"line {seq} came back as {got[:80]!r}", lines=seq)
            trips.append(time.monotonic() - sent)
            seq += 1
            time.sleep(max(0, opts.interval / 1000 - trips[-1]))
    except OSError as e:
        report(ok=False, error=f"the session broke after {seq} lines: {e}", lines=seq)
    report(ok=seq > 0, lines=seq, rtt_ms=percentile(trips, 0.5), longest_gap_ms=percentile(trips, 1))


def udp():
    """The exchange: counts what came back; with --trace, when, so that gaps can be placed."""
    try:
        family, _, _, _, to = socket.getaddrinfo(opts.host, 7001, type=socket.SOCK_DGRAM)[0]
    except OSError as e:
        report(ok=False, error=f"no address for {opts.host}: {e}")
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.connect(to)
    s.setblocking(False)
    sent, got, altered = [], {}, 0
    newest, reordered, twice = -1, 0, 0
    due = time.time()
    pad = b"x" * opts.size
    end = None
    while True:
        now = time.time()
        if end is None and done():
            end = now + 1.0  # the last answers are still on their way
        if end is not None and now >= end:
            break
        if end is None and now >= due:
            try:
                s.send((markers.DATAGRAM + b"%08d " % len(sent) + pad)[: max(opts.size, 40)])
            except OSError:
                pass  # no route at this moment: lost, and counted as such
            sent.append(now)
            due = max(due + opts.interval / 1000, now - 0.1)
        select.select([s], [], [], max(0, min(due if end is None else end, now + 0.1) - now))
        while True:
            try:
                data = s.recv(65535)
            except OSError:
                break
            head = data[len(markers.DATAGRAM) :][:8]
            if data.startswith(markers.DATAGRAM) and head.isdigit() and int(head) < len(sent):
                twice += int(head) in got
                reordered += int(head) < newest and int(head) not in got
                newest = max(newest, int(head))
                got.setdefault(int(head), time.time())
            else:
                altered += 1
    if opts.trace:
        with open(opts.trace, "w") as f:
            for seq, at in enumerate(sent):
                f.write(f"{at:.6f} {got.get(seq, 0):.6f}\n")
    trips = [at - sent[seq] for seq, at in got.items()]
    report(ok=bool(got) and not altered, sent=len(sent), received=len(got), altered=altered, reordered=reordered, twice=twice,
           rtt_ms=percentile(trips, 0.5), longest_ms=percentile(trips, 1))


{"tcp": tcp, "udp": udp}[opts.kind]()
