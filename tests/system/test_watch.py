# SPDX-License-Identifier: Apache-2.0
"""The watch stream: what changes in the cloud is in the switch at once, and
whatever happens to the stream, nothing is lost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import cloud
from lab.agent import Agent
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 2

# No list comes but those that the watch leads to.
SETTINGS = {"poll": "3600"}


@pytest.fixture(autouse=True)
def watched(scene: Scene) -> Iterator[None]:
    scene.cloud.watch_mode()
    # A source made anew knows of no back-off because of an earlier test.
    scene.settings(poll="3601")
    for agent in scene.agents.values():
        wait_until(lambda: agent.show("status")["settings"]["poll"]["value"],
                   "the setting is taken", until=lambda now: now == "3601")
    wait_watching(scene)
    yield
    scene.cloud.clear_faults()
    scene.cloud.watch_mode()


def status(agent: Agent) -> dict:
    return agent.show("status")["inventory"]


def wait_watching(scene: Scene) -> None:
    """Every vtepd has a stream open.  Impatient: listing leads to a watch,
    unless it is too early for one."""
    def watching() -> bool:
        if {status(agent)["watch"] for agent in scene.agents.values()} \
                == {"open"}:
            return True
        scene.lab.resync()
        return False

    wait_until(watching, "all watch", 30, interval=0.5)


def wait_idle(scene: Scene) -> None:
    """They watch, and no list is under way or due soon."""
    wait_watching(scene)
    scene.wait_idle()


def close_all(scene: Scene) -> None:
    """Has all streams end, and waits until all are open again."""
    scene.cloud.forget_requests()
    scene.cloud.say("", close=True)
    wait_watching_again(scene)


def wait_watching_again(scene: Scene) -> None:
    """Both have asked for a watch since the requests were forgotten."""
    wait_until(scene.cloud.watches, "both watch again", 30,
               until=lambda seen: {"hv1", "hv2"} <= {
                   request["path"].partition("host=")[2].partition("&")[0]
                   for request in seen if request["status"] == 200})


_numbers = itertools.count(2)


class Newcomer:
    """A host and an endpoint in blue on it, none of which there has ever been
    before: what was deleted is remembered."""

    def __init__(self) -> None:
        number = next(_numbers)
        self.name = f"far{number}"
        self.host = cloud.host(self.name, f"203.0.113.{number}")
        self.endpoint = cloud.endpoint(
            self.name, "blue", self.name, f"02:fb:00:00:00:{number:02x}",
            [f"10.0.0.{number}"])

    def arrive(self, scene: Scene, timeout: float = 15) -> None:
        """Comes, and both vtepds learn of it."""
        scene.cloud.put(self.host, self.endpoint)
        self.wait_known(scene, timeout)

    def wait_known(self, scene: Scene, timeout: float = 15) -> None:
        for host in scene.hv:
            wait_until(lambda: self.is_known(scene, host),
                       f"{host} has a tunnel to {self.name}", timeout)

    def is_known(self, scene: Scene, host: str = "hv1") -> bool:
        return self.name in scene.hv[host].peers()


def lists(scene: Scene) -> list[dict]:
    return scene.cloud.requests()


def test_changes_need_no_list(scene: Scene) -> None:
    a, b = scene.pair()
    wait_idle(scene)
    scene.cloud.forget_requests()
    # New, changed, moved and gone, all by the watch alone.
    far = Newcomer()
    far.arrive(scene)
    scene.cloud.patch("host", far.name, tunnels=cloud.host(
        far.name, "203.0.113.250")["tunnels"])
    wait_until(scene.hv["hv1"].tunnels, "the new address",
               until=lambda rows: any(row["options"]["remote_ip"]
                                      == "203.0.113.250" for row in rows))
    scene.cloud.delete("endpoint", far.name)
    wait_until(lambda: not far.is_known(scene), "its tunnel is gone")
    for _ in range(3):
        Newcomer().arrive(scene)
    c = scene.vm("c", "blue", "hv2")
    wait_until(c.is_installed, "c is installed")
    a.wait_reaches(c.ipv4)
    b.wait_reaches(c.ipv4)
    assert not lists(scene)
    assert status(scene.agents["hv1"])["watch_events"] >= 8


def ended(scene: Scene, how: Callable[[], None], why: str,
          pair: tuple[Vm, Vm] | None = None) -> None:
    """Has the open streams end; they come back by way of a list, and nothing
    is lost meanwhile."""
    a, b = pair or scene.pair()
    wait_watching(scene)
    offset = scene.agents["hv1"].log_size()
    before = scene.settle("hv1")
    wait_idle(scene)
    scene.cloud.forget_requests()
    with a.pinging(b.ipv4) as finish:
        how()
        line = scene.agents["hv1"].wait_logged("watch ended", offset)
        assert why in line, line
        wait_watching_again(scene)
        assert finish().lost == 0
    assert lists(scene)
    assert scene.state("hv1") == before
    # And it works again.
    Newcomer().arrive(scene)


def test_stream_closed(scene: Scene) -> None:
    ended(scene, lambda: scene.cloud.say("", close=True), "closed it")


def test_gone(scene: Scene) -> None:
    ended(scene, lambda: scene.cloud.say('{"type":"gone"}\n'), "gone")


@pytest.mark.parametrize("text", ["garbage\n", "5\n", "{}\n", '{"type":\n',
                                  "\x00\x00\n", "[" * 5000 + "\n"],
                         ids=["text", "number", "empty", "cut", "zeros",
                              "deep"])
def test_garbage(scene: Scene, text: str) -> None:
    ended(scene, lambda: scene.cloud.say(text), "no event")


def test_endless_line(scene: Scene) -> None:
    ended(scene, lambda: scene.cloud.say("x" * 10000, repeat=300),
          "longer than 2 MiB")


def test_server_restarted(scene: Scene) -> None:
    """It has forgotten all earlier versions; what is missing comes with the
    list."""
    objects: list[dict] = []

    def restart() -> None:
        objects.extend(scene.cloud.objects())
        scene.cloud.stop()
        scene.cloud.start()
        scene.cloud.put(*objects)

    ended(scene, restart, "")


def test_r57_too_old(scene: Scene) -> None:
    """410 leads to one list, and that to a watch."""
    a, b = scene.pair()
    wait_idle(scene)
    scene.cloud.inject(watch=True, status=410, body="", count=2)
    with a.pinging(b.ipv4) as finish:
        close_all(scene)
        assert finish().lost == 0
    assert len(lists(scene)) <= 6
    # One that is too old may not be confirmed by a 304.
    assert lists(scene)[-1]["status"] == 200
    Newcomer().arrive(scene)


def test_closed_again_and_again(scene: Scene) -> None:
    """Back-off: not a request more than needed, and changes still come."""
    a, b = scene.pair()
    wait_watching(scene)
    offset = scene.agents["hv1"].log_size()
    scene.cloud.inject(watch=True, count=-1,
                       content_type="application/x-ndjson",
                       body='{"type":"version","version":"1"}\n')
    scene.cloud.forget_requests()
    with a.pinging(b.ipv4) as finish:
        scene.cloud.say("", close=True)
        Newcomer().arrive(scene)
        at = wait_until(lambda: [request["time"]
                                 for request in scene.cloud.watches()
                                 if "host=hv1&" in request["path"]],
                        "five have ended", 60,
                        until=lambda seen: len(seen) >= 5)
        assert finish().lost == 0
    # After 2, 4, 8, 16 seconds at most, evenly drawn: not all were short.
    assert at[4] - at[0] > 1
    log = scene.agents["hv1"].log_since(offset)
    assert log.count("watch ended") <= 1 + len(at)


def test_without_a_watch(scene: Scene) -> None:
    """Such a server is polled, asked for a watch once, and told of once."""
    a, b = scene.pair()
    wait_watching(scene)
    offset = scene.agents["hv1"].log_size()
    scene.cloud.watch_mode(enabled=False)
    scene.settings(poll="1")
    scene.cloud.forget_requests()
    scene.cloud.say("", close=True)
    Newcomer().arrive(scene)
    agent = scene.agents["hv1"]
    agent.wait_logged("has no watch", offset)
    scene.pass_lists("hv1", 5)
    assert len([request for request in scene.cloud.watches()
                if "host=hv1&" in request["path"]]) <= 2
    assert agent.log_since(offset).count("has no watch") <= 2
    assert status(agent)["watch"] == "not supported by the server"
    assert a.ping(b.ipv4, count=3).received == 3


@pytest.mark.parametrize("fault", [
    {"status": 401, "body": "no"}, {"status": 403, "body": "no"},
    {"status": 500}, {"status": 503, "headers": {"Retry-After": "1"}},
    {"content_type": "text/html", "body": "<html>"},
    {"body": "garbage", "raw": True}], ids=lambda fault: str(
        fault.get("status", fault.get("content_type", "raw"))))
def test_refused(scene: Scene, fault: dict) -> None:
    """Whatever else than a stream it is answered: told, and asked again."""
    a, b = scene.pair()
    wait_watching(scene)
    offset = scene.agents["hv1"].log_size()
    scene.cloud.inject(watch=True, count=4, **fault)
    with a.pinging(b.ipv4) as finish:
        scene.cloud.say("", close=True)
        scene.agents["hv1"].wait_logged("watch failed", offset)
        Newcomer().arrive(scene, 40)
        assert finish().lost == 0
    scene.cloud.clear_faults()
    wait_watching(scene)


def test_unsteady_bytes(scene: Scene) -> None:
    """Lines that come byte by byte, and compressed ones."""
    a, b = scene.pair()
    wait_watching(scene)
    far = Newcomer()
    line = json.dumps({"type": "put", "object": far.host})
    other = json.dumps({"type": "put", "object": far.endpoint})
    for byte in line + "\r\n\r\n" + other + "\n":
        scene.cloud.say(byte)
    far.wait_known(scene)

    scene.cloud.watch_mode(gzip=True)
    close_all(scene)
    wait_until(lambda: not far.is_known(scene), "the list lacks it", 20)
    wait_idle(scene)
    scene.cloud.forget_requests()
    Newcomer().arrive(scene)
    assert not lists(scene)


def test_compressed_without_bounds(scene: Scene) -> None:
    """A gigabyte of blanks in a few bytes costs no gigabyte."""
    a, b = scene.pair()
    scene.cloud.watch_mode(gzip=True)
    wait_watching(scene)
    close_all(scene)
    agent = scene.agents["hv1"]
    offset = agent.log_size()
    scene.cloud.say("x" * 20_000_000)
    agent.wait_logged("watch ended", offset)
    memory = Path(f"/proc/{agent.pid}/status").read_text()
    peak = int(memory.partition("VmHWM:")[2].split()[0])
    assert peak < (500_000 if agent.is_sanitized() else 120_000), f"{peak} kB"
    assert a.ping(b.ipv4, count=3).received == 3


def test_refused_objects(scene: Scene) -> None:
    """One that is refused is told once, and leads to a list once."""
    a, b = scene.pair()
    wait_watching(scene)
    agent = scene.agents["hv1"]
    before = scene.settle("hv1")
    wait_idle(scene)
    offset = agent.log_size()
    scene.cloud.forget_requests()
    bad = {**b.endpoint(), "mac": "no MAC"}
    for _ in range(20):
        scene.cloud.put(bad)
    agent.wait_logged("no MAC", offset)
    wait_until(lambda: [request for request in lists(scene)
                        if "host=hv1&" in request["path"]], "it lists")
    # A thousand more lead to nothing.
    scene.cloud.put(*[bad] * 1000)
    far = Newcomer()
    far.arrive(scene)
    assert len([request for request in lists(scene)
                if "host=hv1&" in request["path"]]) <= 2
    assert agent.log_since(offset).count("no MAC") <= 2
    assert status(agent)["watch"] == "open"
    scene.cloud.delete("endpoint", far.name)
    scene.cloud.delete("host", far.name)
    scene.wait_state("hv1", before)


def test_what_is_not_known(scene: Scene) -> None:
    """Types and kinds of a later version: told once, left out."""
    scene.pair()
    wait_watching(scene)
    agent = scene.agents["hv1"]
    offset = agent.log_size()
    scene.cloud.say('{"type":"hint","x":1}\n{"type":"put","object":'
                    '{"kind":"gadget","id":"g"}}\n', repeat=500)
    Newcomer().arrive(scene)
    log = agent.log_since(offset)
    assert log.count('"hint"') == log.count('"gadget"') == 1
    assert status(agent)["watch"] == "open"


def test_poll_goes_on(scene: Scene) -> None:
    """The list comes at its time, and leaves the stream as it is."""
    scene.pair()
    wait_watching(scene)
    scene.settings(scene.agents["hv1"], poll="1")
    wait_watching(scene)
    scene.cloud.forget_requests()
    wait_until(lambda: lists(scene), "polls", 20, until=lambda seen: len(
        [request for request in seen if "host=hv1&" in request["path"]]) >= 4)
    assert not [request for request in scene.cloud.watches()
                if "host=hv1&" in request["path"]]
    assert scene.cloud.n_watchers() >= 2
