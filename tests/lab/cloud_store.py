# SPDX-License-Identifier: Apache-2.0
"""What cloud_api.py keeps: the objects, their versions, and what changed."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

KINDS = ("host", "segment", "router", "endpoint")
SNAPSHOTS_KEPT = 16
CHANGES_KEPT = 10000


class ApiError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, detail: str):
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass
class Said:
    """What all watches that are open say once, whatever it is."""

    text: str = ""
    repeat: int = 1
    close: bool = False         # And then end.


class Watcher:
    """One open watch: what its own thread is to know."""

    def __init__(self) -> None:
        self.wake = os.eventfd(0)       # Readable: something has changed.
        self.said: deque[Said] = deque()

    def notify(self) -> None:
        os.eventfd_write(self.wake, 1)

    def close(self) -> None:
        os.close(self.wake)


class Store:
    """The objects.  Thread-safe; every change makes a new version."""

    def __init__(self, first_version: int = 1) -> None:
        self.lock = threading.RLock()
        self.version = first_version
        self.objects: dict[tuple[str, str], dict] = {}
        self._last_revision: dict[tuple[str, str], int] = {}
        self._snapshots: OrderedDict[int, list[dict]] = OrderedDict()
        # Events of the versions after 'oldest', and who waits for them.
        self._changes: deque[tuple[int, list[dict]]] = deque()
        self._oldest = self.version
        self.watchers: set[Watcher] = set()

    def put(self, objects: list[dict], replace_all: bool = False) -> None:
        """Puts all objects, or none when one cannot be identified."""
        with self.lock:
            keys = [self._key(obj) for obj in objects]
            events = []
            if replace_all:
                events += [self._remove(key)
                           for key in set(self.objects) - set(keys)]
                self.objects.clear()
            for key, obj in zip(keys, objects):
                if "revision" not in obj:
                    obj = {**obj,
                           "revision": self._last_revision.get(key, 0) + 1}
                if isinstance(obj["revision"], int):
                    self._last_revision[key] = obj["revision"]
                self.objects[key] = obj
                events.append({"type": "put", "object": obj})
            self._changed(events)

    def patch(self, key: tuple[str, str], members: dict) -> dict:
        with self.lock:
            old = self.get(key)
            merged = {**old, **members}
            if "revision" not in members:
                merged.pop("revision", None)
            self.put([merged])
            return self.objects[key]

    def delete(self, key: tuple[str, str]) -> None:
        with self.lock:
            self.get(key)
            self._changed([self._remove(key)])

    def _remove(self, key: tuple[str, str]) -> dict:
        """Removes an object; returns the event."""
        del self.objects[key]
        revision = self._last_revision.get(key, 0) + 1
        self._last_revision[key] = revision
        return {"type": "delete", "object": {"kind": key[0], "id": key[1],
                                             "revision": revision}}

    def _changed(self, events: list[dict]) -> None:
        self.version += 1
        self._changes.append((self.version, events))
        if len(self._changes) > CHANGES_KEPT:
            self._oldest = self._changes.popleft()[0]
        for watcher in self.watchers:
            watcher.notify()

    def forget_changes(self) -> None:
        with self.lock:
            self._changes.clear()
            self._oldest = self.version

    def changes(self, since: int) -> tuple[int, list[dict]]:
        """The version now, and what has happened since that one."""
        with self.lock:
            if not self._oldest <= since <= self.version:
                raise ApiError(410, f"{since} is too old")
            events: list[dict] = []
            for version, some in reversed(self._changes):
                if version <= since:
                    break
                events[:0] = some
            return self.version, events

    def get(self, key: tuple[str, str]) -> dict:
        with self.lock:
            if key not in self.objects:
                raise ApiError(404, f"there is no {key[0]} {key[1]}")
            return self.objects[key]

    def list(self, kind: str | None = None) -> list[dict]:
        with self.lock:
            return [obj for key, obj in self.objects.items()
                    if kind is None or key[0] == kind]

    def page(self, limit: int, cursor: str | None) -> dict:
        """One page.  A list goes on with the version it was begun with, as
        long as that is remembered; else with the newest, whose other version
        tells the client to begin again."""
        with self.lock:
            version, start = self.version, 0
            if cursor is not None:
                try:
                    version, start = map(int, cursor.split("-"))
                except ValueError:
                    raise ApiError(400, "this is not a cursor of ours")
                if version not in self._snapshots:
                    version, start = self.version, 0
            if version not in self._snapshots:
                self._snapshots[version] = list(self.objects.values())
                while len(self._snapshots) > SNAPSHOTS_KEPT:
                    self._snapshots.popitem(last=False)
            everything = self._snapshots[version]
        page = {"version": str(version),
                "items": everything[start:start + limit]}
        if start + limit < len(everything):
            page["next"] = f"{version}-{start + limit}"
        return page

    @staticmethod
    def _key(obj: object) -> tuple[str, str]:
        if (not isinstance(obj, dict) or obj.get("kind") not in KINDS
                or not isinstance(obj.get("id"), str) or not obj["id"]):
            raise ApiError(422, "an object has a 'kind' (one of "
                           f"{', '.join(KINDS)}) and an 'id'")
        return obj["kind"], obj["id"]
