# SPDX-License-Identifier: Apache-2.0
"""When ports have their OpenFlow port numbers, by an OVSDB monitor."""

from __future__ import annotations

from pathlib import Path

from lab.ovsdb import OvsdbConnection


class PortWatch(OvsdbConnection):
    """Is told of every Interface that has got its ofport."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.numbered: dict[str, int] = {}
        self._send({"id": "watch", "method": "monitor",
                    "params": [self.DATABASE, None, {"Interface": {
                        "columns": ["name", "ofport"]}}]})
        while True:
            message = self._receive()
            if message.get("id") == "watch":
                break
        self._take(message["result"])

    def wait(self, names: set[str]) -> None:
        while not names <= self.numbered.keys():
            self._next()

    def wait_count(self, n: int) -> None:
        """Until so many ports have a number."""
        while len(self.numbered) < n:
            self._next()

    def _next(self) -> None:
        message = self._receive()
        if message.get("method") == "update":
            self._take(message["params"][1])
        elif message.get("method") == "echo":
            self._send({"id": message["id"], "error": None,
                        "result": message["params"]})

    def _take(self, tables: dict) -> None:
        for row in tables.get("Interface", {}).values():
            new = row.get("new")
            if new and isinstance(new.get("ofport"), int):
                self.numbered[new["name"]] = new["ofport"]
