"""A package's manifest: what the package is called, and which source file goes where in it.

    Section: net                              fields, as in the package's control file
    Architecture: cpu                         of one CPU, or `all`
    Depends: kmod-tun, nftables-json
    Before-Removal: /usr/lib/ntm/remove       a command; not on upgrades, nor where an image is made
    After-Install: killall -HUP rpcd          on upgrades, too

    # SOURCE                 DEST                     MODE
    program:ntm-gateway      /usr/sbin/ntm-gateway    755
    openwrt/.../ntm.config   /etc/config/ntm          600 conffile
    openwrt/.../root/        /                        644
    lmo:openwrt/.../ntm.po   /usr/.../ntm.ja.lmo      644

SOURCE is a file below the sources' root; `program:NAME`, one that was built for the CPU; `lmo:FILE.po`, what LuCI makes of
that file of translations; a folder (ends with `/`), all that is below it, where what may be executed stays so; or `-`: DEST
is an empty folder (ends with `/`). After MODE: `conffile`,
the owner's settings, which survive upgrades and sysupgrade; `optional`, left out when there is no such source.
"""
import os
import re
from dataclasses import dataclass, field

import lmo
from archive import Member

FIELDS = {"Section", "Architecture", "Depends", "Provides", "Require-User", "Description", "After-Install", "Before-Removal"}
MUST = {"Section", "Architecture", "Description"}


class ManifestError(Exception):
    """Every fault of a manifest, one a line, each with its place."""


@dataclass
class Package:
    """What a packer needs to know. `conffiles` are paths, directories with a slash at their end."""

    name: str
    fields: dict
    members: list = field(default_factory=list)
    conffiles: list = field(default_factory=list)

    @property
    def depends(self):
        return [name.strip() for name in self.fields.get("Depends", "").split(",") if name.strip()]

    @property
    def after_install(self):
        """The package's own part of the script that runs once it is there, after a line that names the shell."""
        if command := self.fields.get("After-Install"):
            return f'[ -n "${{IPKG_INSTROOT}}" ] || {command}\nexit 0\n'
        return ""

    @property
    def before_removal(self):
        """The package's own part of the script that runs before it goes, after a line that names the shell."""
        if command := self.fields.get("Before-Removal"):
            return f'[ -n "${{IPKG_INSTROOT}}" ] || [ "${{PKG_UPGRADE}}" = 1 ] || {command}\nexit 0\n'
        return ""

    @property
    def of_one_cpu(self):
        return self.fields["Architecture"] == "cpu"


def read(path, sources, programs):
    """The package of the manifest at `path`; its files from the folder `sources`, its programs from the folder `programs`.

    Without such a folder the programs are empty: enough to know whether the rest is there.
    """
    name = os.path.basename(path).removesuffix(".manifest")
    package, faults = Package(name, {}), []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            try:
                if heading := re.match(r"([A-Z][A-Za-z-]*): *(\S.*)$", text):
                    add_field(package, *heading.groups())
                elif text:
                    add_line(package, text.split(), sources, programs)
            except (OSError, ValueError) as fault:
                faults.append(f"{path}:{number}: {fault}")
    faults += [f"{path}: the field {missing} is missing" for missing in sorted(MUST - package.fields.keys())]
    if faults:
        raise ManifestError("\n".join(faults))
    keep_folders(package)
    return package


def add_field(package, key, value):
    if key not in FIELDS:
        raise ValueError(f"there is no field {key}; there are: {', '.join(sorted(FIELDS))}")
    if key == "Architecture" and value not in ("cpu", "all"):
        raise ValueError(f"Architecture is cpu or all, not {value}")
    if key in package.fields:
        raise ValueError(f"{key} is there twice")
    package.fields[key] = value


def add_line(package, words, sources, programs):
    if len(words) < 3 or not set(words[3:]) <= {"conffile", "optional"}:
        raise ValueError("a line is SOURCE DEST MODE [conffile] [optional]")
    source, dest, mode = words[:3]
    if not re.fullmatch(r"0?[0-7]{3}", mode):
        raise ValueError(f"{mode} is no mode; one is like 644")
    if not dest.startswith("/") or ".." in dest.split("/"):
        raise ValueError(f"{dest} is no absolute path")
    if (source == "-" or source.endswith("/")) != dest.endswith("/"):
        raise ValueError(f"{source} and {dest}: the one is a folder, the other a file")
    found = list(members_of(source, dest, int(mode, 8), sources, programs))
    if not found and "optional" not in words[3:]:
        raise ValueError(f"{source} is not there, and the line does not say that it is optional")
    taken = {member.path for member in package.members}
    for member in found:
        if member.path in taken:
            raise ValueError(f"{member.path} is there twice")
        package.members.append(member)
        if "conffile" in words[3:]:
            package.conffiles.append(member.path + ("/" if member.data is None else ""))


def members_of(source, dest, mode, sources, programs):
    if source == "-":
        yield Member(dest.rstrip("/"), mode)
    elif source.startswith("program:") and programs is None:
        yield Member(dest, mode, b"")
    elif source.startswith("program:"):
        yield from file_at(os.path.join(programs, source.removeprefix("program:")), dest, mode)
    elif source.startswith("lmo:"):
        for member in file_at(os.path.join(sources, source.removeprefix("lmo:")), dest, mode):
            yield Member(dest, mode, catalogue(member.data, source.removeprefix("lmo:")))
    elif not source.endswith("/"):
        yield from file_at(os.path.join(sources, source), dest, mode)
    else:
        for folder, folders, names in os.walk(os.path.join(sources, source)):
            # What editors and git leave behind is no part of a package.
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.startswith(".") or name.endswith("~"):
                    continue
                path = os.path.join(folder, name)
                below = os.path.relpath(path, os.path.join(sources, source))
                yield from file_at(path, dest + below, mode | (0o111 if os.access(path, os.X_OK) else 0))


def catalogue(content, name):
    try:
        made = lmo.compile_po(content.decode())
    except ValueError as fault:
        raise ValueError(f"{name}:{fault}") from fault
    if not made:
        raise ValueError(f"{name}: nothing in it is translated")
    return made


def file_at(path, dest, mode):
    if os.path.isfile(path):
        with open(path, "rb") as file:
            yield Member(dest, mode, file.read())


def keep_folders(package):
    """Package managers know files that are settings; a folder of them survives sysupgrade by a list of its own."""
    folders = [path for path in package.conffiles if path.endswith("/")]
    if folders:
        text = "".join(f"{path}\n" for path in folders)
        package.members.append(Member(f"/lib/upgrade/keep.d/{package.name}", 0o644, text.encode()))
