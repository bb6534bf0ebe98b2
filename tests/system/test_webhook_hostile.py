# SPDX-License-Identifier: Apache-2.0
"""Whoever is not trusted changes nothing, and costs those who are neither
their answers nor the host its memory."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hostile import ATTACKS
from lab import cloud
from lab.agent import Agent
from lab.processes import wait_until
from lab.webhook import BATCH, CLOUDEVENT, JSON, binary_headers, standard
from scene import Scene
from telling import counts, known, newer

HYPERVISORS = 1
SETTINGS = {"poll": "3600"}
WATCHED = False         # It is webhooks that tell.

SECONDS = 2.0           # That an attack lasts.
WORST = 1.0             # Longest that an answer may take, in s.
GROWTH = 48             # Memory that an attack may cost, in MiB.
LOG_LINES = 60          # That vtepd may write because of it.

SEGMENT = cloud.segment("blue", 77)
C = cloud.endpoint("c", "blue", "far-away", "02:00:00:00:0c:0c",
                   ["10.0.0.12"])


@pytest.fixture
def agent(scene: Scene) -> Agent:
    """hv1's vtepd, which knows segment blue."""
    scene.put(SEGMENT)
    scene.pass_lists("hv1", 1)
    return scene.agents["hv1"]


class Hostile:
    """An attack under way."""

    def __init__(self, agent: Agent, name: str, seconds: float):
        webhook = agent.webhook
        program = Path(__file__).with_name("hostile.py")
        self.process = subprocess.Popen(
            webhook.namespace.argv(
                [sys.executable, str(program), webhook.address,
                 str(webhook.port), name, str(seconds)]),
            stdout=subprocess.PIPE, text=True)
        self.name = name

    def is_over(self) -> bool:
        return self.process.poll() is not None

    def met(self) -> dict[str, int]:
        """How many of its clients met with what."""
        out, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return json.loads(out)["met"]


@contextmanager
def attacked(agent: Agent, *names: str, seconds: float = SECONDS
             ) -> Iterator[list[Hostile]]:
    attacks = [Hostile(agent, name, seconds) for name in names]
    try:
        yield attacks
    finally:
        for attack in attacks:
            attack.process.kill()
            attack.process.wait()


def memory(agent: Agent) -> int:
    """What vtepd has in memory, in KiB."""
    for line in Path(f"/proc/{agent.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def post_meanwhile(agent: Agent, attacks: list[Hostile]
                   ) -> tuple[list[float], int]:
    """Posts events until the attacks are over; returns how long each took to
    be answered, and the most memory that was seen, in KiB."""
    took, most = [], 0
    while not all(attack.is_over() for attack in attacks):
        begun = time.monotonic()
        answer = agent.webhook.post(standard("put", newer(C)))
        took.append(time.monotonic() - begun)
        assert answer.status == 202, answer
        most = max(most, memory(agent))
        time.sleep(0.005)       # Or it would be too fast, by itself.
    return took, most


def withstand(agent: Agent, *names: str, seconds: float = SECONDS
              ) -> dict[str, int]:
    """Has vtepd attacked while another client posts; returns what the
    attackers met with."""
    before, offset = memory(agent), agent.log_size()
    agent.webhook.put(newer(C), wait=None)
    with attacked(agent, *names, seconds=seconds) as attacks:
        took, most = post_meanwhile(agent, attacks)
        met = {}
        for attack in attacks:
            for what, n in attack.met().items():
                met[what] = met.get(what, 0) + n
    lines = agent.log_since(offset).splitlines()
    print(f"{' + '.join(names)}: {met}; {len(took)} events answered, median"
          f" {statistics.median(took) * 1e3:.1f} ms, worst"
          f" {max(took) * 1e3:.1f} ms; memory +{(most - before) / 1024:.1f}"
          f" MiB; {len(lines)} log lines")
    assert max(took) < WORST
    assert most - before < GROWTH * 1024 or agent.is_sanitized()
    assert len(lines) < LOG_LINES, "\n".join(lines)
    assert not any(secret in line for line in lines
                   for secret in agent.webhook.secrets)
    assert agent.webhook.put(newer(C)).status == 204
    wait_until(lambda: counts(agent)["connections"], "the clients are gone",
               until=lambda n: n <= 1, timeout=40)
    return met


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - {"byte-a-second"}))
def test_attack(agent: Agent, name: str) -> None:
    met = withstand(agent, name)
    expected = {"bad-signatures": "401", "bad-large-signatures": "401",
                "large-bodies": "413",
                "large-chunks": "413", "endless-chunks": "413"}
    if name == "unfinished-bodies":
        # Those for whom there is room stay, and keep it from the others: how
        # many are turned away is a matter of luck.
        assert met["503"]
    elif name in expected:
        assert met[expected[name]] >= 10
    else:
        assert sum(met.values()) >= 10


def test_bad_signatures(agent: Agent) -> None:
    """Ten thousand."""
    n = 0
    while n < 10_000:
        met = withstand(agent, "bad-signatures", "bad-signatures")
        assert met["401"] > 100
        n += met["401"]


def test_byte_a_second(agent: Agent) -> None:
    """A request has so much time; more bytes do not give it more."""
    met = withstand(agent, "byte-a-second", seconds=12)
    assert met["closed"] >= 100
    assert met["open"] <= 100


def test_all_at_once(agent: Agent) -> None:
    withstand(agent, *sorted(ATTACKS))


PATHS = ["/v1/events", "/v1/events/", "/v1/events?x=y", "//v1/events", "/",
         "/v1/inventory", "/healthz", "/readyz", "/metrics", "/V1/EVENTS",
         "/v1/events%00", "/v1/%65vents", "/v1/../v1/events"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def test_nothing_unsigned(agent: Agent) -> None:
    """No route, method or content type changes anything without the
    secret."""
    agent.webhook.put(newer(C))
    before = known(agent), agent.show("segments"), agent.show("hosts")
    flows = agent.hypervisor.flows()
    taken = counts(agent)["taken"]
    event = standard("put", newer({**C, "host": "hv1"}))
    bodies = [
        ({"Content-Type": JSON}, event),
        ({"Content-Type": CLOUDEVENT}, event),
        ({"Content-Type": BATCH}, [event]),
        ({"Content-Type": JSON, **binary_headers("put", event["data"])},
         event["data"]),
        ({"Content-Type": "text/plain"}, event),
        ({"Content-Type": "application/x-www-form-urlencoded"}, event),
        ({"Content-Type": JSON, "X-HTTP-Method-Override": "POST"}, event),
        ({"Content-Type": JSON, "Prefer": "wait=5"}, event),
        ({"Content-Type": JSON, "Authorization": "Bearer x"}, event),
        ({}, event),
    ]
    for path, method, (headers, body) in itertools.product(PATHS, METHODS,
                                                           bodies):
        answer = agent.webhook.request(method, path, json.dumps(body).encode(),
                                       headers)
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            assert 400 <= answer.status < 500, (path, method, headers, answer)
    assert counts(agent)["taken"] == taken
    assert (known(agent), agent.show("segments"),
            agent.show("hosts")) == before
    assert agent.hypervisor.flows() == flows
