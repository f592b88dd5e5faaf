#!/usr/bin/env python3
"""announce.py IFACE ADDRESS --seconds S: says by ARP, ten times a second, that ADDRESS is here."""
import argparse
import socket
import struct
import time

opts = argparse.ArgumentParser()
opts.add_argument("iface")
opts.add_argument("address")
opts.add_argument("--seconds", type=float, default=5)
opts = opts.parse_args()
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
raw.bind((opts.iface, 0x0806))
mac, ip = raw.getsockname()[4], socket.inet_aton(opts.address)
end = time.monotonic() + opts.seconds
while time.monotonic() < end:
    for kind in (1, 2):
        arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, kind, mac, ip, b"\xff" * 6, ip)
        raw.send(b"\xff" * 6 + mac + b"\x08\x06" + arp)
    time.sleep(0.1)
