# SPDX-License-Identifier: Apache-2.0
"""Builds the package in a bare system, from its Build-Depends alone and
without a network, and has lintian, blhc and hardening-check look at it."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from .roots import Failed, Root

TOP = Path(__file__).resolve().parents[2]
SOURCE = "/home/builder/vtepd"
LATER = "0.1.1"

CHANGELOG = """\
vtepd ({version}-1) unstable; urgency=medium

  * To upgrade to.

 -- The vtepd maintainers <maintainers@vtepd.invalid>  {date}

"""


class Packages:
    """What was built, by name and version, as paths on this machine."""

    def __init__(self, folder: Path):
        self.folder = folder

    def find(self, name: str, version: str = "*") -> Path:
        found = sorted(self.folder.glob(f"{name}_{version}-*.deb"))
        if not found:
            raise Failed(f"there is no {name}_{version} in {self.folder}")
        return found[0]


def prepare(root: Root) -> None:
    """Nothing is installed but what Build-Depends names."""
    root.run("useradd", "--create-home", "builder")
    root.apt_get("install", "--no-install-recommends", "build-essential")
    root.write("/root/deps/debian/control",
               (TOP / "packaging/debian/control").read_text())
    root.run("sh", "-c", "cd /root/deps && apt-get -q -y"
             " --no-install-recommends build-dep .")
    tree = root.folder / SOURCE.lstrip("/")
    tree.mkdir()
    subprocess.run(
        "tar --exclude=./build --exclude=./.git --exclude=__pycache__ -c ."
        f" | tar -x --no-same-owner -C {shlex.quote(str(tree))}",
        shell=True, cwd=TOP, check=True)
    root.run("chown", "-R", "builder:", SOURCE)


def as_builder(root: Root, command: str) -> str:
    return root.run("su", "builder", "-c", f"cd {SOURCE} && {command}",
                    offline=True)


def build(root: Root) -> str:
    """Returns what the build said."""
    return as_builder(root, "make deb SKIP_PACKAGES=1")


def build_later(root: Root) -> None:
    """The same as a later release, without compiling Open vSwitch again."""
    folder = f"{SOURCE}/build/deb"
    old = next((root.folder / folder.lstrip("/")).glob("vtepd-*/")).name
    date = root.run("date", "-R").strip()
    stanza = CHANGELOG.format(version=LATER, date=date)
    as_builder(root, f"""
        cd {folder}/{old} && rm -rf debian/vtepd debian/.debhelper &&
        sed -i 's/^VERSION = .*/VERSION = {LATER}/' Makefile &&
        {{ printf %s {shlex.quote(stanza)}; cat debian/changelog; }} >new &&
        mv new debian/changelog && rm -rf build/agent build/ovsdb-client &&
        DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -b -nc -us -uc""")


def collect(root: Root, folder: Path) -> Packages:
    """Copies what was built to where it can be had."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("deb", "changes", "dsc", "buildinfo", "gz", "xz"):
        for file in (root.folder / f"{SOURCE}/build/deb".lstrip("/")).glob(
                f"vtepd*.{kind}"):
            (folder / file.name).write_bytes(file.read_bytes())
    return Packages(folder)


# Looking at it.

def install_tools(root: Root) -> None:
    root.apt_get("install", "--no-install-recommends", "lintian", "blhc",
                 "devscripts", "mandoc", "systemd")


def check_lintian(root: Root) -> str:
    """No errors and warnings; what else there is goes into the log."""
    changes = f"{SOURCE}/build/deb/vtepd_*.changes"
    root.run("su", "builder", "-c", f"lintian -i -I --pedantic {changes}"
             " --fail-on none")
    said = root.run("su", "builder", "-c", f"lintian --fail-on none {changes}")
    found = [line for line in said.splitlines() if line[:2] in ("E:", "W:")]
    if found:
        raise Failed("\n".join(["lintian:", *found]))
    return "no errors, no warnings"


def check_hardening(root: Root, log: str) -> str:
    """The program's, and each compiler call's.  Both parts of control flow
    integrity are in our code, but not in what Debian's C library begins each
    program with, so no program there is marked."""
    root.write("/root/build.log", log)
    root.run("blhc", "--all", "--debian", "/root/build.log")
    programs = f"{SOURCE}/build/deb/vtepd-*/debian/vtepd/usr/sbin/vtepd"
    root.run("sh", "-c", f"hardening-check --nocfprotection {programs}")
    return "complete"


def check_manual(root: Root) -> str:
    root.run("sh", "-c", "mandoc -Tlint -Wwarning"
             f" {SOURCE}/packaging/man/*.[578]")
    return "no warnings"


def check_unit(root: Root) -> str:
    """The unit as it is installed, by the package's own systemd."""
    unit = f"{SOURCE}/packaging/systemd/vtepd.service"
    said = root.run("systemd-analyze", "security", "--offline=true",
                    "--no-pager", "--threshold=20", unit)
    return said.strip().splitlines()[-1].partition(": ")[2]


def check_debug_symbols(packages: Packages) -> str:
    packages.find("vtepd-dbgsym")
    return "there"
