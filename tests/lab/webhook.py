# SPDX-License-Identifier: Apache-2.0
"""The client with which tests and demo post webhooks to a vtepd, as an
orchestrator would: Standard Webhooks signatures, CloudEvents or not."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import secrets
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .netns import Namespace

PORT = 8443
PATH = "/v1/events"
JSON = "application/json"
CLOUDEVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
TYPE_PREFIX = "com.example.cloud."


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of Standard Webhooks 1.0, "v1,..."."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signed(secret: str, body: bytes, message_id: str | None = None,
           timestamp: int | None = None) -> dict[str, str]:
    """The headers that sign a body, by default as a new message of now."""
    message_id = message_id or f"msg_{secrets.token_hex(12)}"
    timestamp = int(time.time()) if timestamp is None else timestamp
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secret, message_id, timestamp, body)}


def preference(wait: int, revalidated: bool = False) -> str:
    """What the header Prefer says, and Preference-Applied after 204."""
    return f"wait={wait}" + ", revalidated" * revalidated


# Bodies.

def event_type(verb: str, obj: dict) -> str:
    """E.g. "endpoint.put"."""
    return f"{obj['kind']}.{verb}"


def standard(verb: str, obj: dict) -> dict:
    """An event as Standard Webhooks has it."""
    return {"type": event_type(verb, obj), "data": obj,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def cloudevent(verb: str, obj: dict, **attributes: object) -> dict:
    """An event as CloudEvents 1.0 has it; attributes that are None are left
    out."""
    event = {"specversion": "1.0", "id": secrets.token_hex(8),
             "source": "/clouds/lab", "data": obj,
             "type": TYPE_PREFIX + event_type(verb, obj), **attributes}
    return {name: value for name, value in event.items()
            if value is not None}


def binary_headers(verb: str, obj: dict) -> dict[str, str]:
    """The headers of a CloudEvent whose data is the body."""
    event = cloudevent(verb, obj, data=None)
    return {f"ce-{name}": value for name, value in event.items()}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]     # Names in lower case.
    body: bytes

    def problem(self) -> dict:
        """The error as RFC 9457 has it."""
        assert self.headers.get("content-type") == "application/problem+json"
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        return problem

    def at_fault(self) -> str:
        """The member that the error is about, as a JSON Pointer."""
        error, = self.problem()["errors"]
        assert error["detail"] and error["pointer"].startswith("#")
        return error["pointer"][1:]


class Request:
    """A request that was sent, on a connection of its own."""

    def __init__(self, connection: http.client.HTTPConnection):
        self._connection = connection

    def answer(self) -> Answer:
        with contextlib.closing(self._connection):
            response = self._connection.getresponse()
            body = response.read()
            return Answer(response.status,
                          {name.lower(): value
                           for name, value in response.getheaders()}, body)


class Webhook:
    """The listener of one vtepd, as seen from 'namespace'."""

    def __init__(self, namespace: Namespace, address: str, folder: Path,
                 port: int = PORT, tls: ssl.SSLContext | None = None):
        self.namespace = namespace
        self.address = address
        self.port = port
        self.secret_file = folder / "webhook-secrets"
        self.secrets: list[str] = []
        self._tls = tls
        self.set_secrets(new_secret())

    @property
    def listen(self) -> str:
        return (f"[{self.address}]:{self.port}" if ":" in self.address
                else f"{self.address}:{self.port}")

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.listen}{PATH}"

    def set_secrets(self, *new: str) -> None:
        """What vtepd takes from now on; the first is what we sign with."""
        self.secrets = list(new)
        temporary = self.secret_file.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text("".join(f"{secret}\n" for secret in new))
        temporary.rename(self.secret_file)

    def socket(self) -> socket.socket:
        with self.namespace.entered():
            sock = socket.create_connection((self.address, self.port), 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return (self._tls.wrap_socket(sock, server_hostname=self.address)
                if self._tls else sock)

    def send(self, method: str, path: str = PATH, body: bytes | None = None,
             headers: dict[str, str] | None = None) -> Request:
        """Sends a request as it stands, and does not wait for the answer."""
        connection = http.client.HTTPConnection(self.address, self.port)
        connection.sock = self.socket()
        connection.request(method, path, body,
                           {"Connection": "close", **(headers or {})})
        return Request(connection)

    def request(self, method: str, path: str = PATH,
                body: bytes | None = None,
                headers: dict[str, str] | None = None) -> Answer:
        return self.send(method, path, body, headers).answer()

    def send_signed(self, body: object, content_type: str = JSON, *,
                    wait: int | None = None, revalidated: bool = False,
                    headers: dict[str, str] | None = None) -> Request:
        """Posts 'body' (bytes, or what becomes JSON), signed; with 'wait' the
        answer is to come when the switch has it ('revalidated': its cached
        flows too), so many seconds later at the latest.  'headers' come last,
        so they can spoil what is right."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"Content-Type": content_type,
                       **signed(self.secrets[0], raw)}
        if wait is not None:
            all_headers["Prefer"] = preference(wait, revalidated)
        return self.send("POST", PATH, raw, {**all_headers, **(headers or {})})

    def post(self, body: object, content_type: str = JSON, *,
             wait: int | None = None, revalidated: bool = False,
             headers: dict[str, str] | None = None) -> Answer:
        return self.send_signed(body, content_type, wait=wait,
                                revalidated=revalidated,
                                headers=headers).answer()

    def put(self, obj: dict, wait: int | None = 5) -> Answer:
        return self.post(standard("put", obj), wait=wait)

    def delete(self, obj: dict, wait: int | None = 5) -> Answer:
        return self.post(standard("delete", obj), wait=wait)


def post_all(webhooks: Iterable[Webhook], body: object,
             content_type: str = JSON, wait: int | None = 5,
             revalidated: bool = False) -> list[Answer]:
    """Posts the same to several vtepds at once."""
    requests = [webhook.send_signed(body, content_type, wait=wait,
                                    revalidated=revalidated)
                for webhook in webhooks]
    return [request.answer() for request in requests]


def batch(*events: tuple[str, dict]) -> list[dict]:
    """E.g. batch(("put", a), ("delete", b)): all or nothing."""
    return [cloudevent(verb, obj) for verb, obj in events]
