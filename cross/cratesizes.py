#!/usr/bin/env python3
"""cratesizes.py NM PROGRAM: what each crate has of the program's code and data, as `bytes<TAB>crate` lines, most first.

By the names of the program's symbols: a function of a generic type counts to the crate of the type, one that was put into
another to the other. What is no symbol of Rust's is the C library's or an AEAD's in assembly.
"""
import collections
import re
import subprocess
import sys

# `C`, maybe a number that tells crates of one name apart, then the name's length and the name.
V0 = re.compile(r"C(?:s[0-9A-Za-z]*_)?(\d+)_?([A-Za-z_]\w*)")
LEGACY = re.compile(r"^_ZN(\d+)(.*)")
FIRST_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def crate_of(symbol):
    if symbol.startswith("_R"):
        found = V0.search(symbol)
        return found[2][:int(found[1])] if found else "?"
    found = LEGACY.match(symbol)
    if found:
        segment = found[2][:int(found[1])]
        if segment.startswith("_$LT$"):
            # An implementation: of whose type it is.
            text = re.sub(r"\$(?:LT|GT|RF|BP|C|u[0-9a-f]+)\$", " ", segment[1:])
            names = [word for word in FIRST_NAME.findall(text) if word not in ("dyn", "mut", "const", "as", "impl", "T")]
            return names[0] if names else "?"
        return segment
    return "ring" if symbol.startswith("ring_core") else "C and assembly"


def main():
    nm, program = sys.argv[1:3]
    sizes = collections.Counter()
    lines = subprocess.run([nm, "-S", "--defined-only", program], capture_output=True, text=True, check=True).stdout
    for line in lines.splitlines():
        words = line.split()
        # Data that is all zeros is in no file.
        if len(words) == 4 and words[2] not in "bB":
            sizes[crate_of(words[3])] += int(words[1], 16)
    for crate, size in sizes.most_common():
        print(f"{size}\t{crate}")


main()
