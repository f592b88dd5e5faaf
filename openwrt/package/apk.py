"""Packages for apk 3: OpenWrt from 25.12 on.

In the container of apk 2, which apk 3 installs as well and which anyone can write: two gzip streams, one after the other. The
first has a tar without an end: what is known of the package, with the second's hash, and the scripts. The second has what is
installed, each file with its own checksum. Unsigned: `apk add --allow-untrusted FILE`.
"""
import hashlib

from archive import Member, gzip, tar, with_parents

# As in ipk.py, but that apk's scripts do not know whose they are.
POST_INSTALL = """#!/bin/sh
{upgrade}[ "${{IPKG_NO_SCRIPT}}" = "1" ] && exit 0
[ -s "${{IPKG_INSTROOT}}/lib/functions.sh" ] || exit 0
. "${{IPKG_INSTROOT}}/lib/functions.sh"
export root="${{IPKG_INSTROOT}}"
export pkgname="{name}"
add_group_and_user
default_postinst
"""
PRE_DEINSTALL = """#!/bin/sh
[ -s "${{IPKG_INSTROOT}}/lib/functions.sh" ] || exit 0
. "${{IPKG_INSTROOT}}/lib/functions.sh"
export root="${{IPKG_INSTROOT}}"
export pkgname="{name}"
default_prerm
"""


def file_name(package, release, _arch):
    return f"{package.name}-{release.version}.apk"


def build(package, release, arch):
    """The package's bytes."""
    members = [*package.members, *own_lists(package)]
    data = gzip(tar(with_parents(members), release.time, checksums=True))
    scripts = {
        ".post-install": POST_INSTALL.format(name=package.name, upgrade="") + package.after_install,
        ".post-upgrade": POST_INSTALL.format(name=package.name, upgrade="export PKG_UPGRADE=1\n") + package.after_install,
        ".pre-deinstall": PRE_DEINSTALL.format(name=package.name) + package.before_removal,
    }
    known = pkginfo(package, release, arch, sum(len(member.data or b"") for member in members), hashlib.sha256(data).hexdigest())
    control = [Member("/.PKGINFO", 0o644, known.encode())]
    control += [Member("/" + name, 0o755, text.encode()) for name, text in sorted(scripts.items())]
    return gzip(tar(control, release.time, end=False)) + data


def own_lists(package):
    """The files by which OpenWrt's functions learn what opkg kept in its own folder: a package's files, users and settings."""
    at = f"/lib/apk/packages/{package.name}"
    lists = []
    if user := package.fields.get("Require-User"):
        lists.append(Member(f"{at}.rusers", 0o644, f"{user}\n".encode()))
    paths = [member.path for member in [*package.members, *lists] if member.data is not None]
    lists.append(Member(f"{at}.list", 0o644, "".join(f"{path}\n" for path in sorted(paths)).encode()))
    if package.conffiles:
        lists.append(Member(f"{at}.conffiles", 0o644, "".join(f"{path}\n" for path in package.conffiles).encode()))
        content = {member.path: member.data for member in package.members}
        hashes = [f"{path} {hashlib.sha256(content[path]).hexdigest()}\n" for path in package.conffiles if path in content]
        if hashes:
            lists.append(Member(f"{at}.conffiles_static", 0o644, "".join(hashes).encode()))
    return lists


def pkginfo(package, release, arch, size, datahash):
    lines = [
        ("pkgname", package.name),
        ("pkgver", release.version),
        ("pkgdesc", package.fields["Description"]),
        ("builddate", release.time),
        ("size", size),
        ("arch", arch if package.of_one_cpu else "noarch"),
        ("origin", release.source),
        ("maintainer", release.maintainer),
        ("license", release.license),
        *(("depend", name) for name in package.depends),
        *(("provides", name.strip()) for name in package.fields.get("Provides", "").split(",") if name.strip()),
        ("datahash", datahash),
    ]
    return "".join(f"{key} = {value}\n" for key, value in lines)
