#!/usr/bin/env python3
"""A host's services: files over HTTP (80), a TCP line echo (7000), a UDP echo (7001).

Every client's address goes into --log, one JSON object a line; so does each numbered datagram that comes again
("twice").
"""
import argparse
import functools
import http.server
import json
import socket
import socketserver
import threading
import time

import markers

opts = argparse.ArgumentParser()
opts.add_argument("--dir", required=True)
opts.add_argument("--log", required=True)
opts.add_argument("--bind", default="::")
opts = opts.parse_args()
LOG = open(opts.log, "a", buffering=1)
FAMILY = socket.AF_INET6 if ":" in opts.bind else socket.AF_INET


def saw(kind, address):
    peer = address[0].removeprefix("::ffff:").split("%")[0]
    LOG.write(json.dumps({"kind": kind, "peer": peer, "port": address[1], "at": time.time()}) + "\n")


class Files(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        saw("http", self.client_address)
        super().do_GET()

    def log_message(self, *_):
        pass


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        saw("tcp", self.client_address)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for line in self.rfile:
            self.wfile.write(line)


class Tcp(socketserver.ThreadingTCPServer):
    address_family = FAMILY
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        if FAMILY == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, *_):
        pass


def echo_datagrams():
    s = socket.socket(FAMILY, socket.SOCK_DGRAM)
    if FAMILY == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind((opts.bind, 7001))
    seen, numbers = set(), {}
    head = len(markers.DATAGRAM)
    while True:
        try:
            data, who = s.recvfrom(65535)
            if who[:2] not in seen and len(seen) < 10000:
                seen.add(who[:2])
                saw("udp", who)
            if data.startswith(markers.DATAGRAM) and who[:2] in seen:
                number = data[head : head + 8]
                if number in numbers.setdefault(who[:2], set()):
                    saw("twice", who)
                numbers[who[:2]].add(number)
            s.sendto(data, who)
        except OSError:
            pass  # an ICMP error from an earlier answer


threading.Thread(target=echo_datagrams, daemon=True).start()
threading.Thread(target=Tcp((opts.bind, 7000), Lines).serve_forever, daemon=True).start()
Tcp((opts.bind, 80), functools.partial(Files, directory=opts.dir)).serve_forever()
