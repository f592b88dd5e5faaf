#!/usr/bin/env python3
"""qmp.py SOCKET COMMAND [NAME=VALUE...]: one command of qemu's machine protocol; a VALUE is JSON, or else text."""
import json
import socket
import sys


def parse(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def ask(question):
    s.sendall(json.dumps(question).encode())
    while True:
        answer = json.loads(lines.readline())
        if "event" not in answer:
            return answer


with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
    s.settimeout(10)
    s.connect(sys.argv[1])
    lines = s.makefile()
    lines.readline()  # its greeting
    ask({"execute": "qmp_capabilities"})
    arguments = {k: parse(v) for k, v in (a.split("=", 1) for a in sys.argv[3:])}
    answer = ask({"execute": sys.argv[2], "arguments": arguments})
print(json.dumps(answer))
sys.exit("error" in answer)
