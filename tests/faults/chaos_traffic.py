# SPDX-License-Identifier: Apache-2.0
"""VMs that send to all sorts of addresses all the time, and what becomes of
it: who heard whom, and what went over the fabric.

Every frame carries who sent it and in which round.  What is seen is written
down here, each kind of event once, and judged when the round is over and all
is known that could have been true meanwhile."""

from __future__ import annotations

import random
import selectors
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from lab import frames
from lab.capture import decapsulate
from lab.netns import Namespace
from lab.vm import PACKET_OUTGOING, Vm

MAGIC = b"VTCHAOS1"
MARK = struct.Struct("!8sHHIB")         # Magic, sender, round, number, kind.
HONEST, FORGED = 0, 1
PER_SECOND = 100
VXLAN_PORTS = frozenset({4789, 4790})

SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
PACKET_STATISTICS = 6


class Heard(NamedTuple):
    """A frame that came to a VM.  'sender' -1: made by the switch."""

    receiver: int
    heard_in: int               # Rounds.
    sender: int
    sent_in: int
    forged: bool
    src: str
    dst: str
    kind: str
    told: str                   # The MAC that an ARP or ND reply tells.


class Crossed(NamedTuple):
    """A tunnel packet on the fabric."""

    seen_in: int
    outer_dst: str
    encap: str
    key: int | None
    sender: int
    sent_in: int
    forged: bool
    src: str
    dst: str


@dataclass
class Targets:
    """Where there may be somebody: replaced as a whole, never changed."""

    macs: list[str]
    ipv4: list[str]
    ipv6: list[str]


class Traffic(threading.Thread):
    def __init__(self, vms: list[Vm], fabric: Namespace, interface: str,
                 seed: int):
        super().__init__(name="traffic", daemon=True)
        self._random = random.Random(seed)
        self._vms = vms
        self._sockets = [vm.namespace.packet_socket("eth0") for vm in vms]
        self._fabric = _promiscuous(fabric, interface)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._number = 0
        self._asked: list[tuple[int, bytes]] = []
        self.round = 0
        self.targets = Targets([], [], [])
        self.n_sent = 0
        self.n_heard: Counter[int] = Counter()      # By sender.
        self.n_crossed = 0
        self.failure: BaseException | None = None
        self._events: set[Heard | Crossed] = set()
        self._arrived: set[int] = set()

    # For the one who judges.

    def take_events(self) -> set[Heard | Crossed]:
        """What there was since the last call."""
        with self._lock:
            events, self._events = self._events, set()
            self._arrived.clear()
        return events

    def probe(self, sender: int, receiver: int) -> int:
        """Sends an honest frame, soon; returns its number.  It is of no
        protocol that has addresses, which might be somebody else's."""
        with self._lock:
            self._number += 1
            frame = frames.ether(
                self._vms[receiver].mac, self._vms[sender].mac,
                frames.ETH_TEST,
                self._mark(sender, HONEST, self._number) + bytes(40))
            self._asked.append((sender, frame))
            return self._number

    def arrived(self, number: int) -> bool:
        with self._lock:
            return number in self._arrived

    def end(self) -> None:
        self._ended.set()
        self.join(10)
        for sock in (*self._sockets, self._fabric):
            sock.close()

    def n_missed(self) -> int:
        """Frames on the fabric that came faster than they were read."""
        data = self._fabric.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return struct.unpack("II", data)[1]

    # The thread.

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self.failure = error
            raise

    def _run(self) -> None:
        selector = selectors.DefaultSelector()
        for number, sock in enumerate((*self._sockets, self._fabric)):
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, number)
        next_time = time.monotonic()
        while not self._ended.is_set():
            left = next_time - time.monotonic()
            for key, _ in selector.select(max(0, left)):
                self._receive(key.fileobj, key.data)
            with self._lock:
                asked, self._asked = self._asked, []
            for sender, frame in asked:
                self._send(sender, frame)
            if time.monotonic() >= next_time:
                next_time = max(next_time + 1 / PER_SECOND,
                                time.monotonic() - 0.1)
                self._send_something()

    def _send(self, sender: int, frame: bytes) -> None:
        try:
            self._sockets[sender].send(frame)
            self.n_sent += 1
        except OSError:
            pass                # Its cable is out, or the queue is full.

    def _receive(self, sock: socket.socket, number: int) -> None:
        for _ in range(200):
            try:
                raw, address = sock.recvfrom(65535)
            except OSError:
                return          # Nothing more, or the link went down.
            if number == len(self._sockets):
                self._note_crossed(raw)
            elif address[2] != PACKET_OUTGOING:
                self._note_heard(number, raw)

    def _note_heard(self, receiver: int, raw: bytes) -> None:
        frame = frames.decode(raw)
        sender, sent_in, number, forged = _mark(raw)
        told = (frame.sha if frame.kind == "arp-reply" else
                frame.nd_lla if frame.kind == "nd-advert" else "")
        if told and sender == receiver:
            sender = -1         # The answer to its own question.
        with self._lock:
            self._arrived.add(number)
            self.n_heard[sender] += 1
            self._events.add(Heard(receiver, self.round, sender, sent_in,
                                   forged, frame.src, frame.dst, frame.kind,
                                   told))

    def _note_crossed(self, raw: bytes) -> None:
        packet = decapsulate(frames.decode(raw), VXLAN_PORTS)
        if packet is None:
            return
        sender, sent_in, _, forged = _mark(packet.inner.raw)
        with self._lock:
            self.n_crossed += 1
            self._events.add(Crossed(
                self.round, packet.outer_dst, packet.encap, packet.key,
                sender, sent_in, forged, packet.inner.src, packet.inner.dst))

    # What is sent.

    def _send_something(self) -> None:
        if not self.targets.macs:
            return
        rng = self._random
        sender = rng.randrange(len(self._vms))
        with self._lock:
            self._number += 1
            number = self._number
        make = rng.choices(*zip(
            (self._to_somebody, 50), (self._to_nobody, 6),
            (self._to_all, 6), (self._to_group, 4), (self._arp, 15),
            (self._solicitation, 6), (self._forged, 10), (self._tagged, 3)))[0]
        self._send(sender, make(sender, number))

    def _mark(self, sender: int, kind: int, number: int) -> bytes:
        return MARK.pack(MAGIC, sender, self.round, number, kind)

    def _udp(self, sender: int, dst: str, ip_src: str, ip_dst: str, kind: int,
             number: int, src: str | None = None, vlan: int | None = None
             ) -> bytes:
        body = self._mark(sender, kind, number) + bytes(20)
        datagram = frames.udp(ip_src, ip_dst, 4000, 4000, body)
        return frames.ether(dst, src or self._vms[sender].mac,
                            frames.ETH_IPV4, frames.ipv4(
                                ip_src, ip_dst, frames.PROTO_UDP, datagram),
                            vlan)

    def _honest(self, sender: int, number: int, dst: str, ip_dst: str
                ) -> bytes:
        return self._udp(sender, dst, self._vms[sender].ipv4, ip_dst, HONEST,
                         number)

    def _to_somebody(self, sender: int, number: int) -> bytes:
        return self._honest(sender, number,
                            self._random.choice(self.targets.macs),
                            self._random.choice(self.targets.ipv4))

    def _to_nobody(self, sender: int, number: int) -> bytes:
        mac = f"02:bb:00:00:00:{self._random.randrange(256):02x}"
        return self._honest(sender, number, mac, "10.0.0.250")

    def _to_all(self, sender: int, number: int) -> bytes:
        return self._honest(sender, number, frames.BROADCAST, "10.0.0.255")

    def _to_group(self, sender: int, number: int) -> bytes:
        return self._honest(sender, number, "01:00:5e:01:02:03", "239.1.2.3")

    def _arp(self, sender: int, number: int) -> bytes:
        vm = self._vms[sender]
        return frames.arp_request(
            vm.mac, vm.ipv4, self._random.choice(self.targets.ipv4)
            ) + self._mark(sender, HONEST, number)

    def _solicitation(self, sender: int, number: int) -> bytes:
        vm = self._vms[sender]
        return frames.neighbour_solicitation(
            vm.mac, vm.ipv6, self._random.choice(self.targets.ipv6)
            ) + self._mark(sender, HONEST, number)

    def _forged(self, sender: int, number: int) -> bytes:
        """With somebody else's MAC, or address."""
        rng, vm = self._random, self._vms[sender]
        if rng.random() < 0.5:
            return self._udp(sender, rng.choice(self.targets.macs), vm.ipv4,
                             rng.choice(self.targets.ipv4), FORGED, number,
                             src="02:cc:00:00:00:01")
        return self._udp(sender, rng.choice(self.targets.macs), "10.99.0.1",
                         rng.choice(self.targets.ipv4), FORGED, number)

    def _tagged(self, sender: int, number: int) -> bytes:
        return self._udp(sender, self._random.choice(self.targets.macs),
                         self._vms[sender].ipv4, "10.0.0.1", FORGED, number,
                         vlan=self._random.choice([0, 7]))


def _mark(raw: bytes) -> tuple[int, int, int, bool]:
    """Sender, round, number, whether it is forged; sender -1: not ours."""
    at = raw.find(MAGIC)
    if at < 0 or len(raw) < at + MARK.size:
        return -1, 0, 0, False
    _, sender, sent_in, number, kind = MARK.unpack_from(raw, at)
    return sender, sent_in, number, kind == FORGED


def _promiscuous(namespace: Namespace, interface: str) -> socket.socket:
    sock = namespace.packet_socket(interface)
    with namespace.entered():
        index = socket.if_nametoindex(interface)
    sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                    struct.pack("IHH8s", index, PACKET_MR_PROMISC, 0, b""))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    return sock
