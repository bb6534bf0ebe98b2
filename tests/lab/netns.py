# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: making them, running commands and opening sockets in
them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .processes import Daemon, end_processes, run

CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace with a name, as 'ip netns' knows them."""

    def __init__(self, name: str):
        self.name = name

    def create(self) -> None:
        """Makes the namespace, with IPv6 off for interfaces to come: a link
        that is only a wire must not send anything of its own."""
        run(["ip", "netns", "add", self.name])
        with self.entered():
            for scope in ("all", "default"):
                self._write_sysctl(f"net/ipv6/conf/{scope}/accept_ra", "0")
                self._write_sysctl(f"net/ipv6/conf/{scope}/accept_dad", "0")
            self._write_sysctl("net/ipv6/conf/default/disable_ipv6", "1")
        self.ip("link set lo up")

    def destroy(self) -> None:
        """Ends every process in the namespace, then removes it."""
        if self.name in names():
            end_processes(self.pids())
            run(["ip", "netns", "delete", self.name], check=False)

    def pids(self) -> list[int]:
        return [int(pid) for pid in
                run(["ip", "netns", "pids", self.name], check=False).split()]

    def argv(self, argv: Sequence[str]) -> list[str]:
        """The command that runs 'argv' in this namespace."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, argv: Sequence[str], *, stdin: str | None = None,
            check: bool = True, timeout: float = 60,
            env: Mapping[str, str] | None = None) -> str:
        return run(self.argv(argv), stdin=stdin, check=check, timeout=timeout,
                   env=env)

    def daemon(self, name: str, argv: Sequence[str], output: Path,
               env: Mapping[str, str] | None = None) -> Daemon:
        return Daemon(name, self.argv(argv), output, env)

    def ip(self, *commands: str) -> str:
        """Runs commands of ip(8), all in one process."""
        return run(["ip", "-n", self.name, "-batch", "-"],
                   stdin="\n".join(commands) + "\n")

    def sysctl(self, name: str, value: str) -> None:
        """Sets e.g. "net/ipv6/conf/eth0/disable_ipv6"."""
        with self.entered():
            self._write_sysctl(name, value)

    @staticmethod
    def _write_sysctl(name: str, value: str) -> None:
        Path("/proc/sys", name).write_text(value)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is in the namespace for the 'with' block.  A
        socket opened there stays there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(f"/run/netns/{self.name}",
                            os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(there)
            finally:
                os.close(there)
            try:
                yield
            finally:
                _setns(home)
        finally:
            os.close(home)

    def packet_socket(self, interface: str) -> socket.socket:
        """A raw socket that sends and receives whole Ethernet frames."""
        with self.entered():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            sock.bind((interface, 0x0003))          # ETH_P_ALL
        return sock


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


def names() -> list[str]:
    """The names of all network namespaces."""
    folder = Path("/run/netns")
    return sorted(os.listdir(folder)) if folder.is_dir() else []
