# SPDX-License-Identifier: Apache-2.0
"""A connection to an ovsdb-server (RFC 7047), for tests that change or watch
rows faster than a new ovs-vsctl each time could."""

from __future__ import annotations

import json
import socket
from pathlib import Path


class OvsdbError(Exception):
    """The server refused an operation."""


class OvsdbConnection:
    DATABASE = "Open_vSwitch"

    def __init__(self, path: Path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(path))
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._last_id = 0

    def close(self) -> None:
        self._socket.close()

    def transact(self, *operations: dict) -> list[dict]:
        """One transaction; returns the result of each operation."""
        self._last_id += 1
        self._send({"id": self._last_id, "method": "transact",
                    "params": [self.DATABASE, *operations]})
        while True:
            message = self._receive()
            if message.get("method") == "echo":
                self._send({"id": message["id"], "error": None,
                            "result": message["params"]})
            elif message.get("id") == self._last_id:
                break
        for result in message["result"]:
            if result and result.get("error"):
                raise OvsdbError(f"{result}")
        return message["result"]

    def set_external_id(self, interface: str, key: str, value: str | None
                        ) -> None:
        """Sets (None: removes) a key of an Interface's external_ids."""
        mutations: list = [["external_ids", "delete", ["set", [key]]]]
        if value is not None:
            mutations.append(["external_ids", "insert",
                              ["map", [[key, value]]]])
        self.transact({"op": "mutate", "table": "Interface",
                       "where": [["name", "==", interface]],
                       "mutations": mutations})

    def select(self, table: str, columns: list[str], *where: list
               ) -> list[dict]:
        """The rows that meet all conditions, with values as in Python."""
        result, = self.transact({"op": "select", "table": table,
                                 "columns": columns, "where": list(where)})
        return [{name: to_python(value) for name, value in row.items()}
                for row in result["rows"]]

    def external_ids(self, interface: str) -> dict[str, str]:
        row, = self.select("Interface", ["external_ids"],
                           ["name", "==", interface])
        return row["external_ids"]

    def _send(self, message: dict) -> None:
        self._socket.sendall(json.dumps(message).encode())

    def _receive(self) -> dict:
        while True:
            try:
                message, end = self._decoder.raw_decode(self._buffer)
                self._buffer = self._buffer[end:].lstrip()
                return message
            except ValueError:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise OvsdbError("the server hung up") from None
                self._buffer += data.decode()


def to_python(value: object) -> object:
    """A value of RFC 7047, 5.1, as a Python value."""
    if isinstance(value, list) and len(value) == 2:
        tag, content = value
        if tag == "map":
            return {to_python(k): to_python(v) for k, v in content}
        if tag == "set":
            return [to_python(member) for member in content]
        if tag in ("uuid", "named-uuid"):
            return content
    return value
