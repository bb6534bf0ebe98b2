# SPDX-License-Identifier: Apache-2.0
"""A cloud API that costs next to nothing: its pages are made once and kept as
bytes.  The lab's API, which edits and renders, takes more time for a list of
100,000 endpoints than vtepd does.

A process of its own, so that it does not compete with the measuring one for
Python's lock.  Watch streams it hands over: the connection itself goes to the
measuring process, which writes the events into it."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import socket
import socketserver
import urllib.request
from http.server import BaseHTTPRequestHandler
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from urllib.parse import parse_qs, urlsplit

from . import inventory

LIMIT = 1000                    # Objects a page, unless less is asked for.


class Pages:
    """The list, cut into pages of 'limit' objects."""

    def __init__(self, shape: inventory.Shape, limit: int):
        items = list(inventory.objects(shape))
        self.limit = limit
        self.chunks = [",".join(items[i:i + limit]).encode()
                       for i in range(0, len(items), limit)]

    def page(self, version: int, i: int) -> bytes:
        following = (f',"next":"{i + 1}"' if i + 1 < len(self.chunks) else "")
        return b'{"version":"%d","items":[%s]%s}' % (
            version, self.chunks[i], following.encode())


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, pages: Pages, pipe: Connection):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = pages
        self.pipe = pipe
        self.handed_over: set[socket.socket] = set()
        self.version = 1

    def shutdown_request(self, request) -> None:
        if request in self.handed_over:
            self.close_request(request)
        else:
            super().shutdown_request(request)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in
                 parse_qs(url.query).items()}
        server = self.server
        if url.path != "/v1/inventory":
            self._answer(404)
        elif "watch" in query:
            self._hand_over()
        elif int(query["limit"]) < server.pages.limit:
            self._answer(400)
        else:
            self._list(int(query.get("cursor", 0)))

    def _list(self, i: int) -> None:
        server = self.server
        etag = f'"{server.version}"'
        if not i and self.headers.get("If-None-Match") == etag:
            self._answer(304, etag=etag)
            return
        body = server.pages.page(server.version, i)
        self._answer(200, body, etag)

    def _hand_over(self) -> None:
        """The answer goes on until the connection ends."""
        self.send_response_only(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        self.server.handed_over.add(self.connection)
        send_handle(self.server.pipe, self.connection.fileno(), os.getppid())

    def do_POST(self) -> None:
        """For the measures: one version more, though nothing changes."""
        self.server.version += 1
        self._answer(200, b"{}")

    def _answer(self, status: int, body: bytes = b"", etag: str = "") -> None:
        self.send_response_only(status)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Type", "application/json")
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _serve(shape: inventory.Shape, pipe: Connection) -> None:
    server = Server(Pages(shape, LIMIT), pipe)
    pipe.send(server.server_address[1])
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


class StaticApi:
    """Use with 'with': the server runs meanwhile."""

    def __init__(self, shape: inventory.Shape):
        self.shape = shape
        self._process: multiprocessing.Process | None = None
        self._pipe: Connection | None = None
        self.url = ""

    def __enter__(self) -> StaticApi:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(
            target=_serve, args=(self.shape, theirs), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{self._pipe.recv()}"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process
        self._process.terminate()
        self._process.join()

    def new_version(self) -> None:
        with urllib.request.urlopen(f"{self.url}/version", data=b""):
            pass

    def bytes_of_list(self) -> int:
        """Of the bodies of all its pages."""
        n, cursor = 0, "0"
        while cursor:
            with urllib.request.urlopen(f"{self.url}/v1/inventory"
                                        f"?limit={LIMIT}&cursor={cursor}"
                                        ) as page:
                body = page.read()
            n += len(body)
            cursor = json.loads(body).get("next", "")
        return n

    def watch(self) -> socket.socket:
        """The watch stream of a vtepd that has been started, as soon as it
        has asked for it."""
        assert self._pipe
        stream = socket.socket(fileno=recv_handle(self._pipe))
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream
