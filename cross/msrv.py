#!/usr/bin/env python3
"""msrv.py: whether every crate in Cargo.lock is content with the oldest Rust that we promise, Cargo.toml's rust-version.

The packages feed builds OpenWrt 24.10's packages with that one. Of our own code clippy sees to it (incompatible_msrv, which takes
the version from Cargo.toml as well). Standard input is what `cargo metadata --locked --format-version 1` says; prints a line.
"""
import json
import sys


def number(version):
    return tuple(int(part) for part in version.split("-")[0].split(".")) + (0,) * (2 - version.count("."))


def main():
    packages = json.load(sys.stdin)["packages"]
    ours = {package["rust_version"] for package in packages if not package["source"]}
    if len(ours) != 1 or None in ours:
        sys.exit(f"the workspace's crates have not one rust-version but {ours}: each says `rust-version.workspace = true`")
    [promised] = ours
    wanting = [package for package in packages if package["rust_version"] and number(package["rust_version"]) > number(promised)]
    for package in wanting:
        print(f"{package['name']} {package['version']} wants Rust {package['rust_version']}; Cargo.toml promises {promised}", file=sys.stderr)
    if wanting:
        sys.exit(1)
    told = [package for package in packages if package["source"] and package["rust_version"]]
    most = max(told, key=lambda package: number(package["rust_version"]))
    silent = sum(1 for package in packages if not package["rust_version"])
    print(f"rust-version {promised}: {len(packages)} crates are content, the newest wish is {most['name']}'s {most['rust_version']}; {silent} say nothing")


if __name__ == "__main__":
    main()
