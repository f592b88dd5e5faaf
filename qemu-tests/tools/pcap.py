#!/usr/bin/env python3
"""Reads captures of WANs and looks for anything of the inside in clear.

pcap.py FILE... --inner ADDRESS...

Checked in every frame: no IP header with a LAN's or a virtual address; no marker of the scenarios'
plaintext; in UDP payloads no inner address, neither an IPv4 pair as an IP header has it, nor one
address more often than chance in sealed bytes allows. Prints one JSON object with the bytes sent
to each remote address, so that the path is known from the wire and not from the daemons' word.
"""
import argparse
import collections
import ipaddress
import itertools
import json
import struct
import sys

import markers

opts = argparse.ArgumentParser()
opts.add_argument("files", nargs="+")
opts.add_argument("--inner", nargs="*", default=[], help="LAN and virtual addresses of the hosts")
opts = opts.parse_args()
FORBIDDEN = [ipaddress.ip_network(n) for n in ("192.168.1.0/24", "198.18.0.0/15")]
INNER = [ipaddress.ip_address(a) for a in opts.inner]
INNER4 = [a.packed for a in INNER if a.version == 4]
INNER6 = [a.packed for a in INNER if a.version == 6]
NEEDLES = markers.ALL + INNER6 + [a + b for a, b in itertools.permutations(INNER4, 2)]
found = collections.Counter()
single = collections.defaultdict(set)
sealed_bytes = 0
remotes = collections.Counter()
frames = 0


def packets(path):
    """Yields the IP packets of one capture."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if frame[12:14] in (b"\x08\x00", b"\x86\xdd"):
            yield frame[14:]


def header(packet):
    """Source, destination, protocol, payload."""
    if packet[0] >> 4 == 4:
        return packet[12:16], packet[16:20], packet[9], packet[(packet[0] & 15) * 4 :]
    return packet[8:24], packet[24:40], packet[6], packet[40:]


def look(path, packet):
    global sealed_bytes
    src, dst, protocol, payload = header(packet)
    for raw in (src, dst):
        a = ipaddress.ip_address(raw)
        if a in INNER or any(a.version == 4 and a in n for n in FORBIDDEN):
            found[f"{path}: {a} in an IP header"] += 1
    for needle in NEEDLES:
        if needle in payload:
            found[f"{path}: {needle!r} in clear"] += 1
    if protocol != 17:
        return
    remotes[str(ipaddress.ip_address(dst))] += len(payload)
    sealed_bytes += len(payload)
    for a in INNER4:
        if a in payload:
            single[a].add(hash(payload))


for path in opts.files:
    name = path.rsplit("/", 1)[-1]
    before = frames
    for packet in packets(path):
        frames += 1
        look(name, packet)
    if frames == before:
        found[f"{name}: no frame captured"] += 1
# Sealed bytes are random: each address turns up once in 2^32 places. One datagram is seen on several WANs,
# so different datagrams are counted.
for a, n in ((a, len(payloads)) for a, payloads in single.items()):
    if n > 3 + 10 * sealed_bytes / 2**32:
        found[f"{ipaddress.ip_address(a)} in {n} UDP payloads"] += n
ok = not found
print(json.dumps({"ok": ok, "frames": frames, "udp_bytes": sealed_bytes, "in_clear": dict(found.most_common(8)),
                  "bytes_to": dict(remotes.most_common(6))}))
sys.exit(0 if ok else 1)
