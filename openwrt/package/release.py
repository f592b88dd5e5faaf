"""What all packages of one build have in common: their version, whose they are, and the time their files bear."""
import os
import re
import subprocess
from dataclasses import dataclass

RELEASE = 2


@dataclass(frozen=True)
class Release:
    version: str
    license: str
    time: int
    source: str = "ntm"
    maintainer: str = "The NTM gateway authors"


def of(repository, number=RELEASE):
    """As the workspace's Cargo.toml says; the time of the last commit, unless SOURCE_DATE_EPOCH says another."""
    with open(os.path.join(repository, "Cargo.toml"), encoding="utf-8") as file:
        section = file.read().partition("[workspace.package]\n")[2].partition("\n[")[0]
    said = dict(re.findall(r'^(\w+) *= *"([^"]*)"', section, re.MULTILINE))
    return Release(version_for_routers(said["version"], number), said["license"], time_of(repository))


def version_for_routers(version, release=RELEASE):
    """Cargo's version as both package managers order it: 1.0.0-rc.2 comes before 1.0.0."""
    found = re.fullmatch(r"(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.?(\d+))?", version)
    if not found:
        raise ValueError(f"the version {version} of Cargo.toml has no like for apk: it takes 1.2.3 and 1.2.3-rc.1 (alpha, beta, rc)")
    number, stage, count = found.groups()
    return f"{number}{f'_{stage}{count}' if stage else ''}-r{release}"


def time_of(repository):
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(epoch)
    command = ["git", "-C", repository, "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
