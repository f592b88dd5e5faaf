"""opkg's packages: OpenWrt up to 24.10, GL.iNet, Teltonika.

A gzip'ed tar of three members: the format's version, what is installed, and what is known of it.
"""
from archive import Member, gzip, tar, with_parents

# All that a package wants to happen is common to all packages, and OpenWrt's functions do it: run uci-defaults, enable and
# start the services of the package, stop and disable them before they go.
POSTINST = """#!/bin/sh
[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "${IPKG_INSTROOT}/lib/functions.sh"
default_postinst "$0" "$@"
"""
PRERM = """#!/bin/sh
[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "${IPKG_INSTROOT}/lib/functions.sh"
default_prerm "$0" "$@"
"""


def file_name(package, release, arch):
    return f"{package.name}_{release.version}_{arch if package.of_one_cpu else 'all'}.ipk"


def build(package, release, arch):
    """The package's bytes."""
    data = tar([Member("/", 0o755), *with_parents(package.members)], release.time, prefix=".")
    known = [
        Member("/control", 0o644, control(package, release, arch, len(data)).encode()),
        Member("/postinst", 0o755, POSTINST.encode()),
        Member("/prerm", 0o755, PRERM.encode()),
    ]
    # What is the package's own, default_postinst and default_prerm run.
    for name, text in (("/postinst-pkg", package.after_install), ("/prerm-pkg", package.before_removal)):
        if text:
            known.append(Member(name, 0o755, f"#!/bin/sh\n{text}".encode()))
    if package.conffiles:
        known.append(Member("/conffiles", 0o644, "".join(f"{path}\n" for path in package.conffiles).encode()))
    parts = [
        Member("/debian-binary", 0o644, b"2.0\n"),
        Member("/data.tar.gz", 0o644, gzip(data)),
        Member("/control.tar.gz", 0o644, gzip(tar([Member("/", 0o755), *with_parents(known)], release.time, prefix="."))),
    ]
    return gzip(tar(parts, release.time, prefix="."))


def control(package, release, arch, installed):
    fields = {
        "Package": package.name,
        "Version": release.version,
        "Depends": ", ".join(package.depends),
        "Provides": package.fields.get("Provides"),
        "Source": release.source,
        "License": release.license,
        "Section": package.fields["Section"],
        "Require-User": package.fields.get("Require-User"),
        "SourceDateEpoch": str(release.time),
        "Maintainer": release.maintainer,
        "Architecture": arch if package.of_one_cpu else "all",
        "Installed-Size": str(installed),
        "Description": package.fields["Description"],
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
