# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm to a webhook listener; a process of its own, so that
the test that measures meanwhile is not slowed down by it.

    hostile.py ADDRESS PORT ATTACK SECONDS

ends after SECONDS and prints what it did and what it met, as JSON."""

from __future__ import annotations

import base64
import collections
import errno
import json
import os
import resource
import selectors
import socket
import sys
import time
from collections.abc import Iterator

MIB = 1024 * 1024
POST = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"


def wrongly_signed(body_headers: bytes = b"") -> bytes:
    """The head of a request, signed by somebody who does not know the
    secret."""
    signature = base64.b64encode(os.urandom(32))
    return (POST + b"\r\nwebhook-id: msg_%s\r\nwebhook-timestamp: %d\r\n"
            b"webhook-signature: v1,%s\r\n%s\r\n"
            % (os.urandom(12).hex().encode(), time.time(), signature,
               body_headers))


class Client:
    """A connection on which 'script' writes: it yields bytes, which are
    written as far as the server takes them, or a time in seconds, for which
    it does nothing.  When it has ended the client waits for the end."""

    def __init__(self, attack: Attack, script: Iterator[bytes | float]):
        self.sock = socket.socket(attack.family)
        self.sock.setblocking(False)
        code = self.sock.connect_ex(attack.address)
        assert code in (0, errno.EINPROGRESS), os.strerror(code)
        self.script = script
        self.left = b""
        self.not_before = 0.0
        self.ended = False
        self.answer = b""

    def step(self, now: float) -> bool:
        """Goes on; returns whether the connection still stands."""
        try:
            if not self._read():
                return False
            for _ in range(8):
                if now < self.not_before or (self.ended and not self.left):
                    break
                if not self.left:
                    self._next(now)
                self.left = self.left[self.sock.send(self.left):]
        except BlockingIOError:
            pass
        except OSError as error:
            return error.errno == errno.ENOTCONN
        return True

    def _next(self, now: float) -> None:
        item = next(self.script, None)
        if item is None:
            self.ended = True
        elif isinstance(item, bytes):
            self.left = item
        else:
            self.not_before = now + item

    def _read(self) -> bool:
        try:
            data = self.sock.recv(4096)
        except BlockingIOError:
            return True
        self.answer += data[:100]
        return bool(data)

    def close(self) -> str:
        """Returns the status it was answered with, or "closed"."""
        self.sock.close()
        words = self.answer.split(maxsplit=2)
        return words[1].decode() if len(words) > 1 else "closed"


class Attack:
    """'n' clients at once, each replaced as soon as it has come to its
    end."""

    def __init__(self, address: str, port: int, name: str):
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address = (address, port)
        self.script, self.n = ATTACKS[name]
        self.met: collections.Counter[str] = collections.Counter()

    def run(self, seconds: float) -> dict:
        begun = time.monotonic()
        clients: set[Client] = set()
        while (now := time.monotonic()) < begun + seconds:
            for _ in range(min(self.n - len(clients), 50)):
                clients.add(Client(self, self.script()))
            busy = False
            for client in list(clients):
                left = len(client.left)
                if not client.step(now):
                    clients.remove(client)
                    self.met[client.close()] += 1
                    busy = True
                busy = busy or len(client.left) != left
            if not busy:
                self._wait(clients)
        for client in clients:
            self.met["open"] += 1
            client.close()
        return {"seconds": time.monotonic() - begun, "met": self.met}

    @staticmethod
    def _wait(clients: set[Client]) -> None:
        with selectors.DefaultSelector() as selector:
            for client in clients:
                selector.register(client.sock, selectors.EVENT_READ)
            selector.select(0.01)


# What the clients do.

def idle() -> Iterator[bytes | float]:
    return iter(())


def byte_a_second() -> Iterator[bytes | float]:
    for byte in wrongly_signed(b"Content-Length: 100000\r\n"):
        yield bytes([byte])
        yield 1.0


def bad_signature() -> Iterator[bytes | float]:
    yield wrongly_signed(b"Content-Length: 2\r\n") + b"{}"


def large_body() -> Iterator[bytes | float]:
    yield wrongly_signed(b"Content-Length: %d\r\n" % (MIB + 1))
    yield b" " * (MIB + 1)


def large_chunks() -> Iterator[bytes | float]:
    yield wrongly_signed(b"Transfer-Encoding: chunked\r\n")
    yield b"100001\r\n" + b" " * (MIB + 1) + b"\r\n0\r\n\r\n"


def wrong_large_body() -> Iterator[bytes | float]:
    """Makes the server look for the signature of as much as there can be."""
    yield wrongly_signed(b"Content-Length: %d\r\n" % MIB)
    yield b" " * MIB


def unfinished_body() -> Iterator[bytes | float]:
    yield wrongly_signed(b"Content-Length: %d\r\n" % MIB)
    yield b" " * (MIB - 1)


def endless_chunks() -> Iterator[bytes | float]:
    yield wrongly_signed(b"Transfer-Encoding: chunked\r\n")
    while True:
        yield b"4000\r\n" + b" " * 0x4000 + b"\r\n"


def endless_headers() -> Iterator[bytes | float]:
    yield POST + b"\r\n"
    while True:
        yield b"X-%s: %s\r\n" % (os.urandom(8).hex().encode(), b"x" * 200)


# The script of each client, and how many there are at once.
ATTACKS = {
    "idle": (idle, 1000),
    "byte-a-second": (byte_a_second, 100),
    "bad-signatures": (bad_signature, 50),
    "bad-large-signatures": (wrong_large_body, 10),
    "large-bodies": (large_body, 10),
    "large-chunks": (large_chunks, 10),
    "unfinished-bodies": (unfinished_body, 100),
    "endless-chunks": (endless_chunks, 20),
    "endless-headers": (endless_headers, 20),
}


def main() -> None:
    address, port, name, seconds = sys.argv[1:]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    print(json.dumps(Attack(address, int(port), name).run(float(seconds))))


if __name__ == "__main__":
    main()
