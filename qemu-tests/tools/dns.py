#!/usr/bin/env python3
"""The Internet's DNS: example.org and its web server, delegations, NXDOMAIN for the rest. And rebind.example.net, whose
owner says that it is in everybody's LAN.

dns.py ADDRESS... --web V4 V6 --delegate ntm.test=ADDRESS...
"""
import argparse
import socket
import struct
import threading

opts = argparse.ArgumentParser()
opts.add_argument("address", nargs="+")
opts.add_argument("--web", nargs=2, required=True)
opts.add_argument("--delegate", nargs="*", default=[])
opts = opts.parse_args()
ZONES = dict(zone.split("=") for zone in opts.delegate)
NAMES = dict.fromkeys(("example.org", "www.example.org"), opts.web) | {"rebind.example.net": ("192.168.1.1", None)}


def question(query):
    """The queried name in lower case, the type, and where the question ends."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    return ".".join(labels), struct.unpack("!H", query[at + 1 : at + 3])[0], at + 5


def answer(query):
    name, kind, end = question(query)
    server = next((s for z, s in ZONES.items() if ("." + name).endswith("." + z)), None)
    if server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(2)
            s.sendto(query, (server, 53))
            return s.recv(4096)
    data = b""
    known = name in NAMES
    if known and kind == 1:
        data = socket.inet_aton(NAMES[name][0])
    if known and kind == 28 and NAMES[name][1]:
        data = socket.inet_pton(socket.AF_INET6, NAMES[name][1])
    record = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data if data else b""
    head = query[:2] + struct.pack("!HHHHH", 0x8180 if known else 0x8183, 1, bool(record), 0, 0)
    return head + query[12:end] + record


def serve(address):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 53))
    while True:
        query, who = s.recvfrom(4096)
        threading.Thread(target=one, args=(s, query, who), daemon=True).start()


def one(s, query, who):
    try:
        s.sendto(answer(query), who)
    except (OSError, IndexError, struct.error):
        pass


threads = [threading.Thread(target=serve, args=(a,)) for a in opts.address]
for t in threads:
    t.start()
