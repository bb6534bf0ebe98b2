# SPDX-License-Identifier: Apache-2.0
"""The SDKs that clouds use, cloudevents and standardwebhooks of npm, drive
vtepd.  make installs them below build/ (see sdk/)."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from lab import cloud, webhook
from lab.agent import Agent
from lab.processes import wait_until
from scene import Scene
from telling import counts, gone, known, newer

HYPERVISORS = 2
SETTINGS = {"poll": "3600"}
WATCHED = False         # It is webhooks that tell.

SEND = Path(__file__).with_name("sdk") / "send.js"
MODULES = Path(__file__).resolve().parents[2] / "build/sdk/node_modules"

C = cloud.endpoint("c", "blue", "hv2", "02:00:00:00:0c:0c",
                   ["10.0.0.12", "fd00::c"])


@pytest.fixture(scope="module", autouse=True)
def sdks() -> None:
    if not MODULES.is_dir():
        pytest.fail("the SDKs are not there: run 'make build/sdk/installed'")


def send(agent: Agent, *commands: dict) -> list[dict]:
    """Has send.js send webhooks to a vtepd, signed with its first secret
    unless a command says otherwise; returns the answers."""
    hook = agent.webhook
    text = hook.namespace.run(
        ["node", str(SEND)],
        stdin=json.dumps([{"url": hook.url, "secrets": hook.secrets[:1],
                           **command} for command in commands]),
        env={"NODE_PATH": str(MODULES), "NODE_ENV": "production",
             "PATH": os.environ["PATH"]})
    return json.loads(text)


def event(verb: str, obj: dict) -> dict:
    return {"type": webhook.event_type(verb, obj), "data": obj}


def one(mode: str, verb: str, obj: dict, **more: object) -> dict:
    return {"mode": mode, "events": [event(verb, obj)], **more}


@pytest.mark.parametrize("mode", ["structured", "binary", "batch",
                                  "standard"])
def test_events_reach_the_switch(scene: Scene, mode: str) -> None:
    scene.pair()
    agent = scene.agents["hv1"]
    wait = {"headers": {"Prefer": "wait=5"}}

    def flows() -> list[str]:
        return [line for line in scene.hv["hv1"].flows() if C["mac"] in line]

    assert not flows()
    answer, = send(agent, one(mode, "put", newer(C), **wait))
    assert answer["status"] == 204, answer
    assert flows()
    assert known(agent)["c"]["ips"] == C["ips"]
    answer, = send(agent, one(mode, "delete", gone(C), **wait))
    assert answer["status"] == 204, answer
    assert not flows()
    assert "c" not in known(agent)


def test_batch_of_many(scene: Scene) -> None:
    scene.pair()
    agent = scene.agents["hv1"]
    many = [cloud.endpoint(f"c{n}", "blue", "hv2", f"02:00:00:0c:00:{n:02x}",
                           [f"10.0.1.{n}"]) for n in range(1, 101)]
    answer, = send(agent, {"mode": "batch",
                           "events": [event("put", newer(obj))
                                      for obj in many],
                           "headers": {"Prefer": "wait=5"}})
    assert answer["status"] == 204, answer
    assert {obj["id"] for obj in many} <= set(known(agent))
    text = "\n".join(scene.hv["hv1"].flows())
    assert all(obj["mac"] in text for obj in many)


def test_over_the_sdks_own_transport(scene: Scene) -> None:
    """It is chunked, and all in one connection each."""
    scene.pair()
    agent = scene.agents["hv1"]
    before = counts(agent)["taken"]
    answer, = send(agent, one("sdk", "put", newer(C)))
    assert answer["body"] == ""
    assert "c" in known(agent)
    assert counts(agent)["taken"] == before + 1


# Signatures, by the SDK of Standard Webhooks.

ALL_MODES = ("structured", "binary", "batch", "standard")


def test_wrong_signatures(scene: Scene) -> None:
    """Whichever the mode, nothing gets in; and nobody is told why exactly,
    beyond what a sender needs to mend it."""
    scene.pair()
    agent = scene.agents["hv1"]
    secret = agent.webhook.secrets[0]
    now = int(time.time())
    wrong: dict[str, dict] = {
        "unsigned": {"secrets": []},
        "another secret": {"secrets": [webhook.new_secret()]},
        "too old": {"timestamp": now - 5 * 60 - 20},
        "from the future": {"timestamp": now + 5 * 60 + 20},
        "of another version": {"headers": {
            "webhook-signature": "v2,AAAA v1a,AAAA"}},
        "empty": {"headers": {"webhook-signature": ""}},
        "another id than signed": {"headers": {"webhook-id": "msg_other"}},
        "another time than signed": {"headers": {
            "webhook-timestamp": str(now - 1000)}},
        "no number": {"headers": {"webhook-timestamp": "soon"}},
    }
    before = known(agent)
    for name, spoiled in wrong.items():
        answers = send(agent, *(one(mode, "put", newer(C), **spoiled)
                                for mode in ALL_MODES))
        for mode, answer in zip(ALL_MODES, answers):
            assert answer["status"] == 401, (name, mode, answer)
            assert answer["headers"]["content-type"] \
                == "application/problem+json"
            assert secret[6:] not in json.dumps(answer)
    assert known(agent) == before
    assert counts(agent)["unauthorized"] >= len(wrong) * len(ALL_MODES)
    assert secret[6:] not in agent.log() + agent.command("vtepd/status")


def test_timestamps_within_five_minutes(scene: Scene) -> None:
    scene.pair()
    now = int(time.time())
    answers = send(scene.agents["hv1"], *(
        one("standard", "put", newer(C), timestamp=now + offset)
        for offset in (-4 * 60, 4 * 60)))
    assert [answer["status"] for answer in answers] == [202, 202]


def test_replayed_message(scene: Scene) -> None:
    scene.pair()
    agent = scene.agents["hv1"]
    replayed = one("standard", "put", C, id="msg_again")
    answers = send(agent, replayed, one("standard", "delete", gone(C)),
                   replayed, {**replayed, "mode": "structured"})
    assert [answer["status"] for answer in answers] == [202] * 4
    assert "c" not in known(agent)
    assert counts(agent)["repeated"] == 2


def test_rotation(scene: Scene) -> None:
    """Old and new side by side, at the sender and at vtepd; then the old one
    is taken away while vtepd runs."""
    scene.pair()
    agent = scene.agents["hv1"]
    old, new, third = (webhook.new_secret() for _ in range(3))

    def statuses(*signed_with: list[str]) -> list[int]:
        return [answer["status"] for answer in send(agent, *(
            one("standard", "put", newer(C), secrets=secrets)
            for secrets in signed_with))]

    steps = [
        # What vtepd has; with [old], [new], [old, new], [third].
        ((old,), [202, 401, 202, 401]),
        ((old, new), [202, 202, 202, 401]),
        ((new,), [401, 202, 202, 401]),
        ((new, third), [401, 202, 202, 202]),
    ]
    ordinary = agent.webhook.secrets
    try:
        for secrets, expected in steps:
            agent.webhook.set_secrets(*secrets)
            wait_until(lambda: statuses([old], [new], [old, new], [third]),
                       f"it takes {len(secrets)} secrets",
                       until=lambda seen: seen == expected)
    finally:
        agent.webhook.set_secrets(*ordinary)
    wait_until(lambda: agent.webhook.put(newer(C), wait=None).status,
               "it takes the first secret again",
               until=lambda status: status == 202)
