# SPDX-License-Identifier: Apache-2.0
"""Child processes, and waiting for conditions instead of for time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class CommandError(Exception):
    """A command ended with another exit status than 0."""

    def __init__(self, argv: Sequence[str], status: int, output: str):
        super().__init__(f"{' '.join(argv)}: exit status {status}\n{output}")
        self.status = status
        self.output = output


def run(argv: Sequence[str], *, stdin: str | None = None, check: bool = True,
        timeout: float = 60, env: Mapping[str, str] | None = None) -> str:
    """Runs a command and returns what it wrote to its standard output.

    With 'check', an exit status other than 0 raises CommandError, which
    carries the standard error too."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True,
                          errors="replace", timeout=timeout, check=False,
                          env=None if env is None else {**os.environ, **env})
    if check and done.returncode:
        raise CommandError(argv, done.returncode, done.stderr + done.stdout)
    return done.stdout


def wait_until(probe: Callable[[], T], what: str, timeout: float = 15,
               until: Callable[[T], object] = bool,
               interval: float = 0.03) -> T:
    """Calls 'probe' until 'until' accepts its value, and returns that value.

    After 'timeout' seconds raises TimeoutError, which says what was waited
    for and which value was seen last.  CommandError counts as "not yet"."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            value = probe()
            if until(value):
                return value
            seen = repr(value)
        except CommandError as error:
            seen = str(error)
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not so after {timeout:g} s;"
                               f" last seen: {seen}")
        time.sleep(interval)


class Daemon:
    """A child process that runs until it is stopped, its output in a file.

    It has a session of its own, so that Ctrl-C on the terminal reaches the
    lab only, which then ends its children in order."""

    def __init__(self, name: str, argv: Sequence[str], output: Path,
                 env: Mapping[str, str] | None = None):
        self.name = name
        self.argv = list(argv)
        self.output = output
        with output.open("ab") as sink:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                start_new_session=True,
                env=None if env is None else {**os.environ, **env})

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_running(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        """All that the process wrote to its standard output and error."""
        return self.output.read_text(errors="replace")

    def wait_ready(self, is_ready: Callable[[], object], timeout: float = 20
                   ) -> None:
        """Waits until 'is_ready'; fails at once when the process ends."""
        def probe() -> bool:
            if not self.is_running():
                raise RuntimeError(f"{self.name} ended with status"
                                   f" {self.process.returncode}:\n"
                                   f"{' '.join(self.argv)}\n{self.said()}")
            return bool(is_ready())

        wait_until(probe, f"{self.name} is ready", timeout)

    def stop(self, how: signal.Signals = signal.SIGTERM,
             timeout: float = 10) -> int:
        """Ends the process and returns its status, negative for a signal."""
        if self.is_running():
            self.process.send_signal(how)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def end_processes(pids: Sequence[int], grace: float = 3) -> None:
    """Ends processes that need not be our children: SIGTERM, then SIGKILL."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        left = [pid for pid in pids if _signal(pid, how)]
        deadline = time.monotonic() + grace
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = [pid for pid in left if _signal(pid, 0)]
        if not left:
            return
        pids = left


def _signal(pid: int, how: int) -> bool:
    """Sends a signal; False if there is no such process (a zombie counts as
    none: it is its parent's to collect)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
        if state.split()[0] == "Z":
            return False
        os.kill(pid, how)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True
