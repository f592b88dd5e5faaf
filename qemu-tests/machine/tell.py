#!/usr/bin/env python3
"""tell.py SOCKET SECONDS COMMAND [ARG...]: has a guest's agent do it; its output and exit status are this program's.

One argument is a line for the guest's shell, several are a command and its arguments. One command at a time: others wait.
Status 124 when it took too long, 125 when the guest does not answer.
"""
import base64
import fcntl
import os
import shlex
import socket
import sys
import time

path, seconds, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
line = command[0] if len(command) == 1 else shlex.join(command)
ident = f"{os.getpid()}-{time.monotonic_ns()}"
lock = open(path + ".lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
# The guest ends what takes too long; this only ends when the guest does not.
deadline = time.monotonic() + seconds + 15
words = base64.b64encode(line.encode()).decode()
try:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(path)
        # The newline before ends what a client that was killed may have left half said.
        s.sendall(f"\n{ident} {int(seconds) or 1} {words}\n".encode())
        heard = b""
        while f"\n@{ident} ".encode() not in b"\n" + heard.replace(b"\r", b"") or not heard.endswith(b"\n"):
            s.settimeout(max(0.01, deadline - time.monotonic()))
            data = s.recv(65536)
            if not data:
                raise OSError("the machine is gone")
            heard += data
except OSError as e:
    print(f"the guest does not answer: {e}", file=sys.stderr)
    sys.exit(125)
answer = next(a for a in heard.decode().splitlines() if a.startswith(f"@{ident} "))
_, status, out, err = answer.split(" ")
sys.stdout.buffer.write(base64.b64decode(out[1:]))
sys.stderr.buffer.write(base64.b64decode(err[1:]))
# What busybox's timeout says.
sys.exit(124 if int(status) == 143 else int(status))
