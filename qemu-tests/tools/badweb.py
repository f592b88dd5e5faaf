#!/usr/bin/env python3
"""badweb.py HOST PORT: what no node would say, over sound TLS, to the Account Server; each has to be refused in words.

And then what is no HTTP, no TLS, or ends in the middle. Prints one JSON object; fails when a connection cannot be
made, or an answer is not the refusal it should be.
"""
import json
import os
import socket
import ssl
import sys

host, port = sys.argv[1], int(sys.argv[2])
tls = ssl.create_default_context()
tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
LONGEST = 16 * 1024
b64 = lambda n: "A" * (n * 4 // 3 // 4 * 4) + {0: "", 1: "AA==", 2: "AAA="}[n % 3]
sound = {"token": b64(16), "role": "gateway", "public_key": b64(32), "proof": b64(16)}
wrong, bodies = [], 0


def connect():
    return tls.wrap_socket(socket.create_connection((host, port), timeout=5), server_hostname=host)


def status(data):
    """Says these bytes; the answer's status, or None."""
    with connect() as s:
        try:
            s.sendall(data)
        except OSError:
            pass  # it may end an over-long body before all of it is there
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except OSError:
            pass
    words = got.split(b" ", 2)
    return int(words[1]) if words[0].startswith(b"HTTP/1.") and len(words) > 2 else None


def post(body, length=None, path="/v1/enrol"):
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    return status(head.encode() + body)


def refused(what, got, *wanted):
    global bodies
    bodies += 1
    if got not in wanted:
        wrong.append(f"{what}: {got}, not {' or '.join(map(str, wanted))}")


# The fifth guess of one network in a minute is the last that is looked at: what is not looked at goes first.
refused("over-long body", post(b"[" * (LONGEST + 1)), 413)
refused("a body said to be a terabyte", post(b"x" * (LONGEST + 1), 1 << 40), 413)
refused("chunks without end", status(b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 8), 413)
refused("an over-long head", status(b"GET /v1/domain HTTP/1.1\r\n" + b"X: " + b"y" * (1 << 20) + b"\r\n\r\n"), 400, 431)
refused("another path", post(b"{}", path="/v1/../../etc/passwd"), 404)
refused("another method", status(b"DELETE /v1/enrol HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 405)
refused("no HTTP", status(os.urandom(512) + b"\r\n\r\n"), 400, None)
HOSTILE = [
    b"[" * LONGEST,
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b"\xff\xfe" + os.urandom(64),
    json.dumps({**sound, "role": "coordinator"}).encode(),
    json.dumps({**sound, "public_key": "A" * 8000}).encode(),
    json.dumps({**sound, "token": 10**30}).encode(),
    json.dumps(sound).encode(),
]
guesses = [post(body) for body in HOSTILE]
for body, got in zip(HOSTILE, guesses):
    refused(body[:40].decode(errors="replace"), got, 400, 403, 429)
if 400 not in guesses or guesses[-1] != 429:
    wrong.append(f"guesses: {guesses}, not some 400 and 429 at last")
# No TLS, and TLS that breaks off.
for data in (os.urandom(3000), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + os.urandom(2000)) * 6:
    # Each is waited for: one network has sixteen places.
    with socket.create_connection((host, port), timeout=15) as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass
        except ConnectionError:
            pass  # reset: that is an end, too; no end is a timeout, and fails
with connect() as s:
    s.sendall(b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
# And who means well is answered.
refused("a sound question", status(f"GET /v1/domain HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()), 200)
print(json.dumps({"ok": not wrong, "asked": bodies, "guesses": guesses, "wrong": wrong}))
sys.exit(1 if wrong else 0)
