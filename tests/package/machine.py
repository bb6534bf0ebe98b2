# SPDX-License-Identifier: Apache-2.0
"""A root that is booted, with systemd, in a network namespace of the lab."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from lab.netns import Namespace
from lab.processes import CommandError, Daemon, run, wait_until

from .roots import ENVIRONMENT, Root

# Where systemd keeps its processes apart, if none runs on this machine that
# would give the new one a place: a hierarchy or two of control groups.
HIERARCHIES = [path for path in map(Path, (
    "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"))
    if path.is_dir()] or [Path("/sys/fs/cgroup")]


class Machine:
    def __init__(self, root: Root, namespace: Namespace, output: Path):
        self.root = root
        self.namespace = namespace
        self._output = output
        self._nspawn: Daemon | None = None
        self._group = f"{namespace.name}-machine"
        self._init = 0

    def boot(self) -> None:
        arguments = [
            "systemd-nspawn", "--quiet", "--register=no",
            f"--directory={self.root.folder}",
            f"--network-namespace-path=/run/netns/{self.namespace.name}",
            # As on a hypervisor: what vtepd does not have, its unit took.
            "--capability=all", "--console=pipe", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off", "--boot"]
        if not Path("/run/systemd/system").is_dir():
            arguments[1:1] = ["--keep-unit"]
            arguments = ["sh", "-c", self._enter_groups()
                         + ' && exec "$@"', "enter", *arguments]
        self._nspawn = Daemon(f"machine in {self.namespace.name}", arguments,
                              self._output)
        self._nspawn.wait_ready(self._is_up, timeout=90)

    def _enter_groups(self) -> str:
        return " && ".join(f"mkdir -p {folder} && echo $$ >{folder}/"
                           "cgroup.procs" for folder in self._groups())

    def _groups(self) -> list[Path]:
        return [path / self._group for path in HIERARCHIES]

    def _is_up(self) -> bool:
        """systemd's state is "running", or "degraded" if a unit failed that
        has no place in a container; then it is up, too."""
        assert self._nspawn
        children = run(["ps", "-o", "pid=", "--ppid",
                        str(self._nspawn.pid)], check=False).split()
        if len(children) != 1:
            return False
        self._init = int(children[0])
        return self.run("systemctl", "is-system-running", check=False
                        ).strip() in ("running", "degraded")

    def argv(self, *argv: str) -> list[str]:
        return ["nsenter", f"--target={self._init}", "--all", "env", "-i",
                *(f"{name}={value}" for name, value in ENVIRONMENT.items()),
                *argv]

    def run(self, *argv: str, stdin: str | None = None, check: bool = True,
            timeout: float = 300) -> str:
        return run(self.argv(*argv), stdin=stdin, check=check,
                   timeout=timeout)

    def pid_of(self, program: str) -> int:
        """Of a process in the machine, as this machine numbers it."""
        for pid in self.namespace.pids():
            with contextlib.suppress(FileNotFoundError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == program:
                    return pid
        raise CommandError([program], 1, "is not running in the machine")

    def path(self, name: str) -> Path:
        """Of a file in the machine, while it is up: its /run, too."""
        return Path(f"/proc/{self._init}/root/{name.lstrip('/')}")

    def stop(self) -> None:
        """Powers it off."""
        if self._nspawn and self._nspawn.is_running():
            if self._init:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._init, signal.SIGRTMIN + 4)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._nspawn.process.wait(60)
            self._nspawn.stop(signal.SIGKILL)
        for group in self._groups():
            for folder in sorted(group.rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()

    # systemd.

    def unit(self, name: str, *properties: str) -> dict[str, str]:
        text = self.run("systemctl", "show", name,
                        *(f"--property={p}" for p in properties))
        return dict(line.split("=", 1) for line in text.splitlines())

    def wait_active(self, name: str, timeout: float = 60) -> None:
        """A unit with Type=notify is active once it has said READY=1."""
        wait_until(lambda: self.unit(name, "ActiveState", "SubState",
                                     "StatusText"),
                   f"{name} is active", timeout,
                   until=lambda unit: unit["ActiveState"] == "active")
