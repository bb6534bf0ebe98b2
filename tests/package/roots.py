# SPDX-License-Identifier: Apache-2.0
"""Bare Debian systems in folders.  A command in one has its own mounts, which
are gone when it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

RELEASE = "bookworm"
MIRROR = "http://deb.debian.org/debian"

# $1 is the root, what follows the command.
ENTER = """\
root=$1
shift
mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/run" || exit
if [ -n "$OFFLINE" ]; then
    ip link set lo up
elif [ -e /etc/resolv.conf ]; then
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
fi
exec chroot "$root" /usr/bin/env -i $KEPT "$@"
"""

ENVIRONMENT = {
    "HOME": "/root", "LC_ALL": "C.UTF-8", "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
KEPT = ("http_proxy", "https_proxy", "no_proxy", "SOURCE_DATE_EPOCH")


class Failed(Exception):
    """A step did not do what it should."""


def sources() -> list[str]:
    """Where this machine gets its Debian packages from, if it is the same
    release; as lines of sources.list."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "deb $(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages",
         "Origin: Debian"], capture_output=True, text=True, check=False)
    lines = sorted({line for line in asked.stdout.splitlines()
                    if RELEASE in line})
    return lines or [f"deb {MIRROR} {RELEASE} main"]


class Root:
    def __init__(self, folder: Path, log: Path):
        self.folder = folder
        self._log = log

    def run(self, *argv: str, offline: bool = False) -> str:
        """Runs a command as root; returns what it said, which goes into the
        log, too."""
        environment = ENVIRONMENT | {name: os.environ[name] for name in KEPT
                                     if name in os.environ}
        kept = " ".join(f"{name}={value}"
                        for name, value in environment.items())
        command = ["unshare", "--mount", "--propagation", "slave",
                   *(["--net"] if offline else []), "sh", "-c", ENTER, "enter",
                   os.fspath(self.folder), *argv]
        said: list[str] = []
        with self._log.open("a") as log, subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace",
                env={**os.environ, "KEPT": kept,
                     "OFFLINE": "1" if offline else ""}) as process:
            print("+", *argv, file=log, flush=True)
            assert process.stdout
            for line in process.stdout:
                log.write(line)
                said.append(line)
        if process.returncode:
            raise Failed(f"{' '.join(argv)}: exit status {process.returncode}"
                         f" (see {self._log})\n{''.join(said[-10:])}")
        return "".join(said)

    def apt_get(self, *arguments: str) -> str:
        return self.run("apt-get", "-q", "-y", *arguments)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)


def make_base(archive: Path, log: Path) -> None:
    """A bare system as an archive, brought up to date."""
    folder = archive.parent / "base"
    remove(folder)
    lines = sources()
    mirror = next((line.split()[1] for line in lines
                   if line.split()[2] == RELEASE), MIRROR)
    with log.open("a") as sink:
        made = subprocess.run(["debootstrap", RELEASE, folder, mirror],
                              stdout=sink, stderr=sink, check=False)
    if made.returncode:
        raise Failed(f"debootstrap: exit status {made.returncode} (see {log})")
    root = Root(folder, log)
    root.write("/etc/apt/sources.list", "\n".join(lines) + "\n")
    root.apt_get("update")
    root.apt_get("upgrade")
    partial = archive.with_suffix(".partial")
    with tarfile.open(partial, "w") as tar:
        tar.add(folder, ".")
    partial.rename(archive)
    remove(folder)


def unpack(archive: Path, folder: Path, log: Path) -> Root:
    """A fresh root from an archive, no matter what was there."""
    remove(folder)
    folder.mkdir(parents=True)
    subprocess.run(["tar", "--numeric-owner", "-xf", archive, "-C", folder],
                   check=True)
    root = Root(folder, log)
    root.apt_get("update")
    return root


def remove(folder: Path) -> None:
    """Nothing is mounted there but by commands that are gone; still, nothing
    on another file system is touched."""
    if folder.exists():
        subprocess.run(["rm", "-rf", "--one-file-system", folder], check=True)


def copy_into(root: Root, source: Path, where: str) -> str:
    """Copies a file; returns its path in the root."""
    shutil.copy(source, root.folder / where.lstrip("/"))
    return f"{where}/{source.name}"
