#!/usr/bin/env python3
"""elf.py ROOT TREE PROGRAM=PLACE...: copies programs to places below ROOT, with the libraries they need.

Libraries are looked for in TREE (unpacked packages) by name, whatever folder they lie in, and all go to ROOT/lib, where
each loader looks; the loader goes to where the program says it is. A static program needs none. All are for one CPU.
"""
import os
import shutil
import struct
import sys


def needs(path):
    """The loader and the names of the libraries that this ELF file asks for."""
    data = open(path, "rb").read()
    if data[:4] != b"\x7fELF":
        return None, []
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"

    def fields(form, at):
        return struct.unpack_from(order + form, data, at)

    at, size, count = (fields("Q", 32)[0], 56, fields("H", 56)[0]) if wide else (fields("I", 28)[0], 32, fields("H", 44)[0])
    segments = []  # type, offset, address, size in the file
    for i in range(count):
        s = at + i * size
        if wide:
            segments.append((fields("I", s)[0], *fields("QQ", s + 8), fields("Q", s + 32)[0]))
        else:
            segments.append((fields("I", s)[0], *fields("II", s + 4), fields("I", s + 16)[0]))

    def offset(address):
        return next(o + address - a for t, o, a, n in segments if t == 1 and a <= address < a + n)

    def text(at):
        return data[at : data.index(b"\0", at)].decode()

    loader = next((text(o) for t, o, _, _ in segments if t == 3), None)
    names, strings = [], None
    for _, start, _, length in (s for s in segments if s[0] == 2):
        step = 16 if wide else 8
        for at in range(start, start + length, step):
            tag, value = fields("QQ" if wide else "II", at)
            if tag == 1:
                names.append(value)
            elif tag == 5:
                strings = offset(value)
    return loader, [text(strings + n) for n in names]


def cpu(path):
    """The width, byte order and kind of CPU that this ELF file is for."""
    with open(path, "rb") as f:
        head = f.read(20)
    return head[4:6] + head[18:20] if head[:4] == b"\x7fELF" else None


def find_libraries(tree):
    found = {}
    for folder, _, files in os.walk(tree):
        if os.path.basename(folder).endswith(("-linux-gnu", "lib", "lib64")):
            for name in files:
                if ".so" in name:
                    found.setdefault(name, os.path.join(folder, name))
    return found


def copy(source, place):
    os.makedirs(os.path.dirname(place), exist_ok=True)
    shutil.copy(os.path.realpath(source), place)


root, tree = sys.argv[1:3]
libraries, done, todo = find_libraries(tree), set(), []
for pair in sys.argv[3:]:
    program, place = pair.split("=")
    if cpu(program) != cpu(sys.argv[3].split("=")[0]):
        sys.exit(f"{program} is not for this router's CPU")
    copy(program, root + place)
    os.chmod(root + place, 0o755)
    todo.append(program)
while todo:
    program = todo.pop()
    loader, names = needs(program)
    if loader and loader not in done:
        done.add(loader)
        if os.path.basename(loader) not in libraries:
            sys.exit(f"{program} wants the loader {loader}, which these packages do not have")
        copy(libraries[os.path.basename(loader)], root + loader)
    for name in names:
        if name in done:
            continue
        done.add(name)
        if name not in libraries:
            sys.exit(f"{program} needs {name}, which these packages do not have")
        copy(libraries[name], f"{root}/lib/{name}")
        todo.append(libraries[name])
