#!/usr/bin/env python3
"""One end of the traffic that runs while a router moves: traffic.py first|second PEER OUT --stop FILE

Between the two ends: numbered datagrams each 10 ms both ways, an interactive TCP session (a line each 100 ms from `first`,
echoed, not waited for), and one TCP connection with a known stream at --mbit both ways. Every byte is checked.
All namespaces share CLOCK_MONOTONIC; files hold microseconds of it:

OUT.sent   NUMBER SENT             datagrams of this end (also those that no route took)
OUT.udp    NUMBER SENT ARRIVED     datagrams of the other end
OUT.lines  NUMBER SENT RETURNED    (first)
OUT.bulk   BYTES ARRIVED           of the stream so far, a row each 50 ms
OUT.deaths AT SESSION WHY          a TCP session that ended or had wrong data in it; another one follows
"""
import argparse
import hashlib
import os
import selectors
import signal
import socket
import struct
import time

UDP, LINES, BULK = 7100, 7101, 7102
EVERY, LINE_EVERY, BULK_EVERY = 10_000, 100_000, 20_000
BLOCK = 1024
MAGIC = b"ntm-traffic"
DATAGRAM = struct.Struct("!11sIQ")

opts = argparse.ArgumentParser()
opts.add_argument("end", choices=["first", "second"])
opts.add_argument("peer")
opts.add_argument("out")
opts.add_argument("--stop", required=True)
opts.add_argument("--mbit", type=float, default=0.5)
opts.add_argument("--only-udp-from", choices=["first", "second"], help="nothing but datagrams, from this end")
opts = opts.parse_args()
FIRST = opts.end == "first"
FAMILY = socket.AF_INET6 if ":" in opts.peer else socket.AF_INET
selector = selectors.DefaultSelector()


def now():
    return time.monotonic_ns() // 1000


def file(name):
    return open(f"{opts.out}.{name}", "w", buffering=1)


def bound(kind, port):
    s = socket.socket(FAMILY, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    s.setblocking(False)
    return s


class Datagrams:
    """Numbered, from each end to the other."""

    def __init__(self):
        self.socket = bound(socket.SOCK_DGRAM, UDP)
        self.sends = opts.only_udp_from in (None, opts.end)
        self.number, self.due, self.until = 0, now(), None
        self.sent, self.got = file("sent"), file("udp")
        selector.register(self.socket, selectors.EVENT_READ, self.readable)

    def tick(self, at):
        while self.sends and not self.until and self.due <= at:
            self.sent.write(f"{self.number} {at}\n")
            try:
                self.socket.sendto(DATAGRAM.pack(MAGIC, self.number, at) + b"x" * 177, (opts.peer, UDP))
            except OSError:
                pass  # no route at this moment: lost, and counted as such
            self.number += 1
            # What the machine made us miss is not sent in one burst.
            self.due = max(self.due + EVERY, at - EVERY)
        return self.due if self.sends and not self.until else at + LINE_EVERY

    def readable(self, _):
        while True:
            try:
                data = self.socket.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier one
            if len(data) != DATAGRAM.size + 177 or not data.startswith(MAGIC):
                deaths.write(f"{now()} udp an altered datagram\n")
                continue
            _, number, sent = DATAGRAM.unpack(data[: DATAGRAM.size])
            self.got.write(f"{number} {sent} {now()}\n")


class Session:
    """A TCP session: `first` connects, again and again if need be; `second` takes the newest."""

    name, port, every = "", 0, 0

    def __init__(self):
        self.connection, self.due, self.unsent = None, now(), b""
        if not FIRST:
            self.listener = bound(socket.SOCK_STREAM, self.port)
            self.listener.listen(8)
            selector.register(self.listener, selectors.EVENT_READ, self.accept)

    def accept(self, _):
        connection, _ = self.listener.accept()
        # That the other end gave up is its to report.
        self.drop()
        self.begin(connection)

    def begin(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self.connection, self.unsent = connection, b""
        self.began(now())
        selector.register(connection, selectors.EVENT_READ, self.ready)

    def drop(self, why=None):
        if self.connection:
            selector.unregister(self.connection)
            self.connection.close()
            self.connection = None
        if why and end is None:
            deaths.write(f"{now()} {self.name} {why}\n")

    def tick(self, at):
        if self.due > at:
            return self.due
        self.due = max(self.due + self.every, at)
        if not self.connection and FIRST and end is None:
            connection = None
            try:
                connection = socket.create_connection((opts.peer, self.port), timeout=3)
                self.begin(connection)
            except OSError as e:
                deaths.write(f"{now()} {self.name} cannot connect: {e}\n")
                self.due = now() + 1_000_000
        elif self.connection:
            self.time_to_send(at)
            self.send()
        return self.due

    def send(self):
        if not self.connection:
            return
        try:
            while self.unsent:
                self.unsent = self.unsent[self.connection.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError as e:
            return self.drop(e)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.unsent else 0)
        selector.modify(self.connection, events, self.ready)

    def ready(self, events):
        if events & selectors.EVENT_READ:
            try:
                data = self.connection.recv(65536)
            except BlockingIOError:
                data = None
            except OSError as e:
                return self.drop(e)
            if data == b"":
                return self.drop("the other end closed it" if FIRST else None)
            if data:
                self.heard(data, now())
        if events & selectors.EVENT_WRITE:
            self.send()


class Lines(Session):
    """The interactive one."""

    name, port, every = "lines", LINES, LINE_EVERY

    def __init__(self):
        super().__init__()
        self.log = file("lines") if FIRST else None

    def began(self, _):
        self.sent, self.back, self.part = [], 0, b""

    @staticmethod
    def line(number):
        return b"line %08d of the interactive session, which an echo brings back\n" % number

    def time_to_send(self, at):
        if FIRST:
            self.unsent += self.line(len(self.sent))
            self.sent.append(at)

    def heard(self, data, at):
        if not FIRST:
            self.unsent += data
            return self.send()
        self.part += data
        *whole, self.part = self.part.split(b"\n")
        for line in whole:
            if line + b"\n" != self.line(self.back):
                return self.drop(f"line {self.back} came back as {line[:80]!r}")
            self.log.write(f"{self.back} {self.sent[self.back]} {at}\n")
            self.back += 1


class Bulk(Session):
    """The transfer: both ends know the stream of the other."""

    name, port, every = "bulk", BULK, BULK_EVERY

    def __init__(self):
        super().__init__()
        self.log = file("bulk")

    def began(self, at):
        self.made, self.credit_at, self.credit = 0, at, 0.0
        self.want, self.wanted, self.total, self.logged = b"", 0, 0, 0

    @staticmethod
    def block(end, number):
        return hashlib.sha256(b"%s %d" % (end.encode(), number)).digest() * (BLOCK // 32)

    def time_to_send(self, at):
        # After a stall there is no right to make up for all of it.
        self.credit = min(self.credit + (at - self.credit_at) * opts.mbit / 8, opts.mbit * 1e6 / 8 / 4)
        self.credit_at = at
        while self.credit >= BLOCK and len(self.unsent) < 64 * BLOCK:
            self.unsent += self.block(opts.end, self.made)
            self.made += 1
            self.credit -= BLOCK

    def heard(self, data, at):
        while len(self.want) < len(data):
            self.want += self.block("second" if FIRST else "first", self.wanted)
            self.wanted += 1
        if data != self.want[: len(data)]:
            return self.drop(f"wrong bytes after {self.total}")
        self.want = self.want[len(data) :]
        self.total += len(data)
        if at - self.logged >= 50_000:
            self.logged = at
            self.log.write(f"{self.total} {at}\n")


def main():
    global end
    # What is measured is the routers, not how this machine shares its processors.
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        pass
    flows = [Datagrams()] if opts.only_udp_from else [Datagrams(), Lines(), Bulk()]
    looked = 0
    while end is None or now() < end:
        at = now()
        if end is None and at - looked > 100_000:
            looked = at
            if os.path.exists(opts.stop):
                # What is under way still arrives.
                flows[0].until = at
                end = at + (1_000_000 if FIRST else 2_000_000)
        due = min(flow.tick(at) for flow in flows)
        for key, events in selector.select(max(0, min(due, at + 100_000) - now()) / 1e6):
            key.data(events)


end = None  # when this process does; nothing is amiss in its last moments
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
deaths = file("deaths")
main()
