# SPDX-License-Identifier: Apache-2.0
"""The client of cloud_api.py with which the demo and the tests edit it, and
short ways to write the objects of the inventory."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import quote

from .netns import Namespace
from .processes import Daemon

PORT = 8080


def host(name: str, address: str | list[str],
         types: str = "vxlan gre geneve", port: int | None = None) -> dict:
    """A host that offers 'types', in that order, on every address."""
    addresses = [address] if isinstance(address, str) else address
    extra = {} if port is None else {"port": port}
    return {"kind": "host", "id": name, "tunnels": [
        {"type": encap, "ip": ip, **extra}
        for encap in types.split() for ip in addresses]}


def segment(name: str, vni: int, **members: object) -> dict:
    return {"kind": "segment", "id": name, "vni": vni, **members}


def endpoint(name: str, segment_id: str, host_id: str, mac: str,
             ips: list[str], **members: object) -> dict:
    return {"kind": "endpoint", "id": name, "segment": segment_id,
            "host": host_id, "mac": mac, "ips": ips, **members}


def subnet(cidr: str, gateway: str, **members: object) -> dict:
    return {"cidr": cidr, "gateway": gateway, **members}


def router(name: str, mac: str, segment_ids: list[str],
           routes: dict[str, str] | None = None, **members: object) -> dict:
    """'routes' says for a prefix the address of the next hop."""
    return {"kind": "router", "id": name, "mac": mac, "segments": segment_ids,
            "routes": [{"cidr": cidr, "via": via}
                       for cidr, via in (routes or {}).items()], **members}


class CloudError(Exception):
    """The API answered with an error."""


class Cloud:
    """A running cloud_api.py in a namespace."""

    def __init__(self, namespace: Namespace, address: str, folder: Path,
                 port: int = PORT, tls_files: tuple[Path, Path] | None = None,
                 token_file: Path | None = None):
        self.namespace = namespace
        self.address = address
        self.port = port
        scheme = "https" if tls_files else "http"
        self.url = f"{scheme}://{address}:{port}"
        self._folder = folder
        self._tls_files = tls_files
        self._token_file = token_file
        self.watched = True     # From its start on.
        self._daemon: Daemon | None = None

    def start(self, *options: str) -> None:
        argv = [sys.executable,
                str(Path(__file__).with_name("cloud_api.py")),
                "--listen", f"{self.address}:{self.port}", *options]
        if self._tls_files:
            argv += ["--cert", str(self._tls_files[0]),
                     "--key", str(self._tls_files[1])]
        if not self.watched:
            argv.append("--no-watch")
        if self._token_file:
            argv += ["--token-file", str(self._token_file)]
        output = self._folder / f"cloud-api-{self.port}.log"
        output.unlink(missing_ok=True)
        daemon = self.namespace.daemon("cloud API", argv, output)
        daemon.wait_ready(lambda: "listening on" in daemon.said())
        self._daemon = daemon

    def stop(self) -> None:
        if self._daemon:
            self._daemon.stop()
            self._daemon = None

    def request(self, method: str, path: str, value: object = None,
                headers: dict[str, str] | None = None) -> object:
        """The decoded answer, None if it is empty."""
        with self.namespace.entered():
            sock = socket.create_connection((self.address, self.port), 30)
        if self._tls_files:
            # Only the lab's own client, which knows whom it started.
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            sock = context.wrap_socket(sock)
        connection = http.client.HTTPConnection(self.address, self.port)
        connection.sock = sock
        try:
            body = None if value is None else json.dumps(value)
            connection.request(method, path, body,
                               {"Connection": "close", **(headers or {})})
            response = connection.getresponse()
            text = response.read()
            if response.status >= 300:
                raise CloudError(f"{method} {path}: {response.status}"
                                 f" {text.decode(errors='replace')}")
            return json.loads(text) if text else None
        finally:
            connection.close()

    @staticmethod
    def _path(kind: str, name: str) -> str:
        return f"/v1/objects/{kind}/{quote(name, safe='')}"

    def put(self, *objects: dict) -> None:
        """Creates or replaces objects, all in one version."""
        self.request("POST", "/v1/objects", list(objects))

    def replace(self, *objects: dict) -> None:
        """From now on there are these objects and no others."""
        self.request("PUT", "/v1/objects", list(objects))

    def patch(self, kind: str, name: str, **members: object) -> None:
        self.request("PATCH", self._path(kind, name), members)

    def delete(self, kind: str, name: str) -> None:
        self.request("DELETE", self._path(kind, name))

    def objects(self, kind: str = "") -> list[dict]:
        answer = self.request("GET", f"/v1/objects/{kind}".rstrip("/"))
        assert isinstance(answer, dict)
        return answer["items"]

    def inject(self, **fault: object) -> None:
        """The next lists go wrong: see class Fault in cloud_api.py."""
        self.request("POST", "/control/faults", fault)

    def clear_faults(self) -> None:
        self.request("DELETE", "/control/faults")

    def set_page_size(self, n_items: int) -> None:
        """No page has more items than this."""
        self.request("PUT", "/control/page-size", n_items)

    def watch_mode(self, **mode: object) -> None:
        """How watches work from now on, those that are open apart from their
        'heartbeat': see class WatchMode in cloud_api.py."""
        self.request("PUT", "/control/watch", mode)

    def say(self, text: str, **how: object) -> None:
        """What all open watches say: see class Said in cloud_api.py."""
        self.request("POST", "/control/watches", {"text": text, **how})

    def watches(self) -> list[dict]:
        """The requests for watches there were, oldest first."""
        return self._watches()["asked"]

    def n_watchers(self) -> int:
        """How many watches are open now."""
        return self._watches()["open"]

    def _watches(self) -> dict:
        answer = self.request("GET", "/control/watches")
        assert isinstance(answer, dict)
        return answer

    def requests(self) -> list[dict]:
        """The list requests there were, oldest first."""
        answer = self.request("GET", "/control/requests")
        assert isinstance(answer, list)
        return answer

    def forget_requests(self) -> None:
        """Those for watches too."""
        self.request("DELETE", "/control/requests")
