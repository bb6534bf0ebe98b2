# SPDX-License-Identifier: Apache-2.0
"""Stands between a switch and those who speak OpenFlow with it, and cuts a
connection in the middle of a bundle (OpenFlow 1.5, 7.3.9)."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from lab.hypervisor import INTEGRATION_BRIDGE, Hypervisor

HEADER = struct.Struct("!BBHI")
BUNDLE_CONTROL, BUNDLE_ADD = 33, 34
OPEN_REQUEST, COMMIT_REPLY = 0, 5
ANSWER = -1                 # Cut when the answer to a commit comes.


class Side:
    """What comes from one side, message by message."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.peer: Side
        self._buffer = b""

    def receive(self) -> list[bytes]:
        """Raises ConnectionError when there is no more."""
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionError
        self._buffer += data
        messages = []
        while len(self._buffer) >= HEADER.size:
            length = HEADER.unpack_from(self._buffer)[2]
            if length > len(self._buffer):
                break
            messages.append(self._buffer[:length])
            self._buffer = self._buffer[length:]
        return messages


class Cutter:
    """The proxy.  It does nothing but pass on until cut() is called."""

    def __init__(self, front: Path, back: Path):
        self._back = back
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(front))
        self._listener.listen()
        self._sides: dict[socket.socket, Side] = {}
        self._lock = threading.Lock()
        self._limit = 0             # 0: do not cut.
        self._n_added = 0
        self.n_cut = 0
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut(self, after: int) -> None:
        """Cuts the next connection on which so many messages (or the ANSWER)
        of a bundle were seen, once."""
        with self._lock:
            self._limit = after

    def close(self) -> None:
        self._ended = True
        self._thread.join()
        self._listener.close()
        for sock in list(self._sides):
            sock.close()

    def _serve(self) -> None:
        while not self._ended:
            ready, _, _ = select.select([self._listener, *self._sides], [],
                                        [], 0.1)
            for sock in ready:
                if sock is self._listener:
                    self._accept()
                elif sock in self._sides:
                    self._pass_on(self._sides[sock])

    def _accept(self) -> None:
        client = Side(self._listener.accept()[0])
        server = Side(socket.socket(socket.AF_UNIX))
        server.sock.connect(str(self._back))
        client.peer, server.peer = server, client
        self._sides[client.sock] = client
        self._sides[server.sock] = server

    def _pass_on(self, side: Side) -> None:
        try:
            for message in side.receive():
                with self._lock:
                    if self._is_last(message):
                        self._limit = 0
                        self.n_cut += 1
                        raise ConnectionError
                side.peer.sock.sendall(message)
        except ConnectionError:
            for end in (side, side.peer):
                del self._sides[end.sock]
                end.sock.close()

    def _is_last(self, message: bytes) -> bool:
        """Is this where to cut, so that it is not passed on?"""
        kind = HEADER.unpack_from(message)[1]
        if kind == BUNDLE_CONTROL:
            what, = struct.unpack_from("!H", message, HEADER.size + 4)
            if what == OPEN_REQUEST:
                self._n_added = 0
            return self._limit == ANSWER and what == COMMIT_REPLY
        if kind == BUNDLE_ADD:
            self._n_added += 1
            return 0 < self._limit < self._n_added
        return False


@contextlib.contextmanager
def between(hypervisor: Hypervisor) -> Iterator[Cutter]:
    """All OpenFlow connections to a hypervisor's bridge that are made
    meanwhile go through a Cutter."""
    front = hypervisor.folder / f"{INTEGRATION_BRIDGE}.mgmt"
    back = front.with_suffix(".behind")
    front.rename(back)
    cutter = Cutter(front, back)
    try:
        yield cutter
    finally:
        cutter.close()
        back.rename(front)
