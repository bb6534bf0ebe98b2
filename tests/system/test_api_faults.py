# SPDX-License-Identifier: Apache-2.0
"""While the API fails, in whatever way, everything keeps forwarding, and
vtepd/status says what is wrong and since when."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.agent import Agent
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 2
WATCHED = False         # All that is known comes with lists.
SETTINGS = {"hold": "3600", "max-delete": "20"}


def inventory(agent: Agent) -> dict:
    return agent.show("status")["inventory"]


@contextmanager
def forwarding(scene: Scene, a: Vm, b: Vm) -> Iterator[None]:
    """Nothing is lost, and the switch stays as it is."""
    before = scene.settle("hv1")
    with a.pinging(b.ipv4) as finish:
        yield
        assert scene.state("hv1") == before
        result = finish()
        assert result.lost == 0, result


def recovers(agent: Agent) -> None:
    def good() -> bool:
        # Unless the server said when to come, it comes at once.
        agent.resync()
        status = inventory(agent)
        return (status["error"] is None
                and status["failing_for_seconds"] is None)

    wait_until(good, "it works again")
    assert "failing for" not in agent.command("vtepd/status")


def html() -> dict:
    return {"content_type": "text/html; charset=utf-8",
            "body": "<!DOCTYPE html><title>Please log in</title>"}


# How every list goes wrong, and what the status says about it.
FAULTS = {
    "5xx": ({"status": 500}, "HTTP 500 Internal Server Error"),
    "502 of a proxy": ({"status": 502, **html()}, "HTTP 502 Bad Gateway"),
    "Retry-After": ({"status": 503, "headers": {"Retry-After": "2"}},
                    "HTTP 503 Service Unavailable"),
    "too many requests": ({"status": 429, "headers": {"Retry-After": "1"}},
                          "HTTP 429 Too Many Requests"),
    "truncated": ({"pass_through": True, "truncate": 100}, "transfer closed"),
    "truncated JSON": ({"body": '{"version":"v","items":['}, "bad JSON"),
    "login page": (html(), 'the content type is "text/html; charset=utf-8",'
                   ' not "application/json"'),
    "login page said to be JSON": ({"body": html()["body"]}, "bad JSON"),
    "expired token": ({"status": 401}, "HTTP 401 Unauthorized: the API wants"
                      " a valid token (--api-token-file)"),
    "forbidden": ({"status": 403}, "HTTP 403 Forbidden: the API does not let"
                  " this host read the inventory"),
    "moved": ({"status": 404}, "HTTP 404 Not Found: there is no inventory"),
    # From here on of the second page.
    "half a list": ({"after_page": 1, "status": 500},
                    "page 2: HTTP 500 Internal Server Error"),
    "half a list, truncated": ({"after_page": 1, "pass_through": True,
                                "truncate": 20}, "page 2: transfer closed"),
    "wrong version": ({"after_page": 1,
                       "body": '{"version":"other","items":[]}'},
                      "the inventory changed while it was listed (version"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_list_fails(scene: Scene, name: str) -> None:
    fault, words = FAULTS[name]
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    if "after_page" in fault:
        scene.cloud.set_page_size(2)
    try:
        with forwarding(scene, a, b):
            known = inventory(agent)["endpoints"]
            began = time.monotonic()
            scene.cloud.inject(count=-1, **fault)
            agent.resync()
            status = wait_until(
                lambda: inventory(agent), "it fails for some time",
                until=lambda status: (status["failing_for_seconds"] or 0) >= 2)
            assert words in status["error"], status["error"]
            assert (status["failing_for_seconds"]
                    <= time.monotonic() - began + 1)
            assert status["failures"] >= 1
            assert status["endpoints"] == known
            assert status["held_deletions"] == 0
            text = agent.command("vtepd/status")
            assert words in text and "failing for" in text
            scene.cloud.clear_faults()
            recovers(agent)
    finally:
        scene.cloud.set_page_size(5000)


def test_api_is_down(scene: Scene) -> None:
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    items = scene.cloud.objects()
    with forwarding(scene, a, b):
        scene.cloud.stop()
        agent.resync()
        status = wait_until(
            lambda: inventory(agent), "it fails for some time",
            until=lambda status: (status["failing_for_seconds"] or 0) >= 1)
        assert "Failed to connect" in status["error"], status["error"]
        scene.cloud.start()
        scene.cloud.replace(*items)
        recovers(agent)


def test_api_hangs(scene: Scene) -> None:
    """Before it counts as a failure: it is seen, too."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    items = scene.cloud.objects()
    with forwarding(scene, a, b):
        scene.cloud.inject(count=-1, delay=3600)
        agent.resync()
        status = wait_until(
            lambda: inventory(agent), "a list is waited for",
            until=lambda s: (s["list_under_way_for_seconds"] or 0) >= 2)
        assert status["error"] is None
        assert "waiting for a list for" in agent.command("vtepd/status")
        scene.cloud.stop()
        wait_until(lambda: inventory(agent)["error"], "it is given up")
        assert inventory(agent)["list_under_way_for_seconds"] is None
        scene.cloud.start()
        scene.cloud.replace(*items)
        recovers(agent)


def test_api_is_slow(scene: Scene) -> None:
    """Byte by byte, but it goes on: in the end it counts."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    with forwarding(scene, a, b):
        n_failures = inventory(agent)["failures"]
        scene.cloud.inject(count=-1, pass_through=True, drip=0.003)
        agent.resync()
        wait_until(lambda: inventory(agent), "a list is waited for",
                   until=lambda s: s["list_under_way_for_seconds"] or 0)
        assert inventory(agent)["error"] is None
        n_lists = inventory(agent)["lists"]
        wait_until(lambda: inventory(agent)["lists"], "it has come",
                   until=lambda n: n > n_lists)
        assert inventory(agent)["failures"] == n_failures
        scene.cloud.clear_faults()


@pytest.mark.parametrize("n_left", [0, 0.5])
def test_list_lacks_much(scene: Scene, n_left: float) -> None:
    """It is whole, so nobody can tell that it is wrong: the guard holds what
    it lacks, over a restart too, until that is approved."""
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    for n in range(40):
        scene.remote(f"x{n}", "blue", "hv2")
    scene.connect(a, b)
    agent = scene.agents["hv1"]
    items = scene.cloud.objects()
    left = [item for item in items if item["kind"] != "endpoint"
            or not item["id"].startswith("x")] if n_left else []
    lost = len(items) - len(left)
    answer = {"count": -1, "body": json.dumps({"version": "less",
                                               "items": left})}

    def is_held(status: dict) -> bool:
        return (status["held_deletions"] == lost and status["whole"]
                and not status["from_state_file"])

    with forwarding(scene, a, b):
        scene.cloud.inject(**answer)
        agent.resync()
        wait_until(lambda: inventory(agent), "it is held", until=is_held)
        status = wait_until(
            lambda: inventory(agent), "it is held for some time",
            until=lambda status: (status["held_for_seconds"] or 0) >= 1)
        assert status["error"] is None
        text = agent.command("vtepd/status")
        assert f"{lost}, for" in text and "vtepd/approve-deletions" in text

        # What is held is in the state file, so it is held again.
        agent.restart()
        status = wait_until(lambda: inventory(agent), "it is held again",
                            until=is_held)
        assert status["endpoints"] == 43
        scene.cloud.clear_faults()
        agent.resync()
        wait_until(lambda: inventory(agent)["held_deletions"],
                   "nothing is held", until=lambda n: not n)

    # What was approved stays so over a restart.
    scene.cloud.inject(**answer)
    agent.resync()
    wait_until(lambda: inventory(agent), "it is held", until=is_held)
    assert str(lost) in agent.command("vtepd/approve-deletions")
    agent.restart()
    status = wait_until(
        lambda: inventory(agent), "the API has answered",
        until=lambda status: status["whole"] and not status["from_state_file"])
    assert status["held_deletions"] == 0
    assert status["endpoints"] == (3 if n_left else 0)
    scene.cloud.clear_faults()
    scene.connect(a, b)


@pytest.mark.parametrize("hung", [False, True])
def test_nothing_is_known_at_start(scene: Scene, hung: bool) -> None:
    """Neither a state file nor the API: what is in the switch stays."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    scene.pass_lists("hv1")     # What the test before has left is held...
    agent.command("vtepd/approve-deletions")
    scene.settle("hv1")         # ...and would be gone only after this one.
    with forwarding(scene, a, b):
        agent.stop()
        agent.state_file.unlink()
        if hung:
            scene.cloud.inject(count=-1, pass_through=True, delay=8)
        else:
            scene.cloud.inject(count=-1, status=503)
        agent.start()
        trouble = "list_under_way" if hung else "failing"
        status = wait_until(
            lambda: inventory(agent), "there is trouble for some time",
            until=lambda s: (s[f"{trouble}_for_seconds"] or 0) >= 2)
        assert not status["whole"] and not status["from_state_file"]
        assert status["endpoints"] == 0
        text = agent.command("vtepd/status")
        assert "waiting for the first whole inventory" in text
        assert hung or "HTTP 503 Service Unavailable" in text
        scene.cloud.clear_faults()
        recovers(agent)
        wait_until(lambda: agent.show("status")["openflow"]["state"],
                   "it has compared everything",
                   until=lambda state: state == "synced")
        assert agent.show("status")["openflow"]["flow_mods"] == 0
