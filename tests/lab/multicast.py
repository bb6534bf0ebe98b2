# SPDX-License-Identifier: Apache-2.0
"""Multicast in VMs: memberships that the VM's kernel reports, streams of
numbered datagrams, and what each VM hears of them, on its eth0 itself: what
reaches a VM that has not joined counts too."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator

from .processes import wait_until
from .vm import Vm

PORT = 5007

# What the agents tell each other comes from it.
AGENT_MAC = "02:76:74:65:70:64"
_tags = itertools.count(1)


def family(group: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in group else socket.AF_INET


class Membership:
    """A socket in the VM that has joined the group, until close()."""

    def __init__(self, vm: Vm, group: str, source: str | None = None):
        with vm.namespace.entered():
            self._sock = socket.socket(family(group), socket.SOCK_DGRAM)
            index = socket.if_nametoindex("eth0")
        if ":" in group:
            self._sock.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                socket.inet_pton(socket.AF_INET6, group)
                + struct.pack("@I", index))
        elif source:
            self._source = struct.pack("=4s4s4s", *map(
                socket.inet_aton, (group, vm.ipv4, source)))
            self._sock.setsockopt(socket.IPPROTO_IP,
                                  IP_ADD_SOURCE_MEMBERSHIP, self._source)
        else:
            self._sock.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                socket.inet_aton(group) + struct.pack("=4si", bytes(4),
                                                      index))

    def close(self) -> None:
        self._sock.close()

    def __enter__(self) -> Membership:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


IP_ADD_SOURCE_MEMBERSHIP = 39


def set_version(vm: Vm, group: str, version: int) -> None:
    """Which version of IGMP or MLD the VM's kernel speaks."""
    name = ("ipv6/conf/eth0/force_mld_version" if ":" in group
            else "ipv4/conf/eth0/force_igmp_version")
    vm.namespace.sysctl(f"net/{name}", str(version))


class Sender:
    """Sends datagrams to a group, numbered from 0, marked as its own."""

    def __init__(self, vm: Vm, group: str):
        self.mark = b"multicast %d " % next(_tags)
        self.sent = 0
        self._to = (group, PORT)
        with vm.namespace.entered():
            self._sock = socket.socket(family(group), socket.SOCK_DGRAM)
            index = socket.if_nametoindex("eth0")
        if ":" in group:
            self._sock.setsockopt(socket.IPPROTO_IPV6,
                                  socket.IPV6_MULTICAST_IF, index)
            self._sock.setsockopt(socket.IPPROTO_IPV6,
                                  socket.IPV6_MULTICAST_HOPS, 8)
            self._sock.setsockopt(socket.IPPROTO_IPV6,
                                  socket.IPV6_MULTICAST_LOOP, 0)
        else:
            self._sock.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                struct.pack("=4s4si", bytes(4), bytes(4), index))
            self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL,
                                  8)
            self._sock.setsockopt(socket.IPPROTO_IP,
                                  socket.IP_MULTICAST_LOOP, 0)

    def send(self, n: int = 1) -> None:
        for _ in range(n):
            self._sock.sendto(self.mark + struct.pack("!I", self.sent),
                              self._to)
            self.sent += 1

    def close(self) -> None:
        self._sock.close()

    def number(self, raw: bytes) -> int | None:
        """The number of the datagram in a frame, if it is one of these."""
        at = raw.find(self.mark)
        if at < 0:
            return None
        return struct.unpack_from("!I", raw, at + len(self.mark))[0]

    @contextlib.contextmanager
    def streaming(self, interval: float = 0.005) -> Iterator[None]:
        """Sends all the time."""
        end = threading.Event()

        def stream() -> None:
            while not end.wait(interval):
                self.send()

        thread = threading.Thread(target=stream)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()


class Ear:
    """All frames that reach the VM, from now on."""

    def __init__(self, vm: Vm):
        self._sock = vm.namespace.packet_socket("eth0")
        self._sock.setblocking(False)
        self._frames: list[bytes] = []

    def frames(self) -> list[bytes]:
        with contextlib.suppress(BlockingIOError):
            while True:
                raw, address = self._sock.recvfrom(65535)
                if address[2] != socket.PACKET_OUTGOING:
                    self._frames.append(raw)
        return self._frames

    def heard(self, sender: Sender) -> Counter[int]:
        """How often each datagram of the sender came."""
        return Counter(number for raw in self.frames()
                       if (number := sender.number(raw)) is not None)

    def close(self) -> None:
        self._sock.close()


def wait_stream(sender: Sender, ears: list[Ear], timeout: float = 15) -> None:
    """Sends until a datagram reaches all of them."""
    def arrives() -> bool:
        number = sender.sent
        sender.send()
        time.sleep(0.02)
        return all(number in ear.heard(sender) for ear in ears)

    wait_until(arrives, "the stream reaches its members", timeout)
