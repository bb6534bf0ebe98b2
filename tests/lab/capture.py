# SPDX-License-Identifier: Apache-2.0
"""What goes over the fabric: tcpdump writes it down, this module reads it.

A capture is stopped by a marker frame: when the marker is in the file, so is
everything that crossed the fabric before it, and no time needs to pass."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import frames
from .frames import Frame
from .netns import Namespace
from .processes import wait_until

# Whole frames; no more, because each takes so much of the buffer.
SNAPLEN = 2048
VXLAN_PORT, GENEVE_PORT = 4789, 6081
TRANSPARENT_ETHERNET = 0x6558
GRE_HAS_CHECKSUM, GRE_HAS_KEY, GRE_HAS_SEQUENCE = 0x8000, 0x2000, 0x1000


@dataclass(frozen=True)
class Encapsulated:
    """An inner frame in its tunnel packet."""

    outer_src: str
    outer_dst: str
    encap: str                  # "vxlan", "gre", "geneve"
    key: int | None             # VNI or GRE key; None: GRE without a key.
    port: int                   # Outer UDP destination port; 0 for GRE.
    inner: Frame


def decapsulate(outer: Frame, vxlan_ports: frozenset[int]
                ) -> Encapsulated | None:
    """The tunnel packet that 'outer' is, or None."""
    data = outer.payload
    if outer.proto == frames.PROTO_UDP and outer.dport in vxlan_ports:
        return Encapsulated(outer.ip_src, outer.ip_dst, "vxlan",
                            int.from_bytes(data[4:7], "big"), outer.dport,
                            frames.decode(data[8:]))
    if outer.proto == frames.PROTO_UDP and outer.dport == GENEVE_PORT:
        options = (data[0] & 0x3f) * 4
        return Encapsulated(outer.ip_src, outer.ip_dst, "geneve",
                            int.from_bytes(data[4:7], "big"), outer.dport,
                            frames.decode(data[8 + options:]))
    if outer.proto == frames.PROTO_GRE:
        flags, protocol = struct.unpack_from("!HH", data)
        at, key = 4, None
        at += 4 if flags & GRE_HAS_CHECKSUM else 0
        if flags & GRE_HAS_KEY:
            key, = struct.unpack_from("!I", data, at)
            at += 4
        at += 4 if flags & GRE_HAS_SEQUENCE else 0
        inner = data[at:] if protocol == TRANSPARENT_ETHERNET else b""
        return Encapsulated(outer.ip_src, outer.ip_dst, "gre", key, 0,
                            frames.decode(inner))
    return None


def read_pcap(path: Path) -> Iterator[bytes]:
    """The frames of a file by tcpdump; a last one not yet whole is left."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) < 24:
        return
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") \
        else ">"
    at = 24
    while at + 16 <= len(data):
        length, = struct.unpack_from(order + "I", data, at + 8)
        if at + 16 + length > len(data):
            return
        yield data[at + 16:at + 16 + length]
        at += 16 + length


class Capture:
    """tcpdump on one interface, from 'with' to stop().

        with Capture(fabric, "fabric", folder / "x.pcap") as wire:
            ...
        assert wire.count(encap="vxlan", key=77) == 2
    """

    def __init__(self, namespace: Namespace, interface: str, path: Path,
                 hosts: dict[str, str] | None = None,
                 vxlan_ports: frozenset[int] = frozenset({VXLAN_PORT})):
        self._namespace = namespace
        self._interface = interface
        self.path = path
        self._hosts = hosts or {}       # Underlay address -> host id.
        self._vxlan_ports = vxlan_ports
        self._frames: list[Frame] | None = None
        self._daemon = namespace.daemon(
            "tcpdump", ["tcpdump", "-n", "-U", "--immediate-mode",
                        "-s", str(SNAPLEN), "-B", "16384", "-Z", "root",
                        "-i", interface, "-w", str(path)],
            path.with_suffix(".log"))
        self._daemon.wait_ready(lambda: "listening on" in self._daemon.said())

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops when all that was sent before this call has been seen."""
        if self._frames is not None:
            return
        try:
            self.sync()
        finally:
            self._daemon.stop()
        if not re.search(r"^0 packets dropped by kernel", self._daemon.said(),
                         re.MULTILINE):
            raise RuntimeError(f"tcpdump missed something:"
                               f" {self._daemon.said()}")
        self._frames = self._read()

    def sync(self) -> None:
        """Waits until everything sent so far is in the file."""
        marker = frames.ether(frames.ZERO_MAC, frames.ZERO_MAC,
                              frames.ETH_TEST, os.urandom(46))
        with contextlib.closing(
                self._namespace.packet_socket(self._interface)) as sock:
            sock.send(marker)
        wait_until(lambda: marker in self.path.read_bytes(),
                   "the capture has seen its marker")

    def _read(self) -> list[Frame]:
        return [frame for frame in map(frames.decode, read_pcap(self.path))
                if frame.ethertype != frames.ETH_TEST]

    def outer(self) -> list[Frame]:
        """Every frame on the wire; while running, those of this moment."""
        return self._read() if self._frames is None else self._frames

    def encapsulated(self) -> list[Encapsulated]:
        """Every tunnel packet, in order."""
        found = (decapsulate(frame, self._vxlan_ports)
                 for frame in self.outer())
        return [packet for packet in found if packet]

    def select(self, *, src: str | None = None, dst: str | None = None,
               encap: str | None = None, key: int | None = None,
               kind: str | None = None, to_many: bool | None = None,
               inner: bytes | None = None) -> list[Encapsulated]:
        """Tunnel packets by host, encapsulation, key and inner frame."""
        return [
            packet for packet in self.encapsulated()
            if (src is None or self.host(packet.outer_src) == src)
            and (dst is None or self.host(packet.outer_dst) == dst)
            and (encap is None or packet.encap == encap)
            and (key is None or packet.key == key)
            and (kind is None or packet.inner.kind == kind)
            and (to_many is None or packet.inner.is_to_many() == to_many)
            and (inner is None or packet.inner.raw.startswith(inner))]

    def count(self, **criteria) -> int:
        return len(self.select(**criteria))

    def host(self, address: str) -> str:
        """The host with this underlay address, else the address itself."""
        return self._hosts.get(address, address)

    def summary(self) -> Counter[tuple[str, str, str, int | None, str]]:
        """Packets by (from, to, encapsulation, key, kind of inner frame)."""
        return Counter((self.host(packet.outer_src),
                        self.host(packet.outer_dst), packet.encap, packet.key,
                        packet.inner.kind) for packet in self.encapsulated())

    def __repr__(self) -> str:
        return "\n".join(
            f"{n} x {src} -> {dst} {encap} {key}: {kind}"
            for (src, dst, encap, key, kind), n in sorted(
                self.summary().items(), key=str)) or "no tunnel packet"
