# SPDX-License-Identifier: Apache-2.0
"""Echo requests, and how many of them were answered."""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from dataclasses import dataclass

from .frames import icmp_echo

PAYLOAD = bytes(56)
ICMP6_ECHO, ICMP6_REPLY, ICMP_REPLY = 128, 129, 0


@dataclass(frozen=True)
class PingResult:
    sent: int
    received: int
    duplicates: int

    @property
    def lost(self) -> int:
        return self.sent - self.received

    @classmethod
    def parse(cls, text: str) -> PingResult:
        """What ping(8) says in the end."""
        found = re.search(r"(\d+) packets transmitted, (\d+) received"
                          r"(?:, \+(\d+) duplicates)?", text)
        if not found:
            return cls(0, 0, 0)
        return cls(*(int(number or 0) for number in found.groups()))


def connect(target: str) -> socket.socket:
    """A socket of the calling thread's namespace, to ping an address with."""
    v6 = ":" in target
    family = socket.AF_INET6 if v6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    address = socket.getaddrinfo(target, None, family)[0][4]
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
    try:
        sock.connect(address)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def ping(sock: socket.socket, count: int, interval: float, wait: float
         ) -> PingResult:
    """Sends so many requests, at intervals; an answer to any of them counts
    up to 'wait' seconds after the last.  All times are in seconds."""
    ident = sock.fileno() ^ (time.monotonic_ns() >> 10 & 0xffff)
    answers = [0] * count
    for seq in range(count):
        send(sock, ident, seq)
        last = seq == count - 1
        until = time.monotonic() + (wait if last else interval)
        while not (last and all(answers)) and is_readable(sock, until):
            seq_answered = receive(sock, ident)
            if seq_answered is not None and seq_answered < count:
                answers[seq_answered] += 1
    received = sum(map(bool, answers))
    return PingResult(count, received, sum(answers) - received)


def send(sock: socket.socket, ident: int, seq: int) -> None:
    """A request that cannot be sent is one that is not answered."""
    if sock.family == socket.AF_INET6:
        request = struct.pack("!BBHHH", ICMP6_ECHO, 0, 0, ident, seq) + PAYLOAD
    else:
        request = icmp_echo(ident, seq, PAYLOAD)
    try:
        sock.send(request)
    except OSError:
        pass


def is_readable(sock: socket.socket, until: float) -> bool:
    left = max(0.0, until - time.monotonic())
    return bool(select.select([sock], [], [], left)[0])


def receive(sock: socket.socket, ident: int) -> int | None:
    """The sequence number of the answer that came; None if it is none."""
    try:
        data = sock.recv(65535)
    except OSError:             # What an ICMP error says of a request.
        return None
    if sock.family == socket.AF_INET6:
        wanted = ICMP6_REPLY
    else:
        data = data[(data[0] & 15) * 4:]
        wanted = ICMP_REPLY
    if len(data) < 8 or data[0] != wanted:
        return None
    answered, seq = struct.unpack("!HH", data[4:8])
    return seq if answered == ident else None
