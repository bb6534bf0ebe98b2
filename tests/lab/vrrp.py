# SPDX-License-Identifier: Apache-2.0
"""keepalived in VMs: who of several has an address, and how long it takes to
change hands."""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
from collections.abc import Callable, Iterator

from . import frames
from .frames import Frame
from .processes import Daemon, wait_until
from .vm import PACKET_OUTGOING, Vm

CONFIG = """\
global_defs {{
    router_id {name}
    vrrp_version 3
}}
vrrp_instance shared {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 0.1
    unicast_src_ip {own}
    unicast_peer {{
        {peer}
    }}
    virtual_ipaddress {{
        {ipv4}/24 dev eth0
    }}
    virtual_ipaddress_excluded {{
        {ipv6}/64 dev eth0
    }}
}}
"""
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
QUEUE = 16 << 20                # Bytes: seconds of pings.


class Keepalived:
    """keepalived in a VM, which shares 'ips', one of each family, with
    another VM.  It stays a backup while the other is the master."""

    def __init__(self, vm: Vm, peer: Vm, ips: list[str]):
        self.vm = vm
        self.ips = ips
        folder = vm.folder / f"keepalived-{vm.name}"
        folder.mkdir(exist_ok=True)
        self._config = folder / "keepalived.conf"
        self._pids = [f"--{kind}={folder}/{kind}.pid"
                      for kind in ("pid", "vrrp_pid", "checkers_pid")]
        ipv4, ipv6 = ips
        self._config.write_text(CONFIG.format(
            name=vm.name, own=vm.ipv4, peer=peer.ipv4, ipv4=ipv4, ipv6=ipv6))
        self._daemon: Daemon | None = None

    def start(self) -> None:
        daemon = self.vm.daemon(
            "keepalived", "--dont-fork", "--log-console", "--log-detail",
            "--vrrp", f"--use-file={self._config}", *self._pids)
        daemon.wait_ready(lambda: "Entering BACKUP STATE" in daemon.said())
        self._daemon = daemon

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """A master gives up its addresses, and says so to the others."""
        if self._daemon:
            self._daemon.stop(how)
            self._daemon = None

    def is_master(self) -> bool:
        return f" {self.ips[0]}/" in self.vm.namespace.ip("addr show eth0")

    def wait_master(self) -> None:
        wait_until(self.is_master, f"{self.vm.name} is the master")


@contextlib.contextmanager
def sharing(a: Vm, b: Vm, ips: list[str]
            ) -> Iterator[tuple[Keepalived, Keepalived]]:
    """keepalived in two VMs, the first of which is the master."""
    first, second = Keepalived(a, b, ips), Keepalived(b, a, ips)
    try:
        first.start()
        first.wait_master()
        second.start()
        yield first, second
    finally:
        second.stop()
        first.stop()


class Watched:
    """eth0 of a VM, and when each frame passed it: kernel's time, in seconds
    since the epoch."""

    def __init__(self, sock: socket.socket):
        self._sock = sock
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, QUEUE)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def passed(self, outgoing: bool, looks: Callable[[bytes], bool]
               = lambda raw: True) -> list[tuple[float, Frame]]:
        """What has passed since the last call, in one direction, of the
        frames that look right."""
        seen = []
        while True:
            try:
                raw, notes, _, address = self._sock.recvmsg(
                    2048, 128, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return seen
            if (address[2] == PACKET_OUTGOING) == outgoing and looks(raw):
                seconds, ns = struct.unpack("@ll", notes[0][2][:16])
                seen.append((seconds + ns / 1e9, frames.decode(raw)))


@contextlib.contextmanager
def watching(*vms: Vm) -> Iterator[list[Watched]]:
    with contextlib.ExitStack() as stack:
        yield [Watched(stack.enter_context(contextlib.closing(
            vm.namespace.packet_socket("eth0")))) for vm in vms]


def is_announcement(frame: Frame, address: str) -> bool:
    return (frame.kind in ("arp-request", "arp-reply")
            and frame.ip_src == frame.ip_dst == address
            or frame.kind == "nd-advert" and frame.nd_target == address)


def looks_like_announcement(raw: bytes) -> bool:
    """May it be one?  This is much cheaper than to decode it."""
    return raw[12:14] == b"\x08\x06" or raw[54:55] == b"\x88"
