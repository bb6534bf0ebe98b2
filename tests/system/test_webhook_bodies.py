# SPDX-License-Identifier: Apache-2.0
"""What a webhook may consist of, and how each request is answered."""

from __future__ import annotations

import secrets

import pytest
from lab import cloud, webhook
from lab.agent import Agent
from lab.webhook import (BATCH, CLOUDEVENT, JSON, Answer, batch,
                         binary_headers, cloudevent, signed, standard)
from scene import Scene
from telling import counts, gone, known, newer, text, without

HYPERVISORS = 1
SETTINGS = {"poll": "3600"}     # What events say is not listed over.
WATCHED = False         # It is webhooks that tell.

SEGMENT = cloud.segment("blue", 77)
C = cloud.endpoint("c", "blue", "far-away", "02:00:00:00:0c:0c",
                   ["10.0.0.12", "fd00::c"])


@pytest.fixture
def agent(scene: Scene) -> Agent:
    """hv1's vtepd, which knows segment blue."""
    scene.put(SEGMENT)
    scene.pass_lists("hv1", 1)
    return scene.agents["hv1"]


def send_standard(agent: Agent, verb: str, obj: dict) -> Answer:
    return agent.webhook.post(standard(verb, obj))


def send_structured(agent: Agent, verb: str, obj: dict) -> Answer:
    return agent.webhook.post(cloudevent(verb, obj), CLOUDEVENT)


def send_batch(agent: Agent, verb: str, obj: dict) -> Answer:
    return agent.webhook.post(batch((verb, obj)), BATCH)


def send_binary(agent: Agent, verb: str, obj: dict) -> Answer:
    return agent.webhook.post(obj, headers=binary_headers(verb, obj))


def send_with_charset(agent: Agent, verb: str, obj: dict) -> Answer:
    """As the SDKs write it, or another way that means the same."""
    return agent.webhook.post(
        cloudevent(verb, obj, datacontenttype="application/json"),
        "Application/CloudEvents+JSON ; charset=UTF-8")


@pytest.mark.parametrize("send", [
    send_standard, send_structured, send_batch, send_binary,
    send_with_charset])
def test_bodies(agent: Agent, send) -> None:
    """Each way to tell it: an endpoint comes, changes and goes."""
    first = newer(C)
    answer = send(agent, "put", first)
    assert (answer.status, answer.body) == (202, b"")
    row = known(agent)["c"]
    assert row["host"] == "far-away"
    assert row["mac"] == C["mac"]
    assert row["ips"] == C["ips"]
    assert row["revision"] == first["revision"]
    assert send(agent, "put", newer({**C, "ips": ["10.0.0.13"]})).status == 202
    assert known(agent)["c"]["ips"] == ["10.0.0.13"]
    # Older than what is known: taken as an event, and ignored.
    assert send(agent, "put", first).status == 202
    assert known(agent)["c"]["ips"] == ["10.0.0.13"]
    assert send(agent, "delete", gone(C)).status == 202
    assert "c" not in known(agent)
    assert send(agent, "put", first).status == 202
    assert "c" not in known(agent)


def test_every_kind(agent: Agent) -> None:
    objects = [cloud.host("new-host", "203.0.113.7"),
               cloud.segment("new-segment", 4711),
               {"kind": "router", "id": "new-router",
                "mac": "02:00:5e:00:00:01", "segments": ["new-segment"]},
               cloud.endpoint("new-endpoint", "new-segment", "new-host",
                              "02:00:00:00:0d:0d", ["10.9.9.9"])]

    def n_known() -> dict[str, int]:
        status = agent.show("status")["inventory"]
        return {f"{kind}s": status[f"{kind}s"] for kind in cloud_kinds}

    cloud_kinds = [obj["kind"] for obj in objects]
    before = n_known()
    for obj in objects:
        assert agent.webhook.put(newer(obj)).status == 204
    assert n_known() == {kind: n + 1 for kind, n in before.items()}
    for obj in reversed(objects):
        assert agent.webhook.delete(gone(obj)).status == 204
    assert n_known() == before


def test_unknown_members_are_passed_over(agent: Agent) -> None:
    """So that an orchestrator can be newer than vtepd."""
    coloured = newer({**C, "colour": "green"})
    assert agent.webhook.put(coloured).status == 204
    assert "c" in known(agent)


# How it is answered when something is wrong.

BAD_MAC = {**C, "mac": "02:00:00:00:0c"}
BAD_OBJECTS = [
    # What is sent, and the member at fault.
    (JSON, standard("put", BAD_MAC), "/data/mac"),
    (CLOUDEVENT, cloudevent("put", BAD_MAC), "/data/mac"),
    (BATCH, batch(("put", C), ("put", BAD_MAC)), "/1/data/mac"),
    (JSON, standard("put", {**C, "ips": ["10.0.0.1", "10.0.0.256"]}),
     "/data/ips/1"),
    (JSON, standard("put", without(C, "segment")), "/data/segment"),
    (JSON, standard("put", {**C, "id": "a b"}), "/data/id"),
    (JSON, standard("put", {**C, "revision": -1}), "/data/revision"),
    (JSON, {**standard("put", C), "type": "segment.put"}, "/data/kind"),
    (JSON, {**standard("put", C), "type": "endpoint.explode"}, "/type"),
    (JSON, without(standard("put", C), "type"), "/type"),
    (JSON, without(standard("put", C), "data"), "/data"),
    (CLOUDEVENT, cloudevent("put", C, specversion="2.0"), "/specversion"),
    (CLOUDEVENT, cloudevent("put", C, specversion=None), "/specversion"),
    (CLOUDEVENT, cloudevent("put", C, source=None), "/source"),
    (CLOUDEVENT, cloudevent("put", C, id=""), "/id"),
    (CLOUDEVENT, cloudevent("put", C, type="endpoint"), "/type"),
]


@pytest.mark.parametrize("content_type,body,pointer", BAD_OBJECTS, ids=[
    f"{n}-{case[2]}" for n, case in enumerate(BAD_OBJECTS)])
def test_422_names_the_member(agent: Agent, content_type: str, body: object,
                              pointer: str) -> None:
    before = known(agent)
    answer = agent.webhook.post(body, content_type, wait=5)
    assert answer.status == 422, answer
    assert answer.at_fault() == pointer
    problem = answer.problem()
    assert problem["title"] and problem["detail"]
    assert known(agent) == before


def test_422_names_the_member_of_binary_events(agent: Agent) -> None:
    answer = agent.webhook.post(BAD_MAC, headers=binary_headers("put", C))
    assert answer.status == 422
    assert answer.at_fault() == "/mac"
    headers = binary_headers("put", C)
    headers["ce-type"] = "com.example.endpoint.explode"
    answer = agent.webhook.post(C, headers=headers)
    assert answer.status == 422
    assert "endpoint.explode" in answer.problem()["detail"]


@pytest.mark.parametrize("content_type", [JSON, CLOUDEVENT, BATCH])
def test_400(agent: Agent, content_type: str) -> None:
    for body in (b"", b"{", b"\xff\xfe", text(standard("put", C)) + b"x"):
        answer = agent.webhook.post(body, content_type)
        assert answer.status == 400, (body, answer)
        assert answer.problem()["detail"]
    assert "c" not in known(agent)


def test_415(agent: Agent) -> None:
    for content_type in ("text/plain", "application/xml", "application/jsonx",
                         "application/x-www-form-urlencoded", "",
                         "application/cloudevents+xml",
                         "multipart/form-data; boundary=x"):
        answer = agent.webhook.post(standard("put", C), content_type)
        assert answer.status == 415, (content_type, answer)
        detail = answer.problem()["detail"]
        assert "application/json" in detail or CLOUDEVENT in detail
    assert "c" not in known(agent)


def test_413(agent: Agent) -> None:
    """1 MiB and no more."""
    event = {**standard("put", C), "padding": ""}
    event["padding"] = "x" * ((1 << 20) - len(text(event)))
    assert len(text(event)) == 1 << 20
    assert agent.webhook.post(event, wait=5).status == 204
    event["padding"] += "x"
    answer = agent.webhook.post(event, wait=5)
    assert answer.status == 413
    assert "1 MiB" in answer.problem()["detail"] \
        or "1048576" in answer.problem()["detail"]


def test_404_and_405(agent: Agent) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        body = text(standard("put", C))
        answer = agent.webhook.request(method, webhook.PATH, body, {
            "Content-Type": JSON,
            **signed(agent.webhook.secrets[0], body)})
        assert answer.status == 405, (method, answer)
        allowed = {word.strip() for word in
                   answer.headers["allow"].split(",")}
        assert {"POST", "OPTIONS"} <= allowed
    for path in ("/", "/v1", "/v1/event", "/v1/events/", "/v1/events/x",
                 "/v1//events", "/v1/inventory"):
        assert agent.webhook.request("GET", path).status == 404, path
    assert agent.webhook.request("POST", "/healthz", b"").status == 405
    assert "c" not in known(agent)


def test_options_handshake(agent: Agent) -> None:
    """CloudEvents' "HTTP 1.1 Web Hooks", 4: may this sender deliver here?"""
    answer = agent.webhook.request("OPTIONS", headers={
        "WebHook-Request-Origin": "eventemitter.example.com",
        "WebHook-Request-Rate": "120"})
    assert answer.status in (200, 204)
    assert answer.headers["webhook-allowed-origin"] in (
        "eventemitter.example.com", "*")
    assert answer.headers["webhook-allowed-rate"] == "*" \
        or int(answer.headers["webhook-allowed-rate"]) > 0
    assert "POST" in answer.headers["allow"]


def test_replayed_id_does_nothing(agent: Agent) -> None:
    """The answer of a success may get lost, so the sender tells it again."""
    # Without revisions only the id says that it is old.
    obj = {**C, "id": "replayed"}
    raw = text(standard("put", obj))
    headers = signed(agent.webhook.secrets[0], raw,
                     f"msg_{secrets.token_hex(8)}")
    before = counts(agent)["repeated"]
    assert agent.webhook.post(raw, headers=headers).status == 202
    moved = {**obj, "ips": ["10.0.0.99"]}
    assert agent.webhook.put(moved).status == 204
    for wait, status in ((None, 202), (5, 204)):
        answer = agent.webhook.post(raw, headers=headers, wait=wait)
        assert answer.status == status
        assert known(agent)["replayed"]["ips"] == moved["ips"]
    assert counts(agent)["repeated"] == before + 2


def test_a_refused_request_can_be_corrected(agent: Agent) -> None:
    """Its id does not count as seen."""
    message_id = f"msg_{secrets.token_hex(8)}"
    secret = agent.webhook.secrets[0]
    for obj, status in ((BAD_MAC, 422), (C, 202)):
        raw = text(standard("put", newer(obj)))
        assert agent.webhook.post(raw, headers=signed(
            secret, raw, message_id)).status == status
    assert known(agent)["c"]["mac"] == C["mac"]
