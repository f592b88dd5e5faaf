#!/usr/bin/env python3
"""A DHCP client with bad manners: rawdhcp.py IFACE. Asks for leases under hostnames no host should have.

Each hostname gets its own MAC. Prints one JSON object: how many asked and how many got an offer, an
acknowledgement. A server may refuse a name, but not the device.
"""
import json
import os
import select
import socket
import struct
import sys
import time

NAMES = [b"<script>alert(1)</script>", b'a"b', b"a'b;rm -rf /", b"two\nlines", b"nul\0byte", b"x" * 300, b"",
         b"..", b"-", b"\xff\xfe\xc3\x28", "büro".encode(), b"*", b"localhost", b"_dmarc", b"a.b.c.d", b"$(reboot)",
         b"twin", b"twin"]
IFACE = sys.argv[1]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
raw.bind((IFACE, 0))


def checksum(data):
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    s = (s & 0xFFFF) + (s >> 16)
    return ~(s + (s >> 16)) & 0xFFFF


def frame(mac, payload):
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\0" * 4, b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + mac + b"\x08\x00" + ip + udp


def option(code, value):
    """Options longer than 255 bytes are split (RFC 3396)."""
    parts = [value[i : i + 255] for i in range(0, len(value), 255)] or [b""]
    return b"".join(bytes([code, len(p)]) + p for p in parts)


def message(mac, xid, kind, name, extra=b""):
    head = struct.pack("!BBBBIHH16s16s192s4s", 1, 1, 6, 0, xid, 0, 0x8000, b"", mac, b"", b"\x63\x82\x53\x63")
    return head + option(53, bytes([kind])) + option(12, name) + extra + b"\xff"


def reply(xid, wanted):
    """The offered address and server of the next answer of this type; None after 2.5 s."""
    end = time.monotonic() + 2.5
    while (left := end - time.monotonic()) > 0:
        if not select.select([raw], [], [], left)[0]:
            break
        data = raw.recv(4096)
        p = data[42:]
        if data[23] != 17 or len(p) < 240 or p[0] != 2 or struct.unpack("!I", p[4:8])[0] != xid:
            continue
        at, options = 240, {}
        while at + 1 < len(p) and p[at] != 255:
            if p[at] == 0:
                at += 1
                continue
            options[p[at]] = p[at + 2 : at + 2 + p[at + 1]]
            at += 2 + p[at + 1]
        if options.get(53) in wanted:
            return p[16:20], options.get(54, b"")
    return None


offered = acked = 0
for i, name in enumerate(NAMES):
    mac, xid = bytes([2, 0, 0, 0, 0xBA, i]), struct.unpack("!I", os.urandom(4))[0]
    raw.send(frame(mac, message(mac, xid, 1, name)))
    offer = reply(xid, [b"\x02"])
    if not offer:
        continue
    offered += 1
    raw.send(frame(mac, message(mac, xid, 3, name, option(50, offer[0]) + option(54, offer[1]))))
    acked += reply(xid, [b"\x05"]) is not None
# And what is no DHCP at all.
for n in (0, 1, 100, 239, 240, 241, 600):
    raw.send(frame(b"\x02\0\0\0\xba\xff", os.urandom(n)))
mac = b"\x02\0\0\0\xba\xfe"
for cut in range(236, 262):
    raw.send(frame(mac, message(mac, 7, 1, b"cut")[:cut] + b"\x0c\xff"))
print(json.dumps({"asked": len(NAMES), "offered": offered, "acknowledged": acked}))
