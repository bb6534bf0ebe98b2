# SPDX-License-Identifier: Apache-2.0
"""Contract 3.4 on the real thing: whatever the order, the repetition and the
source of events, vtepd ends where the cloud is; and what belongs together is
taken together."""

from __future__ import annotations

import json
import random
import signal
import threading
import time

import pytest
from lab import cloud
from lab.agent import Agent
from lab.processes import wait_until
from lab.webhook import (BATCH, JSON, PATH, batch, cloudevent, preference,
                         signed, standard)
from scene import Scene
from telling import delete, known, newer, put, tell

HYPERVISORS = 2
SETTINGS = {"poll": "3600", "hold": "3600"}
WATCHED = False         # It is webhooks that tell.

MEMBERS = ("revision", "host", "mac", "ips")


def endpoint(name: str, host: str = "hv2", number: int = 0, **members: object
             ) -> dict:
    number = number or int(name[1:])
    return cloud.endpoint(name, "blue", host, f"02:00:00:0e:00:{number:02x}",
                          [f"10.0.1.{number}"], **members)


def lists_of(scene: Scene, host: str) -> list[dict]:
    """The lists that a host has asked for, pages after the first apart."""
    return [request for request in scene.cloud.requests()
            if f"host={host}&" in request["path"] + "&"
            and "cursor=" not in request["path"]
            and "watch=" not in request["path"]]


# Thin events.

def test_thin_event_leads_to_a_list(scene: Scene) -> None:
    """With Prefer: wait, the answer comes when what was listed is in the
    switch."""
    scene.pair()
    agent = scene.agents["hv1"]
    e1 = endpoint("e1")
    scene.cloud.put(e1)
    answer = agent.webhook.put({"kind": "endpoint", "id": "e1"})
    assert answer.status == 204, answer
    assert "e1" in known(agent)
    assert [line for line in scene.hv["hv1"].flows() if e1["mac"] in line]
    scene.cloud.delete("endpoint", "e1")
    answer = agent.webhook.delete({"kind": "endpoint", "id": "e1"})
    assert answer.status == 204, answer
    assert "e1" not in known(agent)
    assert not [line for line in scene.hv["hv1"].flows() if e1["mac"] in line]


def test_thin_event_about_nothing_new(scene: Scene) -> None:
    """The list says what is known already: then the switch has it."""
    scene.pair()
    hook = scene.agents["hv1"].webhook
    for name in ("a", "b", "nobody"):
        answer = hook.put({"kind": "endpoint", "id": name})
        assert answer.status == 204, answer


def test_thousand_thin_events_cause_two_lists(scene: Scene) -> None:
    """In requests and in batches, within a second."""
    scene.pair()
    agent = scene.agents["hv1"]
    scene.wait_idle()
    scene.cloud.forget_requests()
    thin = [{"kind": "endpoint", "id": f"e{n}"} for n in range(1000)]
    begun = time.monotonic()
    for obj in thin[:10]:
        assert agent.webhook.put(obj, wait=None).status == 202
    for start in range(10, 1000, 99):
        events = batch(*(("put", obj) for obj in thin[start:start + 99]))
        assert agent.webhook.post(events, BATCH).status == 202
    took = time.monotonic() - begun
    # This one is after them all; whatever was to be listed was, then.
    scene.cloud.put(endpoint("e0", number=1))
    assert agent.webhook.put(thin[0]).status == 204
    # One list at once, one for those that came later; had the machine been
    # slow, one more a second.
    assert 1 <= len(lists_of(scene, "hv1")) <= 2 + int(took)


# Batches.

def test_batch_with_one_bad_object_changes_nothing(scene: Scene) -> None:
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    before, state = known(agent), scene.settle("hv1")
    good = [endpoint(f"e{n}") for n in range(1, 100)]
    for bad in ({**endpoint("e100"), "mac": "none"},
                {"kind": "endpoint", "id": ""}):
        for place in (0, 50, 99):
            events = batch(*put(*good))
            events.insert(place, cloudevent("put", newer(bad)))
            answer = agent.webhook.post(events, BATCH, wait=5)
            assert answer.status == 422
            assert answer.at_fault().startswith(f"/{place}/data/")
    events = batch(*put(*good), *delete(b.endpoint()))
    events[-1]["type"] = "com.example.endpoint.forget"
    answer = agent.webhook.post(events, BATCH, wait=5)
    assert answer.status == 422
    assert answer.at_fault() == "/99/type"
    assert known(agent) == before
    assert scene.state("hv1") == state
    assert a.ping(b.ipv4, count=3).received == 3


def test_batch_is_taken_as_one(scene: Scene) -> None:
    """Two VMs swap their addresses and hosts, again and again.  One after
    the other each would for a moment want what is the other's."""
    scene.pair()
    agent = scene.agents["hv1"]
    x, y = endpoint("e1"), endpoint("e2", "far-away")
    tell(scene, put(x, y), ["hv1"])
    offset = agent.log_size()
    for _ in range(25):
        x, y = ({**x, **{name: y[name] for name in ("mac", "ips", "host")}},
                {**y, **{name: x[name] for name in ("mac", "ips", "host")}})
        tell(scene, put(x, y), ["hv1"])
        now = known(agent, "mac", "ips", "host")
        for obj in (x, y):
            assert now[obj["id"]] == {name: obj[name]
                                      for name in ("mac", "ips", "host")}
    for word in ("taken", "conflict", "same"):
        assert word not in agent.log_since(offset).lower()
    assert not agent.show("status")["conflicts"]


# Any order, any source.

class History:
    """What happens in a cloud to a few endpoints, and the events that tell
    it, each with the revision that the cloud gave."""

    def __init__(self, scene: Scene, seed: int):
        self._cloud = scene.cloud
        self._random = random.Random(seed)
        self._names = [f"e{n}" for n in range(1, 6)]
        self._alive: dict[str, dict] = {}
        self._revision = dict.fromkeys(self._names, 0)
        self.events: list[tuple[str, dict]] = []

    def step(self) -> None:
        name = self._random.choice(self._names)
        self._revision[name] += 1
        revision = self._revision[name]
        if name in self._alive and self._random.random() < 0.4:
            del self._alive[name]
            self._cloud.delete("endpoint", name)
            self.events.append(("delete", {
                "kind": "endpoint", "id": name, "revision": revision}))
            return
        obj = endpoint(name, self._random.choice(["hv1", "hv2", "far-away"]),
                       int(name[1:]) * 20 + self._random.randrange(20),
                       revision=revision)
        self._alive[name] = obj
        self._cloud.put(obj)
        self.events.append(("put", obj))

    def outcome(self) -> dict[str, dict]:
        return {name: {member: obj[member] for member in MEMBERS}
                for name, obj in self._alive.items()}


@pytest.mark.parametrize("seed", range(1, 7))
def test_any_order_ends_in_the_state_of_the_cloud(scene: Scene, seed: int
                                                  ) -> None:
    """Events by webhook, late, early, twice and in any order, while lists
    that were asked for in between come in slowly."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    others = set(known(agent))
    history = History(scene, seed)
    rng = random.Random(-seed)
    late: list[tuple[str, dict]] = []

    def lists() -> int:
        return agent.show("status")["inventory"]["lists"]

    for last in (False, False, False, False, False, True):
        # The page is made when it is asked for, and is long on its way.
        scene.cloud.inject(pass_through=True, drip=0.0002)
        n_lists = lists()
        # Something has changed, so it is a list and not a 304.
        scene.put(newer(scene.lab.host_objects()[1]))
        for _ in range(5):
            told = len(history.events)
            history.step()
            late += history.events[told:] * rng.randint(1, 2)
        rng.shuffle(late)
        n_now = len(late) if last else rng.randint(0, len(late))
        if rng.random() < 0.3 and not last:
            wait_until(lists, "the list is whole",
                       until=lambda n: n > n_lists)
        post(agent, late[:n_now], rng)
        late = late[n_now:]
        wait_until(lists, "the list is whole", until=lambda n: n > n_lists)

    def differs() -> tuple[dict, dict] | None:
        now = {name: row for name, row in known(agent, *MEMBERS).items()
               if name not in others}
        return None if now == history.outcome() else (now, history.outcome())

    wait_until(differs, "vtepd knows what the cloud knows",
               until=lambda difference: difference is None)
    # A list finds nothing to mend, in the inventory and in the switch.
    before = scene.state("hv1")
    scene.pass_lists("hv1", 1)
    assert differs() is None
    assert scene.state("hv1") == before
    assert a.ping(b.ipv4, count=3).received == 3


def post(agent: Agent, events: list[tuple[str, dict]], rng: random.Random
         ) -> None:
    """Posts events as they come, in batches and one by one, some of them at
    the same time."""
    requests = []
    while events:
        n = rng.randint(1, 3)
        part, events = events[:n], events[n:]
        requests.append(agent.webhook.send_signed(batch(*part), BATCH))
    for request in requests:
        assert request.answer().status == 202


def test_events_from_many_at_once(scene: Scene) -> None:
    """Twenty senders, each with all revisions of an endpoint: the highest
    stays."""
    scene.pair()
    agent = scene.agents["hv1"]
    statuses: list[int] = []

    def send_all(seed: int) -> None:
        versions = [endpoint("e1", number=n, revision=n)
                    for n in range(1, 21)]
        random.Random(seed).shuffle(versions)
        for obj in versions:
            statuses.append(agent.webhook.put(obj, wait=None).status)

    threads = [threading.Thread(target=send_all, args=(seed,))
               for seed in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {202} and len(statuses) == 400
    assert known(agent)["e1"]["revision"] == 20


# The state file.

def test_events_are_kept_over_a_restart(scene: Scene) -> None:
    """In order or by SIGTERM: what events have said is in the state file,
    and is used when the API is away."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    c = scene.lab.vm("c", "blue", ["10.0.0.3", "fd00::3"])
    c.plug(scene.hv["hv2"])
    tell(scene, [*put(c.endpoint()), *delete(b.endpoint())])
    assert a.reaches(c.ipv4)
    items = scene.cloud.objects()
    scene.cloud.stop()
    try:
        for how in (signal.SIGTERM, None):
            assert (agent.exit() if how is None else agent.stop(how)) in (
                0, -signal.SIGTERM)
            for row in scene.hv["hv1"].tunnels():
                scene.hv["hv1"].vsctl("del-port", row["name"])
            scene.hv["hv1"].ofctl("del-flows", "br-int")
            agent.start()
            a.wait_reaches(c.ipv4)
            assert "b" not in known(agent)
            assert agent.show("status")["inventory"]["from_state_file"]
    finally:
        scene.cloud.start()
        scene.cloud.replace(*items)


def test_events_get_into_the_file_while_it_runs(scene: Scene) -> None:
    """So that they survive a crash, too."""
    scene.pair()
    scene.pass_lists("hv1", 1)      # No list that lacks e1 is to come.
    agent = scene.agents["hv1"]
    tell(scene, put(endpoint("e1")), ["hv1"])
    wait_until(lambda: agent.show("status")["inventory"]["state_file_saved"],
               "the state file is up to date", 40)
    items = scene.cloud.objects()
    scene.cloud.stop()
    try:
        agent.stop(signal.SIGKILL)
        agent.start()
        wait_until(lambda: "e1" in known(agent), "e1 is known")
    finally:
        scene.cloud.start()
        scene.cloud.replace(*items)


def test_late_event_does_not_revive(scene: Scene) -> None:
    """Deleted by an event or by a list, known before or never."""
    scene.pair()
    agent = scene.agents["hv1"]
    hook = agent.webhook
    for name, by_list in (("e1", False), ("e2", True)):
        scene.cloud.put(endpoint(name, revision=5))
        scene.pass_lists("hv1", 1)
        assert name in known(agent)
        scene.cloud.delete("endpoint", name)
        if by_list:
            scene.pass_lists("hv1", 1)
        else:
            hook.delete({"kind": "endpoint", "id": name, "revision": 6})
        assert name not in known(agent)
        for revision in (4, 5):
            assert hook.put(endpoint(name, revision=revision)).status == 204
            assert name not in known(agent)
        assert hook.put(endpoint(name, revision=7)).status == 204
        assert name in known(agent)
    hook.delete({"kind": "endpoint", "id": "e3", "revision": 3})
    hook.put(endpoint("e3", revision=2))
    assert "e3" not in known(agent)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_captured_webhook_does_not_revive(scene: Scene, how: signal.Signals
                                          ) -> None:
    """A restart forgets which webhook-ids there were, but not what was
    deleted."""
    name = f"e{how.value}"
    scene.pair()
    scene.pass_lists("hv1", 1)      # No list that lacks it is to come.
    agent = scene.agents["hv1"]
    hook = agent.webhook
    body = json.dumps(standard("put", endpoint(name, revision=5))).encode()
    captured = {"Content-Type": JSON, "Prefer": preference(5),
                **signed(hook.secrets[0], body)}
    assert hook.request("POST", PATH, body, captured).status == 204
    assert name in known(agent)
    assert hook.delete({"kind": "endpoint", "id": name,
                        "revision": 6}).status == 204
    wait_until(lambda: agent.show("status")["inventory"]["state_file_saved"],
               "the state file is up to date", 40)
    agent.stop(how)
    agent.start()
    wait_until(lambda: agent.show("status")["inventory"], "it has listed",
               until=lambda status: status["whole"])
    assert hook.request("POST", PATH, body, captured).status == 204
    assert name not in known(agent)
    assert agent.show("status")["webhooks"]["repeated"] == 0
