#!/usr/bin/env python3
"""Many hosts, each with each.

pairs.py serve NAME                        answers every datagram on port 7002 with its name and whom it saw
pairs.py ask HOSTS SELF PEER... [--by address] [--go FILE]
                                           asks all peers at once; HOSTS is JSON, name to virtual address
pairs.py sum FILE...                       adds the answers of many `ask` up

`ask` looks each peer's name up (with --by address it does not) and sends it a datagram. The answer must come
from the peer's virtual address, carry its name and our token, and tell that it saw our own virtual address.
A datagram without an answer goes again after a second, and each is known again by its answer: a first datagram
is lost if no answer to it comes within LATE seconds; one answered after more than a second was only late.
"""
import argparse
import json
import os
import socket
import sys
import threading
import time

PORT = 7002
TRIES = 10
LATE = 5  # seconds
opts = argparse.ArgumentParser()
opts.add_argument("what", choices=["serve", "ask", "sum"])
opts.add_argument("words", nargs="+")
opts.add_argument("--by", choices=["name", "address"], default="name")
opts.add_argument("--go")
opts = opts.parse_args()


def serve(name):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", PORT))
    while True:
        try:
            token, who = s.recvfrom(2048)
            s.sendto(b" ".join([name.encode(), who[0].encode(), token]), who)
        except OSError:
            pass  # an ICMP error of an earlier answer


def one(hosts, me, peer, row):
    """Fills `row` with what asking this peer gave; `error` if anything is not as it must be."""
    start = time.monotonic()
    address = hosts[peer]
    if opts.by == "name":
        try:
            found = socket.getaddrinfo(peer, PORT, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0]
        except OSError as e:
            row["error"] = f"no address: {e}"
            return
        row["lookup_ms"] = (time.monotonic() - start) * 1000
        if found != address:
            row["error"] = f"is {found}, not {address}"
            return
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    token, tries = os.urandom(8).hex(), 0
    want = f"{peer} {hosts[me]} {token}"
    first = time.monotonic()
    while tries < TRIES if "answer_ms" not in row else time.monotonic() - first < LATE:
        if "answer_ms" not in row and time.monotonic() - first >= tries:
            tries += 1
            try:
                s.sendto(f"{token}-{tries}".encode(), (address, PORT))
            except OSError as e:
                row["last"] = str(e)
        s.settimeout(max(0.001, first + (LATE if "answer_ms" in row else tries) - time.monotonic()))
        try:
            got, who = s.recvfrom(2048)
        except OSError as e:
            row["last"] = str(e)
            continue
        said, _, of = got.decode(errors="replace").rpartition("-")
        if (said, who) != (want, (address, PORT)):
            row["error"] = f"{who} says {got!r}, not {want!r}"
            return
        row.setdefault("answer_ms", (time.monotonic() - first) * 1000)
        if of == "1":
            row["first_ms"] = (time.monotonic() - first) * 1000
            return
    if "answer_ms" not in row:
        row["error"] = f"no answer: {row.get('last')}"


def ask(hosts, me, *peers):
    hosts = json.load(open(hosts))
    rows = [{"peer": p} for p in peers]
    threads = [threading.Thread(target=one, args=(hosts, me, r["peer"], r)) for r in rows]
    while opts.go and not os.path.exists(opts.go):
        time.sleep(0.02)
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(json.dumps({"me": me, "rows": rows}))


def total(*files):
    rows, bad = [], []
    for f in files:
        try:
            d = json.load(open(f))
        except ValueError as e:
            bad.append(f"{os.path.basename(f)}: {e}")
            continue
        rows += d["rows"]
        bad += [f"{d['me']} asks {r['peer']}: {r['error']}" for r in d["rows"] if "error" in r]
    largest = lambda key: round(max((r[key] for r in rows if key in r), default=0), 1)
    print(json.dumps({"ok": not bad and bool(rows), "pairs": len(rows), "failed": len(bad),
                      "slowest_lookup_ms": largest("lookup_ms"), "slowest_answer_ms": largest("answer_ms"),
                      "late": sum(r.get("first_ms", 0) > 1000 for r in rows),
                      "lost": sum("answer_ms" in r and "first_ms" not in r for r in rows), "errors": bad[:8]}))
    sys.exit(1 if bad or not rows else 0)


{"serve": serve, "ask": ask, "sum": total}[opts.what](*opts.words)
