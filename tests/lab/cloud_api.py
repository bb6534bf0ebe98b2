#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small cloud API: the inventory of vtepd's contract, kept in memory.

    cloud_api.py --listen 127.0.0.1:8080 --load inventory.json

Lists (what vtepd asks for):

    GET    /v1/inventory?host=HOST&limit=N[&cursor=C]

What changes after a version, as it happens, a line an event (NDJSON):

    GET    /v1/inventory?host=HOST&watch=1&since=VERSION

Editing (for people and tests); every change makes a new version, and an
object put without "revision" gets the next one:

    GET    /v1/objects[/KIND[/ID]]
    PUT    /v1/objects/KIND/ID      {...}       create or replace
    PATCH  /v1/objects/KIND/ID      {...}       change some members
    DELETE /v1/objects/KIND/ID
    POST   /v1/objects              [{...}]     put several, one version
    PUT    /v1/objects              [{...}]     these and no others

Faults, for tests (see class Fault), and what has been asked for:

    POST   /control/faults          {...}       how the next lists go wrong
    DELETE /control/faults
    PUT    /control/page-size       N           no page has more items
    GET    /control/requests                    DELETE: forget them
    GET    /control/watches                     the same for watches
    POST   /control/watches         {...}       what open ones say: class Said
    PUT    /control/watch           {...}       how it works: class WatchMode
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import select
import socket
import socketserver
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

# These stand beside this file, which is run as a program.
from cloud_store import KINDS, ApiError, Said, Store, Watcher
from cloud_stream import Stream, WatchMode

DEFAULT_LIMIT, MAX_LIMIT = 500, 5000


def from_json(cls: type, value: object) -> object:
    known = {f.name for f in fields(cls)}
    if not isinstance(value, dict) or not set(value) <= known:
        raise ApiError(400, f"this has members of {sorted(known)}")
    return cls(**value)


@dataclass
class Fault:
    """How a list request is answered instead of properly, or with 'watch' a
    request for a watch.

    With 'pass_through' the proper page is made first, and 'headers',
    'truncate' and 'delay' apply to it."""

    count: int = 1              # How many requests; -1: until told otherwise.
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str | None = "application/json"
    body: str = ""
    body_base64: str | None = None      # For bodies that are not text.
    repeat: int = 1             # The body that many times over.
    endless: bool = False       # The body again and again, until hung up on.
    delay: float = 0            # Seconds before the first byte.
    drip: float = 0             # Seconds before every single byte.
    truncate: int | None = None     # Hang up after so many bytes of body.
    after_page: int = 0         # Applies to requests with a cursor only, if 1.
    pass_through: bool = False
    raw: bool = False           # The body is all: no status line, no headers.
    watch: bool = False

    @classmethod
    def from_json(cls, value: object) -> Fault:
        return from_json(cls, value)

    def content(self) -> bytes:
        once = (self.body.encode() if self.body_base64 is None
                else base64.b64decode(self.body_base64))
        return once * self.repeat


class Api(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """The server.  'serve_forever()' and 'shutdown()' as in socketserver."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], token: str | None = None,
                 tls: ssl.SSLContext | None = None):
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)
        self.store = Store()
        self.token = token
        self.tls = tls
        self.page_size = MAX_LIMIT
        self.faults: list[Fault] = []
        self.requests: list[dict] = []
        self.watches: list[dict] = []
        self.watch_mode = WatchMode()

    def finish_request(self, request, client_address) -> None:
        # In the connection's own thread: a slow handshake holds up nobody.
        if self.tls is not None:
            request.settimeout(10)
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError as error:
                self.log({"tls": str(error)})
                return
            request.settimeout(None)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            super().finish_request(request, client_address)

    def log(self, entry: dict, is_watch: bool = False) -> None:
        with self.store.lock:
            log = self.watches if is_watch else self.requests
            log.append({"time": time.time(), **entry})
            del log[:-10000]

    @contextlib.contextmanager
    def watcher(self) -> Iterator[Watcher]:
        made = Watcher()
        with self.store.lock:
            self.store.watchers.add(made)
        try:
            yield made
        finally:
            with self.store.lock:
                self.store.watchers.remove(made)
            made.close()

    def say(self, said: Said) -> None:
        with self.store.lock:
            for watcher in self.store.watchers:
                watcher.said.append(said)
                watcher.notify()

    def next_fault(self, is_first_page: bool, is_watch: bool = False
                   ) -> Fault | None:
        with self.store.lock:
            for fault in self.faults:
                if fault.watch != is_watch:
                    continue
                if is_first_page and fault.after_page:
                    continue
                if fault.count > 0:
                    fault.count -= 1
                    if not fault.count:
                        self.faults.remove(fault)
                return fault
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "vtepd-lab"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Api

    def do_GET(self) -> None:
        self._handle()

    do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

    def _handle(self) -> None:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        try:
            body = self._body()
            if parts == ["v1", "inventory"] and self.command == "GET":
                query = parse_qs(url.query)
                if "watch" in query:
                    self._watch(query)
                else:
                    self._inventory(query)
            elif parts[:2] == ["v1", "objects"]:
                self._objects(parts[2:], body)
            elif parts[0] == "control":
                self._control(parts[1:], body)
            else:
                raise ApiError(404, f"{self.command} {url.path} is not served")
        except ApiError as error:
            self._answer(error.status, {"status": error.status,
                                        "detail": error.detail},
                         content_type="application/problem+json")

    def _body(self) -> object:
        try:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return json.loads(raw) if raw else None
        except ValueError as error:
            raise ApiError(400, f"the body is not JSON: {error}")

    # Lists.

    def _inventory(self, query: dict[str, list[str]]) -> None:
        cursor = query.get("cursor", [None])[0]
        fault = self.server.next_fault(cursor is None)
        entry = {"path": self.path,
                 "headers": {name.lower(): value
                             for name, value in self.headers.items()
                             if name.lower() != "authorization"}}
        try:
            if fault:
                entry["fault"] = True
                time.sleep(fault.delay)
            if fault and not fault.pass_through:
                entry["status"] = fault.status
                self._send_fault(fault, fault.content())
                return
            entry["status"] = self._list(query, cursor, fault)
        except ApiError as error:
            entry["status"] = error.status
            raise
        finally:
            self.server.log(entry)

    def _list(self, query: dict[str, list[str]], cursor: str | None,
              fault: Fault | None) -> int:
        self._check_token()
        if not query.get("host"):
            raise ApiError(400, "'host' is missing")
        try:
            limit = int(query.get("limit", [str(DEFAULT_LIMIT)])[0])
        except ValueError:
            raise ApiError(400, "'limit' is not a number")
        limit = max(1, min(limit, self.server.page_size))
        page = self.server.store.page(limit, cursor)
        etag = f'"{page["version"]}-{limit}"'
        if cursor is None and self.headers.get("If-None-Match") == etag:
            self._answer(304, None, {"ETag": etag})
            return 304
        headers = {"ETag": etag} if cursor is None else {}
        if fault:
            fault = replace(fault, headers={**headers, **fault.headers})
            self._send_fault(fault, json.dumps(page).encode())
        else:
            self._answer(200, page, headers)
        return 200

    def _check_token(self) -> None:
        token = self.server.token
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            raise ApiError(401, "the bearer token is missing or wrong")

    # Watches.

    def _watch(self, query: dict[str, list[str]]) -> None:
        fault = self.server.next_fault(True, is_watch=True)
        entry = {"path": self.path, "since": query.get("since", [""])[0],
                 "fault": bool(fault), "status": 200}
        try:
            if fault:
                entry["status"] = fault.status
                self._log_watch(entry)
                time.sleep(fault.delay)
                self._send_fault(fault, fault.content())
                return
            self._check_token()
            if not self.server.watch_mode.enabled:
                raise ApiError(501, "there is no watch here")
            since = int(entry["since"])
            self.server.store.changes(since)    # Or 410.
        except ApiError as error:
            entry["status"] = error.status
            self._log_watch(entry)
            raise
        except ValueError:
            raise ApiError(400, "'since' is no version of ours")
        with self.server.watcher() as watcher:
            self._log_watch(entry)
            Stream(self, watcher, since).serve()

    def _log_watch(self, entry: dict) -> None:
        self.server.log(entry, is_watch=True)

    def _send_fault(self, fault: Fault, body: bytes) -> None:
        self.close_connection = True
        if fault.raw:
            self.wfile.write(body)
            return
        self.send_response(fault.status)
        if fault.content_type:
            self.send_header("Content-Type", fault.content_type)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        given = {name.lower() for name in fault.headers}
        if not (fault.endless
                or given & {"content-length", "transfer-encoding"}):
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if fault.truncate is not None:
            body = body[:fault.truncate]
        step = 1 if fault.drip else 65536
        while True:
            for start in range(0, len(body), step):
                if fault.drip:
                    self.wfile.flush()
                    if self._hung_up(fault.drip):
                        return
                self.wfile.write(body[start:start + step])
            if not fault.endless:
                return

    def _hung_up(self, seconds: float) -> bool:
        """Waits; True if the client sent something or went meanwhile."""
        return bool(select.select([self.connection], [], [], seconds)[0])

    # Editing.

    def _objects(self, parts: list[str], body: object) -> None:
        store, method = self.server.store, self.command
        if method == "GET" and len(parts) < 2:
            self._answer(200, {"version": str(store.version),
                               "items": store.list(*parts)})
        elif method in ("PUT", "POST") and not parts:
            if not isinstance(body, list):
                raise ApiError(422, "the body is to be a list of objects")
            store.put(body, replace_all=method == "PUT")
            self._answer(200, {"version": str(store.version)})
        elif len(parts) == 2 and parts[0] in KINDS:
            self._object((parts[0], parts[1]), body)
        else:
            raise ApiError(404, f"{method} does not go with this path")

    def _object(self, key: tuple[str, str], body: object) -> None:
        store, method = self.server.store, self.command
        if method in ("PUT", "PATCH"):
            if not isinstance(body, dict):
                raise ApiError(422, "the body is to be an object")
            named = {"kind": key[0], "id": key[1]}
            if {**named, **body} != {**body, **named}:
                raise ApiError(422, "'kind' or 'id' differ from the path's")
            if method == "PUT":
                store.put([{**named, **body}])
            else:
                store.patch(key, body)
            self._answer(200, store.get(key))
        elif method == "GET":
            self._answer(200, store.get(key))
        elif method == "DELETE":
            store.delete(key)
            self._answer(204, None)
        else:
            raise ApiError(405, f"{method} does not go with an object")

    # Faults and the record of requests.

    def _control(self, parts: list[str], body: object) -> None:
        server, what = self.server, (self.command, *parts)
        with server.store.lock:
            if what == ("POST", "faults"):
                server.faults.append(Fault.from_json(body))
            elif what == ("DELETE", "faults"):
                server.faults.clear()
            elif what == ("PUT", "page-size") and isinstance(body, int):
                server.page_size = body
            elif what == ("DELETE", "requests"):
                server.requests.clear()
                server.watches.clear()
            elif what == ("POST", "watches"):
                server.say(from_json(Said, body))
            elif what == ("PUT", "watch"):
                server.watch_mode = from_json(WatchMode, body)
                if server.watch_mode.forget:
                    server.store.forget_changes()
            elif what not in (("GET", "requests"), ("GET", "watches")):
                raise ApiError(404, "not a control route")
            answer: object = None
            if what == ("GET", "requests"):
                answer = list(server.requests)
            elif what == ("GET", "watches"):
                answer = {"open": len(server.store.watchers),
                          "asked": list(server.watches)}
        self._answer(204 if answer is None else 200, answer)

    def _answer(self, status: int, value: object,
                headers: dict[str, str] | None = None,
                content_type: str = "application/json") -> None:
        body = b"" if value is None else json.dumps(value).encode() + b"\n"
        self.send_response(status)
        if value is not None:
            self.send_header("Content-Type", content_type)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass        # The record of requests has it.


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:8080",
                        metavar="ADDR:PORT")
    parser.add_argument("--load", type=Path, metavar="FILE",
                        help="a list of objects, or a page with 'items'")
    parser.add_argument("--first-version", type=int, default=1, metavar="N",
                        help="what the versions count from: one that lives on"
                        " gives each once only")
    parser.add_argument("--no-watch", action="store_true",
                        help="there is no watch until it is switched on")
    parser.add_argument("--token-file", type=Path, metavar="FILE",
                        help="lists need the bearer token in FILE")
    parser.add_argument("--cert", metavar="FILE", help="serve TLS (PEM)")
    parser.add_argument("--key", metavar="FILE", help="its private key")
    parser.add_argument("--client-ca", metavar="FILE",
                        help="ask clients for a certificate by this CA")
    options = parser.parse_args()

    address, _, port = options.listen.rpartition(":")
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
        if options.client_ca:
            tls.load_verify_locations(options.client_ca)
            tls.verify_mode = ssl.CERT_REQUIRED
    token = options.token_file and options.token_file.read_text().strip()
    api = Api((address.strip("[]"), int(port)), token, tls)
    api.store = Store(options.first_version)
    api.watch_mode.enabled = not options.no_watch
    if options.load:
        objects = json.loads(options.load.read_text())
        api.store.put(objects["items"] if isinstance(objects, dict)
                      else objects)
    print(f"listening on {options.listen}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        api.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
