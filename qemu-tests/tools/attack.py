#!/usr/bin/env python3
"""What an attacker sends who sits on the servers' segment and writes any source address into his packets.

attack.py KIND --seconds S [--dc IP --dc-key KEY] [--rs IP] [--gw IP --gw-key KEY] [--pcap FILE...]

    handshakes   openers of the right length, half of them with the right mac1
    paths        relay binds, control and data packets, with path ids that are random or were captured
    replay       captured datagrams, from their own and from other sources
    forged       what claims to come from the coordinator, the relay or the peer, and does not
    dns          questions to the coordinator's name server, and connections to it that are held open

Datagrams are made before, then sent as fast as --rate (a second, all together) allows. Prints one JSON object.

Each packet carries the mark DSCP (lib/attacker.sh counts by it), whatever its source. Made-up sources are
11.N.0.0/16, N by what is sent, so that the answers to each kind can be told apart.
"""
import argparse
import base64
import collections
import hashlib
import itertools
import json
import os
import random
import resource
import socket
import struct
import sys
import time

opts = argparse.ArgumentParser()
opts.add_argument("kind", choices=["handshakes", "paths", "replay", "forged", "dns"])
opts.add_argument("--seconds", type=float, required=True)
opts.add_argument("--rate", type=int, default=40000)
opts.add_argument("--dc")
opts.add_argument("--rs")
opts.add_argument("--gw")
opts.add_argument("--dc-key")
opts.add_argument("--gw-key")
opts.add_argument("--peer", nargs="*", default=[], help="addresses the victims' peers send from")
opts.add_argument("--zone", default="ntm.test")
opts.add_argument("--pcap", nargs="*", default=[])
opts = opts.parse_args()
random.seed(1)
PORT = 4750
POOL = 4096
DSCP = 42
# N of made-up sources for openers with the right mac1 and without it; relay messages and datagrams have their kind's byte.
OTHERS, RIGHT, WRONG = 0, 1, 2


def key(text):
    return base64.b64decode(text)


def mac1(public, before):
    k = hashlib.blake2s(b"ntm mac1" + public).digest()
    return hashlib.blake2s(before, key=k, digest_size=16).digest()


def stranger(n=OTHERS):
    return f"11.{n}.{random.randrange(256)}.{random.randrange(1, 255)}", random.randrange(1024, 65536)


def packet(source, sport, to, dport, payload):
    """An IPv4 packet with UDP, without checksum; the kernel fills in the header's."""
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    return struct.pack("!BBHHHBBH4s4s", 0x45, DSCP << 2, 20 + len(udp), 0, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(to)) + udp


def opening(kind, path, second=1):
    return struct.pack("!BBHI", kind, second, 0, path)


def init(public, path, payload=0):
    """A first handshake message: noise in the place of Noise, mac1 right if `public` is known."""
    body = opening(1, path) + os.urandom(4) + bytes(4) + os.urandom(96 + payload)
    return body + (mac1(public, body) if public else os.urandom(16)) + bytes(16)


def captured():
    """(source, sport, destination, dport, payload) of every IPv4 UDP datagram of the captures."""
    seen = set()
    for name in opts.pcap:
        data = open(name, "rb").read()
        at = 24
        while at + 16 <= len(data):
            size = struct.unpack_from("<I", data, at + 8)[0]
            frame = data[at + 16 : at + 16 + size]
            at += 16 + size
            if frame[12:14] != b"\x08\x00" or frame[23] != 17:
                continue
            ip = frame[14:]
            head = (ip[0] & 15) * 4
            sport, dport, length, _ = struct.unpack_from("!HHHH", ip, head)
            one = (socket.inet_ntoa(ip[12:16]), sport, socket.inet_ntoa(ip[16:20]), dport, bytes(ip[head + 8 : head + length]))
            if PORT in (sport, dport) and one not in seen:
                seen.add(one)
                yield one


CAPTURED = list(captured())
IDS = sorted({struct.unpack_from("!I", p, 4)[0] for *_, p in CAPTURED if len(p) >= 8})
TARGETS = [t for t in (opts.dc, opts.rs, opts.gw) if t]
KEYS = {opts.dc: opts.dc_key and key(opts.dc_key), opts.gw: opts.gw_key and key(opts.gw_key), opts.rs: None}


def some_id():
    return random.choice(IDS) if IDS and random.random() < 0.5 else random.getrandbits(32)


def handshakes():
    for i in range(POOL):
        to = TARGETS[i % len(TARGETS)]
        public = KEYS[to] if i // len(TARGETS) % 2 else None
        tunnel = to != opts.dc
        source = stranger(RIGHT if public else WRONG)
        yield packet(*source, to, PORT, init(public, some_id() if tunnel else 0, 12 if tunnel else 0))


def paths():
    for i in range(POOL):
        to = TARGETS[i % len(TARGETS)]
        path = some_id()
        payload = random.choice([
            opening(16, path) + os.urandom(8) + bytes(40) + os.urandom(16),
            opening(18, path) + os.urandom(64),
            opening(4, path, 0) + os.urandom(8 + 64),
            opening(5, path, 0) + os.urandom(8 + 200),
        ])
        yield packet(*stranger(payload[0]), to, PORT, payload)


def replay():
    ours = [c for c in CAPTURED if c[2] in TARGETS]
    for source, sport, to, dport, payload in itertools.islice(itertools.cycle(ours), max(POOL, 2 * len(ours))):
        if random.random() < 0.5:
            source, sport = stranger()
        yield packet(source, sport, to, dport, payload)


def forged():
    told = [(s, sp) for s, sp, d, _, _ in CAPTURED if d in TARGETS]
    for i in range(POOL):
        to = TARGETS[i % len(TARGETS)]
        source = random.choice([(opts.dc, PORT), (opts.rs, PORT), *told])
        while source[0] == to:
            source = random.choice([(opts.dc, PORT), (opts.rs, PORT), *told])
        path = random.choice(IDS)
        payload = random.choice([
            opening(4, path, 0) + struct.pack("!Q", random.randrange(1, 1 << 20)) + os.urandom(random.choice([80, 220, 400])),
            opening(5, path, random.randrange(4)) + struct.pack("!Q", random.randrange(1, 1 << 20)) + os.urandom(120),
            init(KEYS[to], path, 12),
            opening(2, path) + os.urandom(8 + 32 + 16 + 16),
            opening(3, path) + os.urandom(32),
            opening(16, path) + os.urandom(8) + bytes(40) + os.urandom(16),
            opening(17, path) + os.urandom(64),
            opening(19, path) + os.urandom(64),
            opening(6, path, 0),
            opening(6, 0, 0),
        ])
        yield packet(*source, to, PORT, payload)


def name(text):
    return b"".join(bytes([len(l)]) + l.encode() for l in text.split(".")) + b"\0"


def dns():
    for i in range(POOL):
        label = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=12))
        full = random.choice([f"{label}.{opts.zone}", f"{label}.home.{opts.zone}", f"camera.home.{opts.zone}", opts.zone])
        edns = b"\0" + struct.pack("!HHIH", 41, 4096, 0, 0) if i % 2 else b""
        head = struct.pack("!HHHHHH", random.getrandbits(16), 0x0100, 1, 0, 0, bool(edns))
        question = name(full) + struct.pack("!HH", random.choice([1, 28, 6, 255, 16, 2]), 1)
        yield packet(*stranger(), opts.dc, 53, head + question + edns)


class Held:
    """TCP connections to the name server, never used, made again when it ends them."""

    def __init__(self, count):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        self.all, self.count = [], count

    def keep(self):
        alive = []
        for s in self.all:
            try:
                if s.recv(1) == b"":
                    s.close()
                    continue
            except BlockingIOError:
                pass
            except OSError:
                s.close()
                continue
            alive.append(s)
        while len(alive) < self.count:
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((opts.dc, 53))
            alive.append(s)
        self.all = alive


pool = list({"handshakes": handshakes, "paths": paths, "replay": replay, "forged": forged, "dns": dns}[opts.kind]())
if not pool:
    sys.exit("nothing to send: are the captures empty?")
held = Held(200) if opts.kind == "dns" else None
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
to = [(socket.inet_ntoa(p[16:20]), 0) for p in pool]
begin = time.monotonic()
sent = refused = at = 0
refused_to = collections.Counter()
while (now := time.monotonic() - begin) < opts.seconds:
    if held and sent % 1024 == 0:
        held.keep()
    if sent > now * opts.rate:
        time.sleep(0.002)
        continue
    for _ in range(64):
        try:
            raw.sendto(pool[at], to[at])
        except OSError:
            refused += 1
            refused_to[to[at][0]] += 1
        at = (at + 1) % len(pool)
    sent += 64
taken = time.monotonic() - begin
tries = collections.Counter()
for i, (address, _) in enumerate(to):
    tries[address] += sent // len(pool) + (i < sent % len(pool))
print(json.dumps({"sent": sent - refused, "to": {a: n - refused_to[a] for a, n in tries.items()}, "refused": refused, "made": len(pool), "seconds": round(taken, 1),
                  "per_second": round((sent - refused) / taken), "ids": len(IDS)}))
