# SPDX-License-Identifier: Apache-2.0
"""What a process has cost so far, and talking to a daemon of Open vSwitch."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


class Stuck(Exception):
    """Something did not happen in time."""


def wait_for(probe: Callable[[], object], what: str, interval: float = 0.002,
             timeout: float = 300) -> None:
    deadline = time.monotonic() + timeout
    while not probe():
        if time.monotonic() > deadline:
            raise Stuck(f"{what}: not so after {timeout:g} s")
        time.sleep(interval)


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads, those that have ended too, by the process's CPU
    clock (clock_getcpuclockid(3)).  /proc/PID/stat has the same in steps of
    10 ms."""
    return time.clock_gettime(~pid << 3 | 2)


def memory(pid: int) -> tuple[float, float]:
    """Resident now, and at most so far, in MB (10^6 bytes)."""
    fields = dict(line.split(":", 1) for line in
                  Path(f"/proc/{pid}/status").read_text().splitlines())
    return (int(fields["VmRSS"].split()[0]) * 1024 / 1e6,
            int(fields["VmHWM"].split()[0]) * 1024 / 1e6)


def memory_at_rest(pid: int) -> tuple[float, float]:
    """The same once vtepd has given back what it does not need, which it does
    a second or two after the work."""
    settle(pid, quiet=3)
    return memory(pid)


def shared_memory(pid: int) -> float:
    """What of it are pages of files that other processes have too, in MB: the
    libraries' code."""
    fields = dict(line.split(":", 1) for line in
                  Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                  if line.endswith("kB"))
    return int(fields["Shared_Clean"].split()[0]) * 1024 / 1e6


def wake_ups(pid: int) -> dict[str, int]:
    """How often each of its threads went to sleep of its own accord so far."""
    return {task.name: int(line.split()[1])
            for task in Path(f"/proc/{pid}/task").iterdir()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("voluntary_ctxt_switches")}


def settle(*pids: int, quiet: float = 0.1) -> None:
    """Waits until the processes have used next to no CPU time for 'quiet'
    seconds."""
    def used() -> float:
        return sum(map(cpu_seconds, pids))

    before, since = used(), time.monotonic()
    deadline = since + 120
    while time.monotonic() - since < quiet:
        time.sleep(0.01)
        now = used()
        if now - before > 0.0005:
            before, since = now, time.monotonic()
        if time.monotonic() > deadline:
            raise Stuck("the daemons do not come to rest")


@dataclass
class Cost:
    wall: float                 # Seconds.
    cpu: float


def run_measured(argv: Sequence[str]) -> Cost:
    """Runs a command to its end; its output is thrown away."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime
                - before.ru_utime - before.ru_stime)


class Control:
    """A daemon's control socket, kept open: ovs-appctl would cost more than
    many of the things measured."""

    def __init__(self, path: Path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(120)
        self._socket.connect(os.fspath(path))
        self._decoder = json.JSONDecoder()
        self._last_id = 0

    def close(self) -> None:
        self._socket.close()

    def command(self, name: str, *arguments: str) -> str:
        self._last_id += 1
        self._socket.sendall(json.dumps(
            {"id": self._last_id, "method": name,
             "params": list(arguments)}).encode())
        received = b""
        while True:
            data = self._socket.recv(1 << 20)
            if not data:
                raise Stuck(f"{name}: the daemon hung up")
            received += data
            if not received.endswith(b"}"):
                continue
            try:
                answer, _ = self._decoder.raw_decode(received.decode())
            except ValueError:
                continue
            if answer["error"]:
                raise RuntimeError(f"{name}: {answer['error']}")
            return answer["result"]
