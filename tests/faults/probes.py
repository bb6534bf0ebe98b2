# SPDX-License-Identifier: Apache-2.0
"""Probes between VMs, all the time, and what became of them."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import frames
from lab.netns import Namespace
from lab.processes import wait_until

HZ = 1000
# One in so many is the first of its flow: every 20 ms a packet on each stream
# asks for what is in the flow tables at that moment.
FRESH = 20
PORT = 9                    # "Discard".
QUEUE = 64 << 20            # Bytes; a probe takes below 1,000.
_SO_RCVBUFFORCE = 33
CONTROL = "control"

_SYS_PIDFD_GETFD = 438          # The same on all architectures.
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class End:
    """Where a stream begins or ends."""

    namespace: Namespace
    interface: str
    mac: str
    address: str


@dataclass
class Outage:
    """Probes in a row that were lost.  In seconds since the epoch: when the
    first was sent, and when one was sent that arrived."""

    begin: float
    end: float
    lost: int


@dataclass
class Stream:
    """What became of the probes of a stream.  Times in milliseconds."""

    sent: int
    lost: int
    repeated: int
    strayed: int            # Others' that came in here.
    gap: float              # Longest between two that came in.
    outage: float           # Longest time of which all probes were lost.
    outages: list[Outage]


@dataclass
class Result:
    streams: dict[str, Stream]
    control: Stream         # Between plain namespaces.
    skipped: int            # That the sender had no time to send.

    def total(self, what: str) -> int:
        return sum(getattr(stream, what) for stream in self.streams.values())

    def longest(self, what: str) -> float:
        return max(getattr(stream, what) for stream in self.streams.values())

    def last_outage(self) -> Outage | None:
        """The one that ended last, of all streams."""
        return max((outage for stream in self.streams.values()
                    for outage in stream.outages),
                   key=lambda outage: outage.end, default=None)


def _stream(value: dict) -> Stream:
    return Stream(value["sent"], value["lost"], value["repeated"],
                  value["strayed"], value["gap"] / 1e6,
                  value["outage"] / 1e6, [Outage(
                      begin / 1e9, end / 1e9, lost)
                      for begin, end, lost in value["outages"]])


def deepen(sock: socket.socket) -> None:
    """Gives a socket a receive queue that holds seconds of probes."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, QUEUE)


def _frame(source: End, target: End) -> bytes:
    datagram = frames.udp(source.address, target.address, 1, PORT, bytes(16))
    return frames.ether(target.mac, source.mac, frames.ETH_IPV4, frames.ipv4(
        source.address, target.address, frames.PROTO_UDP, datagram))


class Probes:
    """The running program."""

    def __init__(self, program: Path, ends: dict[str, tuple[End, End]]):
        with contextlib.ExitStack() as stack:
            receivers: dict[End, socket.socket] = {}
            arguments, fds = [], []
            for name, (source, target) in ends.items():
                tx = stack.enter_context(_sender(source))
                if target in receivers:
                    raise ValueError(f"two streams end at {target.address}")
                rx = receivers[target] = stack.enter_context(
                    _receiver(target))
                fds += [tx.fileno(), rx.fileno()]
                arguments.append(f"{name},{tx.fileno()},{rx.fileno()},"
                                 f"{_frame(source, target).hex()}")
            self._process = subprocess.Popen(
                [str(program), str(HZ), str(FRESH), *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=fds,
                text=True, start_new_session=True)

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def _ask(self, command: str) -> dict:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the probes have ended")
        return json.loads(line)

    def begin(self) -> None:
        self._ask("begin")

    def end(self) -> Result:
        value = self._ask("end")
        streams = {name: _stream(stream)
                   for name, stream in value["streams"].items()}
        control = streams.pop(CONTROL)
        return Result(streams, control, value["skipped"])

    def silent(self) -> dict[str, float]:
        """The streams on which nothing arrives, with milliseconds since a
        probe was sent that did (-1: none ever)."""
        return {name: age for name, (_, age) in self._ask("now").items()
                if not 0 <= age < 50}

    def n_sent(self) -> int:
        return sum(n_sent for name, (n_sent, _) in self._ask("now").items()
                   if name != CONTROL)

    def wait_flow(self, timeout: float = 15) -> None:
        wait_until(self.silent, "probes arrive on every stream", timeout,
                   until=lambda streams: not streams)

    def wait_outage(self) -> None:
        """Waits until a stream is silent.  An outage may be too short to be
        seen: then it is over."""
        with contextlib.suppress(TimeoutError):
            wait_until(self.silent, "a stream is silent", 2, interval=0.005)

    def wait_sent(self, n_probes: int) -> None:
        """Waits until so many were sent since begin()."""
        wait_until(self.n_sent, f"{n_probes} probes are sent", 120,
                   until=lambda n_sent: n_sent >= n_probes, interval=0.1)


def _sender(end: End) -> socket.socket:
    with end.namespace.entered():
        # Of no protocol: it receives nothing.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sock.bind((end.interface, 0))
    return sock


def _receiver(end: End) -> socket.socket:
    with end.namespace.entered():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((end.address, PORT))
    deepen(sock)
    return sock


@contextlib.contextmanager
def probing(program: Path, ends: dict[str, tuple[End, End]]
            ) -> Iterator[Probes]:
    probes = Probes(program, ends)
    try:
        yield probes
    finally:
        probes.close()


def deepen_queues(pid: int) -> int:
    """Deepens the packet sockets of a process, which is a switch; returns how
    many there were.

    The switch works in user space, in the thread that also waits for its
    database, and while that is away it does nothing.  (A kernel's would go
    on.)  With the queues as they are what came in meanwhile would be lost,
    whatever vtepd does: so it waits instead, and shows as a gap."""
    n_sockets = 0
    pidfd = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if not os.readlink(f"/proc/{pid}/fd/{name}").startswith(
                        "socket:"):
                    continue
                with _steal(pidfd, int(name)) as sock:
                    if sock.family == socket.AF_PACKET:
                        deepen(sock)
                        n_sockets += 1
    finally:
        os.close(pidfd)
    return n_sockets


def _steal(pidfd: int, fd: int) -> socket.socket:
    """A duplicate of a socket of another process (pidfd_getfd(2))."""
    mine = _libc.syscall(_SYS_PIDFD_GETFD, pidfd, fd, 0)
    if mine < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return socket.socket(fileno=mine)
