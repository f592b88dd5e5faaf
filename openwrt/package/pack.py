#!/usr/bin/env python3
"""pack.py ARCH {--programs DIR --out DIR | --check} [--sources DIR] [--release N] [NAME...]: an .ipk and an .apk of each package, as manifests say.

One line of JSON for each package on standard output: its files, their bytes, and what it takes of a router's flash at most.

ARCH        OpenWrt's name of the CPU, as aarch64_cortex-a53
--programs  where the programs for it are, without symbols
--sources   the tree that the manifests name files of, this repository
--release   the package's release, if another than release.py's: an upgrade to try
--check     packs nothing, and wants no programs: says what of the sources is missing, which a build should not be waited for
NAME        which packages, all there is a manifest of
"""
import argparse
import glob
import json
import os
import sys

import apk
import ipk
import manifest
import release

HERE = os.path.dirname(os.path.realpath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))


def pack(package, common, arch, out):
    """Writes the package in both forms, or neither; what pack.py says of it."""
    said = {"package": package.name, "arch": arch}
    for form in (ipk, apk):
        content = form.build(package, common, arch)
        path = os.path.join(out, form.file_name(package, common, arch))
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.replace(path + ".new", path)
        said[form.__name__] = len(content)
        said[form.__name__ + "_file"] = os.path.basename(path)
    # Uncompressed; a router's flash is, so what is taken of it is rather less.
    said["flash"] = sum(len(member.data or b"") for member in package.members)
    return said


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("arch")
    options.add_argument("--programs")
    options.add_argument("--out")
    options.add_argument("--check", action="store_true")
    options.add_argument("--sources", default=REPOSITORY)
    options.add_argument("--release", type=int, default=release.RELEASE)
    options.add_argument("names", nargs="*")
    given = options.parse_intermixed_args()
    if not given.check and not (given.programs and given.out):
        options.error("--programs and --out, or --check")
    paths = [os.path.join(HERE, f"{name}.manifest") for name in given.names] or sorted(glob.glob(f"{HERE}/*.manifest"))
    packages, faults = [], []
    for path in paths:
        try:
            packages.append(manifest.read(path, given.sources, None if given.check else given.programs))
        except (manifest.ManifestError, OSError) as fault:
            faults.append(str(fault))
    if faults:
        # All of them at once: who lays files out mends them together.
        sys.exit("\n".join(faults))
    if given.check:
        return
    common = release.of(REPOSITORY, given.release)
    os.makedirs(given.out, exist_ok=True)
    for package in packages:
        print(json.dumps(pack(package, common, given.arch, given.out), separators=(",", ":")))


if __name__ == "__main__":
    main()
