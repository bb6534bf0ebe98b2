# SPDX-License-Identifier: Apache-2.0
"""Events, told to vtepds by webhook, and what they know afterwards."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable

from lab.agent import Agent
from lab.vm import RawPort
from lab.webhook import BATCH, batch, post_all, preference
from scene import Scene

# Higher than those that the cloud API gives, which count from 1.
_revisions = itertools.count(1_000_000)


def newer(obj: dict) -> dict:
    """The object as an orchestrator tells it: with its next revision."""
    return {**obj, "revision": next(_revisions)}


def gone(obj: dict) -> dict:
    """What is told of an object that is deleted."""
    return newer({"kind": obj["kind"], "id": obj["id"]})


def put(*objects: dict) -> list[tuple[str, dict]]:
    return [("put", newer(obj)) for obj in objects]


def delete(*objects: dict) -> list[tuple[str, dict]]:
    return [("delete", gone(obj)) for obj in objects]


def tell(scene: Scene, events: list[tuple[str, dict]],
         hosts: Iterable[str] | None = None, *, revalidated: bool = False
         ) -> None:
    """Posts one batch of events to the vtepds of all hosts, or of those
    given, at once.  Afterwards their switches have it; with 'revalidated'
    they go by nothing else any more."""
    names = list(hosts or scene.agents)
    answers = post_all([scene.agents[name].webhook for name in names],
                       batch(*events), BATCH, revalidated=revalidated)
    for name, answer in zip(names, answers):
        assert answer.status == 204, f"{name}: {answer}"
        assert answer.headers["preference-applied"] \
            == preference(5, revalidated)


def known(agent: Agent, *members: str) -> dict[str, dict]:
    """The endpoints that a vtepd knows, by id; of each all that it shows or
    the members given."""
    rows = agent.show("endpoints")
    return {row["id"]: {name: row[name] for name in members or row}
            for row in rows}


def counts(agent: Agent) -> dict:
    """The numbers of its listener."""
    return agent.show("status")["webhooks"]


def has_arrived(port: RawPort, frame: bytes, timeout: float = 1) -> bool:
    """Does exactly this frame come in?  Any others are passed over."""
    while got := port.receive(timeout):
        if got.raw == frame:
            return True
    return False


def without(obj: dict, *members: str) -> dict:
    return {name: value for name, value in obj.items()
            if name not in members}


def text(value: object) -> bytes:
    return json.dumps(value).encode()
