"""Tar archives and gzip streams whose bytes follow from their content alone.

The members in order of their names, root's, all of one time; of the machine and the moment that made them nothing is in them.
"""
import hashlib
import io
import tarfile
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A file, or with `data` None a directory. `path` starts with a slash and does not end with one."""

    path: str
    mode: int
    data: bytes | None = None


def with_parents(members):
    """The members and every directory above them, sorted. A directory that is a member itself keeps its own mode."""
    found = {}
    for member in members:
        parent = member.path
        while parent := parent.rpartition("/")[0]:
            found.setdefault(parent, Member(parent, 0o755))
        if member.data is not None and member.path in found:
            raise ValueError(f"{member.path} is there twice")
        found[member.path] = member
    return [found[path] for path in sorted(found)]


def tar(members, mtime, prefix="", checksums=False, end=True):
    """A tar of the members, their names with `prefix` before the path's slash.

    checksums  each file's SHA-1 in a PAX header, as apk wants it of every file that it installs
    end        closed by the two empty blocks; without them another tar can follow, as if it were one
    """
    out = io.BytesIO()
    form = tarfile.PAX_FORMAT if checksums else tarfile.GNU_FORMAT
    archive = tarfile.open(fileobj=out, mode="w", format=form)
    for member in members:
        entry = tarfile.TarInfo((prefix + member.path) if prefix else member.path.lstrip("/"))
        entry.mode, entry.mtime = member.mode, mtime
        entry.uname = entry.gname = "root"
        if member.data is None:
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
            continue
        entry.size = len(member.data)
        if checksums:
            entry.pax_headers = {"APK-TOOLS.checksum.SHA1": hashlib.sha1(member.data).hexdigest()}
        archive.addfile(entry, io.BytesIO(member.data))
    if end:
        archive.close()
    return out.getvalue()


def gzip(data):
    """One gzip stream, packed as small as zlib can; no name and no time in its header."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31, 9)
    return packer.compress(data) + packer.flush()
