"""Packages of all manifests, made once for a class of tests of sources that stand for the real ones, and ways to read them."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import zlib

import release

HERE = os.path.dirname(os.path.realpath(__file__))
ARCH = "mips_24kc"
TIME = "1700000000"
PO = 'msgid "Devices"\nmsgstr "端末"\n'


def lay_out(at):
    """Something for each source that a manifest names, and the programs."""
    for path in glob.glob(f"{HERE}/*.manifest"):
        with open(path, encoding="utf-8") as lines:
            sources = re.findall(r"^([^\s#]+) +/\S* +\d+", lines.read(), re.MULTILINE)
        for source in sources:
            if source == "-":
                continue
            if source.startswith("program:"):
                place = f"{at}/programs/{source.removeprefix('program:')}"
            elif source.startswith("lmo:"):
                place = f"{at}/sources/{source.removeprefix('lmo:')}"
            elif source.endswith("/"):
                place = f"{at}/sources/{source}usr/share/{'x' * 120}/page.js"
            else:
                place = f"{at}/sources/{source}"
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as file:
                file.write(PO if source.startswith("lmo:") else f"what {source} has\n" * 99)


def pack(at, out, *names, arch=ARCH, epoch=TIME):
    command = [sys.executable, f"{HERE}/pack.py", arch, "--programs", f"{at}/programs", "--out", out, "--sources", f"{at}/sources", *names]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "SOURCE_DATE_EPOCH": epoch}, check=False)


def streams(content):
    """The gzip streams of a file, unpacked, each with its packed bytes."""
    found = []
    while content:
        one = zlib.decompressobj(31)
        data = one.decompress(content)
        found.append((data, content[: len(content) - len(one.unused_data)]))
        content = one.unused_data
    return found


def listing(archive):
    """What GNU tar says of an archive: mode, owner, time and name of each member, in order."""
    command = ["tar", "-tvf", "-", "--numeric-owner", "--full-time", "--utc"]
    lines = subprocess.run(command, input=archive, capture_output=True, check=True).stdout.decode().splitlines()
    return [(words[0], words[1], " ".join(words[3:5]), words[5]) for words in map(str.split, lines)]


def member(archive, name):
    return subprocess.run(["tar", "-xOf", "-", name], input=archive, capture_output=True, check=True).stdout


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.at = cls.folder.name
        lay_out(cls.at)
        cls.out = f"{cls.at}/out"
        done = pack(cls.at, cls.out)
        assert done.returncode == 0, done.stderr
        cls.said = {line["package"]: line for line in map(json.loads, done.stdout.splitlines())}
        with unittest.mock.patch.dict(os.environ, SOURCE_DATE_EPOCH=TIME):
            cls.version = release.of(os.path.dirname(os.path.dirname(HERE))).version

    def content(self, name):
        with open(f"{self.out}/{name}", "rb") as file:
            return file.read()

    def ipk(self, name, arch=ARCH):
        [(outer, _)] = streams(self.content(f"{name}_{self.version}_{arch}.ipk"))
        self.assertEqual([line[3] for line in listing(outer)], ["./debian-binary", "./data.tar.gz", "./control.tar.gz"])
        self.assertEqual(member(outer, "./debian-binary"), b"2.0\n")
        [(data, _)], [(control, _)] = (streams(member(outer, f"./{part}.tar.gz")) for part in ("data", "control"))
        return data, control

    def apk(self, name):
        (control, _), (data, packed) = streams(self.content(f"{name}-{self.version}.apk"))
        return control, data, packed
