# SPDX-License-Identifier: Apache-2.0
"""How many flows the switch has, asked of the switch itself.

Table statistics (OpenFlow 1.4, OFPMP_TABLE) have a counter a table: answering
costs ovs-vswitchd some tens of microseconds however many flows there are,
unlike a dump or aggregate statistics.  A bundle is applied in one go by the
thread that answers, so the counters show all of it or nothing."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

VERSION = 5                     # OpenFlow 1.4.
HELLO, ECHO_REQUEST, ECHO_REPLY = 0, 2, 3
MULTIPART_REQUEST, MULTIPART_REPLY, TABLE = 18, 19, 3
HEADER = struct.Struct("!BBHI")
TABLE_STATS = struct.Struct("!B3xIQQ")


class FlowCounter:
    def __init__(self, path: Path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(120)
        self._socket.connect(str(path))
        self._xid = 0
        self._send(HELLO)

    def close(self) -> None:
        self._socket.close()

    def flows(self) -> int:
        """Flows in all tables."""
        self._xid += 1
        self._send(MULTIPART_REQUEST, struct.pack("!HH4x", TABLE, 0))
        total = 0
        while True:
            kind, xid, body = self._receive()
            if kind == MULTIPART_REPLY and xid == self._xid:
                stats = body[8:]
                total += sum(active for _, active, _, _
                             in TABLE_STATS.iter_unpack(stats))
                if not struct.unpack_from("!HH", body)[1] & 1:
                    return total

    def _send(self, kind: int, body: bytes = b"", xid: int | None = None
              ) -> None:
        self._socket.sendall(HEADER.pack(
            VERSION, kind, HEADER.size + len(body),
            self._xid if xid is None else xid) + body)

    def _receive(self) -> tuple[int, int, bytes]:
        _, kind, length, xid = HEADER.unpack(self._exactly(HEADER.size))
        body = self._exactly(length - HEADER.size)
        if kind == ECHO_REQUEST:
            self._send(ECHO_REPLY, body, xid)
        return kind, xid, body

    def _exactly(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            more = self._socket.recv(n - len(data))
            if not more:
                raise ConnectionError("the switch hung up")
            data += more
        return data
