# SPDX-License-Identifier: Apache-2.0
"""Tunnel ports without vtepd, and when ports have their OpenFlow port numbers,
by an OVSDB monitor."""

from __future__ import annotations

from pathlib import Path

from lab.ovsdb import OvsdbConnection

from .host import BRIDGE
from .inventory import SELF

COLUMNS = ["name", "type", "options", "external_ids", "other_config", "bfd",
           "ofport_request"]


def tunnel_rows(connection: OvsdbConnection) -> list[dict]:
    """The Interface rows that vtepd has made, as in RFC 7047."""
    result, = connection.transact({
        "op": "select", "table": "Interface", "columns": COLUMNS,
        "where": [["external_ids", "includes",
                   ["map", [["vtepd-owner", SELF]]]]]})
    return result["rows"]


def insert_all(connection: OvsdbConnection, rows: list[dict]) -> None:
    operations: list[dict] = []
    for i, row in enumerate(rows):
        operations += [
            {"op": "insert", "table": "Interface", "uuid-name": f"i{i}",
             "row": row},
            {"op": "insert", "table": "Port", "uuid-name": f"p{i}",
             "row": {"name": row["name"],
                     "external_ids": row["external_ids"],
                     "interfaces": ["named-uuid", f"i{i}"]}}]
    connection.transact(*operations, {
        "op": "mutate", "table": "Bridge", "where": [["name", "==", BRIDGE]],
        "mutations": [["ports", "insert", ["set", [
            ["named-uuid", f"p{i}"] for i in range(len(rows))]]]]},
        {"op": "mutate", "table": "Open_vSwitch", "where": [],
         "mutations": [["next_cfg", "+=", 1]]})



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
