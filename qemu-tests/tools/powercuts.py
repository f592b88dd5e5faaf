#!/usr/bin/env python3
"""What a power cut would have left of a daemon's files, at any moment of a run that strace(1) has written down.

powercuts.py TRACES ROOT WORK [--cuts N] [--seed S] [--acks FILE] [--unsynced] [--check COMMAND...]

TRACES is the beginning of the names of strace's files (-ff -ttt -y -xx), ROOT the directory whose files are looked at,
ROOT.before a copy of it from before the run. At N moments, a disk is made in WORK as a power cut may leave it, and judged:

* what was written and not synced (fsync, fdatasync) is there in part: none, all, some of the writes, the last one torn;
* what was created, renamed or removed and whose directory was not synced is there up to some point, in the order it was
  done.

A file that is replaced by renaming must be one of its versions, whole, and none older than the last whose directory was
synced. What had been acknowledged must be there (lines of ACKS): `TIME row TABLE COLUMN VALUE` in an SQLite file, which must
be sound, `TIME text FILE TEXT` in another. COMMAND is run on every tenth disk, with the disk's path at its end, and must succeed. --unsynced: no sync of a
file is done, as a writer without any would have it. The last line is one JSON object; exit status 1 if anything was lost.
"""
import argparse
import glob
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys

LINE = re.compile(r"^(\d+\.\d+) (\w+)\((.*)\) = (-?\d+|\?)(<.*>)?")
STRING = r'"((?:\\x[0-9a-f]{2})*)"'
DESCRIPTOR = r"(\d+)<((?:\\x[0-9a-f]{2})*)>"
TEMPORARY = re.compile(r"^\.(.+)\.new$")


def plain(text):
    return bytes(int(pair, 16) for pair in text.split("\\x")[1:])


class Inode:
    """A file's bytes: those on the disk, and what was done to it since."""

    def __init__(self, data=b""):
        self.synced, self.pending = data, []

    def content(self, operations=None):
        data = bytearray(self.synced)
        for kind, at, what in self.pending if operations is None else operations:
            if kind == "truncate":
                data[at:] = b"" if at < len(data) else bytes(at - len(data))
            else:
                data.extend(bytes(max(0, at - len(data))))
                data[at : at + len(what)] = what
        return bytes(data)

    def sync(self):
        self.synced, self.pending = self.content(), []

    def crashed(self, dice):
        kind = dice.choice(["none", "all", "some", "torn"])
        if kind == "none":
            return self.synced
        if kind == "all":
            return self.content()
        if kind == "some":
            return self.content([op for op in self.pending if dice.random() < 0.5])
        until = dice.randrange(len(self.pending) + 1)
        part = self.pending[:until]
        if part and part[-1][0] == "write":
            _, at, what = part[-1]
            part[-1] = ("write", at, what[: dice.randrange(len(what) + 1)])
        return self.content(part)


class Disk:
    """The files below a directory, as a process sees them and as they are on the disk."""

    def __init__(self, root, unsynced=False):
        self.unsynced, self.root, self.names, self.pending = unsynced, root, {}, []
        before = root + ".before"
        for folder, _, files in os.walk(before):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as f:
                    self.names[root + path[len(before) :]] = Inode(f.read())
        self.durable = dict(self.names)
        self.versions = {}  # path: [(content, synced)], oldest first
        for path, inode in self.names.items():
            self.versions[path] = [[inode.synced, True]]
        self.descriptors = {}
        self.in_place = set()  # paths of files that are written where they are

    def ours(self, path):
        return path.startswith(self.root + "/") and not path.endswith("-shm")

    def rename_op(self, operation, names):
        kind, path, what = operation
        if kind == "set":
            names[path] = what
        elif kind == "rename":
            if path in names:
                names[what] = names.pop(path)
        else:
            names.pop(path, None)

    def change(self, *operation):
        self.rename_op(operation, self.names)
        self.pending.append(operation)

    def sync_folder(self, folder):
        rest = []
        for operation in self.pending:
            if os.path.dirname(operation[1]) == folder:
                self.rename_op(operation, self.durable)
            else:
                rest.append(operation)
        self.pending = rest
        for path, versions in self.versions.items():
            if os.path.dirname(path) == folder:
                for version in versions:
                    version[1] = True

    def does(self, process, call, words, result):
        """One system call. True if it may have changed what a power cut leaves."""
        if call == "openat" and result >= 0:
            path = plain(re.search(STRING, words)[1]).decode(errors="replace")
            at = plain(re.search(r"<((?:\\x[0-9a-f]{2})*)>", words)[1]).decode(errors="replace")
            path = os.path.normpath(os.path.join(at, path))
            if not self.ours(path):
                self.descriptors.pop((process, result), None)
                return False
            self.descriptors[process, result] = [0, "O_APPEND" in words]
            if "O_CREAT" in words and path not in self.names:
                self.change("set", path, Inode())
                return True
            if "O_TRUNC" in words and path in self.names:
                self.names[path].pending.append(("truncate", 0, b""))
                return True
            return False
        if result < 0:
            return False
        if call in ("rename", "renameat", "renameat2", "unlink", "unlinkat"):
            folders = re.findall(r"<((?:\\x[0-9a-f]{2})*)>", words)
            paths = [plain(text).decode(errors="replace") for text in re.findall(STRING, words)]
            for i, folder in enumerate(folders[: len(paths)]):
                paths[i] = os.path.join(plain(folder).decode(errors="replace"), paths[i])
            # What is no file, a socket, say, is not followed.
            if not self.ours(paths[0]) or paths[0] not in self.names:
                return False
            if call.startswith("unlink"):
                self.change("remove", paths[0], None)
            else:
                content = self.names[paths[0]].content()
                self.change("rename", paths[0], paths[1])
                self.versions.setdefault(paths[1], []).append([content, False])
            return True
        found = re.match(DESCRIPTOR, words)
        if not found:
            return False
        number, path = int(found[1]), plain(found[2]).decode(errors="replace")
        if call in ("fsync", "fdatasync"):
            if path == self.root or path.startswith(self.root + "/"):
                inode = self.names.get(path)
                if inode and not self.unsynced:
                    inode.sync()
                elif not inode:
                    self.sync_folder(path)
                return True
            return False
        if not self.ours(path) or path not in self.names:
            return False
        inode = self.names[path]
        if call in ("write", "pwrite64", "ftruncate") and not TEMPORARY.match(os.path.basename(path)):
            self.in_place.add(path)
        if call in ("write", "pwrite64"):
            what = plain(re.search(STRING, words)[1])[:result]
            place = self.descriptors.setdefault((process, number), [0, False])
            if call == "pwrite64":
                at = int(words.rsplit(",", 1)[1])
            else:
                at = len(inode.content()) if place[1] else place[0]
                place[0] = at + len(what)
            inode.pending.append(("write", at, what))
            return True
        if call == "ftruncate":
            inode.pending.append(("truncate", int(words.rsplit(",", 1)[1]), b""))
            return True
        if call == "lseek":
            self.descriptors.setdefault((process, number), [0, False])[0] = result
        return False

    def crash(self, dice, work):
        """Makes the disk in `work`, with the paths below the root."""
        names = dict(self.durable)
        for operation in self.pending[: dice.randrange(len(self.pending) + 1)]:
            self.rename_op(operation, names)
        shutil.rmtree(work, ignore_errors=True)
        for path, inode in names.items():
            at = work + path[len(self.root) :]
            os.makedirs(os.path.dirname(at), exist_ok=True)
            with open(at, "wb") as f:
                f.write(inode.crashed(dice))
            os.chmod(at, 0o600)
        os.makedirs(work, exist_ok=True)
        os.chmod(work, 0o700)


def calls(traces):
    """Of all processes, in the order of time."""
    everything = []
    for name in glob.glob(traces + "*"):
        with open(name, errors="replace") as f:
            for line in f:
                found = LINE.match(line)
                if found and found[4] != "?":
                    everything.append((float(found[1]), name, found[2], found[3], int(found[4])))
    everything.sort(key=lambda call: call[0])
    return everything


def judge(disk, work, acks, now, command):
    """What is wrong with the disk in `work`."""
    for path, versions in disk.versions.items():
        at = work + path[len(disk.root) :]
        # By something that has its own way to be sure.
        if path in disk.in_place:
            continue
        oldest = max((i for i, version in enumerate(versions) if version[1]), default=-1)
        if not os.path.exists(at):
            if oldest >= 0:
                yield f"{path} is not there"
            continue
        with open(at, "rb") as f:
            content = f.read()
        if content not in [version[0] for version in versions[max(oldest, 0) :]]:
            yield f"{path} is none of its versions: {len(content)} bytes"
    wanted = {tuple(what) for when, kind, *what in acks if kind == "row" and when < now}
    for path in glob.glob(work + "/*.db") + glob.glob(work + "/*.sqlite"):
        try:
            database = sqlite3.connect(path)
            state = database.execute("PRAGMA integrity_check").fetchone()[0]
            if state != "ok":
                yield f"{path}: {state}"
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table, column, value in [row for row in wanted if row[0] in tables]:
                row = f"SELECT count(*) FROM {table} WHERE {column} = ?"
                if database.execute(row, (value,)).fetchone()[0] != 0:
                    wanted.discard((table, column, value))
            database.close()
        except sqlite3.Error as error:
            yield f"{path}: {error}"
    for table, _, value in sorted(wanted):
        yield f"{table} {value} is lost"
    for name, text in (what for when, kind, *what in acks if kind == "text" and when < now):
        path = os.path.join(work, name)
        if not os.path.exists(path) or text not in open(path, errors="replace").read():
            yield f"{text} is lost from {name}"
    if command:
        done = subprocess.run([*command, work], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            yield f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}"


def play(options):
    acks = []
    for line in open(options.acks) if options.acks else []:
        when, *what = line.split()
        acks.append((float(when), *what))
    everything = calls(options.traces)

    def walk(visit):
        disk = Disk(os.path.realpath(options.root), options.unsynced)
        changes = 0
        for when, process, call, words, result in everything:
            if disk.does(process, call, words, result):
                visit(disk, changes, when)
                changes += 1
        return disk, changes

    _, changes = walk(lambda *_: None)
    if changes == 0:
        sys.exit("nothing was written in that run")
    dice = random.Random(options.seed)
    cuts = [0] * changes
    for i in range(options.cuts):
        cuts[i % changes if i < changes else dice.randrange(changes)] += 1
    bad, done = [], 0

    def cut(disk, number, when):
        nonlocal done
        for _ in range(cuts[number]):
            disk.crash(dice, options.work)
            done += 1
            command = options.check if done % 10 == 0 else None
            for fault in judge(disk, options.work, acks, when, command):
                if not any(fault == it["fault"] for it in bad):
                    bad.append({"after_change": number, "fault": fault})

    disk, _ = walk(cut)
    files = sorted(path[len(disk.root) + 1 :] for path in disk.versions)
    print(json.dumps({"ok": not bad, "cuts": done, "changes": changes, "acknowledged": len(acks),
                      "files": files, "faults": bad[:8]}))
    sys.exit(1 if bad else 0)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("traces")
parser.add_argument("root")
parser.add_argument("work")
parser.add_argument("--cuts", type=int, default=1000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--acks")
parser.add_argument("--unsynced", action="store_true")
parser.add_argument("--check", nargs=argparse.REMAINDER)
play(parser.parse_args())
