#!/usr/bin/env python3
"""kmod.py NAME ARCH OUT: an empty package kmod-..., for a kernel that has the module without it, as .ipk and .apk in OUT."""
import os
import sys

REPOSITORY = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../.."))
sys.path.insert(0, os.path.join(REPOSITORY, "openwrt/package"))
sys.dont_write_bytecode = True
import apk
import ipk
import manifest
import release
from archive import Member

name, arch, out = sys.argv[1:4]
package = manifest.Package(name, {"Section": "kernel", "Architecture": "all", "Description": "empty: the kernel has it"})
package.members.append(Member(f"/etc/modules.d/{name}", 0o644, f"{name.removeprefix('kmod-').replace('-', '_')}\n".encode()))
for form in (ipk, apk):
    common = release.of(REPOSITORY)
    with open(os.path.join(out, form.file_name(package, common, arch)), "wb") as file:
        file.write(form.build(package, common, arch))
