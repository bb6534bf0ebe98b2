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
HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY = 0, 1, 2, 3
MULTIPART_REQUEST, MULTIPART_REPLY, TABLE, FLOW_MONITOR = 18, 19, 3, 16
HEADER = struct.Struct("!BBHI")
TABLE_STATS = struct.Struct("!B3xIQQ")
FORWARD = 40                    # The table with one flow for each endpoint.


class Switch:
    """An OpenFlow connection."""

    def __init__(self, path: Path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(120)
        self._socket.connect(str(path))
        self._xid = 0
        self._send(HELLO)

    def close(self) -> None:
        self._socket.close()

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


class FlowCounter(Switch):
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


class FlowMonitor(Switch):
    """Is told when an endpoint's flow has been added (OpenFlow 1.4, 7.3.5.16),
    which costs the switch less than being asked."""

    def __init__(self, path: Path):
        super().__init__(path)
        any_port = any_group = 0xffffffff
        when_added, add_monitor = 2, 0
        everything = struct.pack("!HH4x", 1, 4)
        self._send(MULTIPART_REQUEST, struct.pack(
            "!HH4xIIIHBB", FLOW_MONITOR, 0, 1, any_port, any_group, when_added,
            FORWARD, add_monitor) + everything)
        self.wait()             # The answer, which is empty.

    def wait(self) -> None:
        """Until something was added that this did not return for before."""
        while True:
            kind, _, body = self._receive()
            if (kind == MULTIPART_REPLY
                    and struct.unpack_from("!H", body)[0] == FLOW_MONITOR):
                return
            if kind == ERROR:
                raise RuntimeError(f"the switch refuses: {body.hex()}")
