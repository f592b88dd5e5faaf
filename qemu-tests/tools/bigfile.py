#!/usr/bin/env python3
"""bigfile.py FILE MEGABYTES: random bytes with the marker in every kilobyte; FILE.sha256 beside it."""
import hashlib
import os
import sys

import markers

path, size = sys.argv[1], int(sys.argv[2]) << 20
digest = hashlib.sha256()
with open(path, "wb") as f:
    for _ in range(size >> 20):
        block = bytearray(os.urandom(1 << 20))
        for at in range(0, len(block), 1024):
            block[at : at + len(markers.FILE)] = markers.FILE
        digest.update(block)
        f.write(block)
with open(path + ".sha256", "w") as f:
    f.write(digest.hexdigest())
