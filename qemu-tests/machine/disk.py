#!/usr/bin/env python3
"""disk.py DISK PARTITION_IMAGE...: a disk with these images as its partitions, one after the other (an MBR, 1 MiB apart)."""
import struct
import sys

MIB = 1 << 20
disk, images = sys.argv[1], sys.argv[2:]
table, start = b"", MIB
with open(disk, "wb") as out:
    for image in images:
        with open(image, "rb") as f:
            out.seek(start)
            # Holes stay holes.
            while block := f.read(MIB):
                if block.count(0) == len(block):
                    out.seek(len(block), 1)
                else:
                    out.write(block)
        size = -(-(out.tell() - start) // MIB) * MIB
        table += struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", start // 512, size // 512)
        start += size
    out.truncate(start)
    out.seek(446)
    out.write(table.ljust(64, b"\0") + b"\x55\xaa")
