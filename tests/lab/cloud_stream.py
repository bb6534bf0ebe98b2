# SPDX-License-Identifier: Apache-2.0
"""The watches of cloud_api.py."""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
import zlib
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from cloud_store import ApiError, Watcher


@dataclass
class WatchMode:
    """How watches work; what is not given is as by default."""

    enabled: bool = True        # Else 501.
    heartbeat: float = 10       # Seconds from bookmark to bookmark.
    gzip: bool = False          # Compress.
    forget: bool = False        # Earlier versions are too old from now on.


class Stream:
    """The body of a watch, in chunks, until either side ends it."""

    def __init__(self, handler: BaseHTTPRequestHandler, watcher: Watcher,
                 since: int):
        self.handler = handler
        self.api = handler.server
        self.watcher = watcher
        self.version = since
        # Each line can be unpacked as soon as it has come.
        self.packer = (zlib.compressobj(wbits=31)
                       if self.api.watch_mode.gzip else None)

    def serve(self) -> None:
        handler = self.handler
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Type", "application/x-ndjson")
        handler.send_header("Transfer-Encoding", "chunked")
        if self.packer:
            handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            while self._send_changes():
                self._line({"type": "version", "version": str(self.version)})
                if not self._wait(time.monotonic()
                                  + self.api.watch_mode.heartbeat):
                    break
            handler.wfile.write(b"0\r\n\r\n")

    def _wait(self, until: float) -> bool:
        """Sends what happens.  True when it is time for a bookmark."""
        connection, wake = self.handler.connection, self.watcher.wake
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([connection, wake], [], [], left)
            if connection in ready:
                return False        # The client has gone.
            if wake in ready:
                os.eventfd_read(wake)
                if not (self._send_changes() and self._send_said()):
                    return False
        return True

    def _send_changes(self) -> bool:
        try:
            self.version, events = self.api.store.changes(self.version)
        except ApiError:
            self._line({"type": "gone"})
            return False
        for event in events:
            self._line(event)
        return True

    def _send_said(self) -> bool:
        while self.watcher.said:
            said = self.watcher.said.popleft()
            for _ in range(said.repeat):
                self._send(said.text.encode())
            if said.close:
                return False
        return True

    def _line(self, event: dict) -> None:
        self._send(json.dumps(event).encode() + b"\n")

    def _send(self, data: bytes) -> None:
        if self.packer:
            data = (self.packer.compress(data)
                    + self.packer.flush(zlib.Z_SYNC_FLUSH))
        if data:
            self.handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.handler.wfile.flush()
