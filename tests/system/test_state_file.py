# SPDX-License-Identifier: Apache-2.0
"""The last known inventory: kept, used while the API is silent, and never
better believed than the API."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from lab.agent import Agent
from lab.processes import run, wait_until
from scene import Scene

HYPERVISORS = 2
WATCHED = False         # Deletions by events are not held.
SETTINGS = {"hold": "3600"}     # Deletions stay held.


def inventory(agent: Agent) -> dict:
    return agent.show("status")["inventory"]


def wait_saved(agent: Agent) -> None:
    wait_until(lambda: inventory(agent)["state_file_saved"],
               "the state file is up to date")


def wait_api(agent: Agent) -> None:
    wait_until(lambda: inventory(agent), "the API has answered",
               until=lambda status: status["whole"]
               and not status["from_state_file"])


@contextmanager
def api_down(scene: Scene) -> Iterator[None]:
    items = scene.cloud.objects()
    scene.cloud.stop()
    try:
        yield
    finally:
        scene.cloud.start()
        scene.cloud.replace(*items)


def forget(scene: Scene) -> None:
    """The switches lose all that vtepd has made."""
    for hypervisor in scene.hv.values():
        for row in hypervisor.tunnels():
            hypervisor.vsctl("del-port", row["name"])
        hypervisor.ofctl("del-flows", "br-int")
        hypervisor.ofctl("del-groups", "br-int")


def test_r50_api_down_at_boot(scene: Scene) -> None:
    """The agents are ended right after the last change, by SIGTERM: it is in
    the file all the same."""
    a, b = scene.pair()
    agents = list(scene.agents.values())
    before = {name: len(scene.settle(name).splitlines()) for name in scene.hv}
    offset = agents[0].log_size()
    with ExitStack() as stack:
        with api_down(scene):
            for agent in agents:
                agent.stop()
            forget(scene)
            assert a.ping(b.ipv4, wait=0.3).received == 0
            for agent in agents:
                agent.start()
            for address in b.ips:
                a.wait_reaches(address)
            for name, n_lines in before.items():
                wait_until(lambda: len(scene.state(name).splitlines()),
                           f"{name} has all flows again",
                           until=lambda n: n == n_lines)
            agents[0].wait_logged("the last known inventory, from", offset)
            status = inventory(agents[0])
            assert status["from_state_file"] and not status["whole"]
            assert "Failed to connect" in status["error"]
            assert status["failing_for_seconds"] >= 0
            assert 0 <= status["state_file_age_seconds"] < 60
            text = agents[0].command("vtepd/status")
            assert "the last known inventory, from the state file" in text
            assert "working" in text
            finish = stack.enter_context(a.pinging(b.ipv4))
        for agent in agents:
            wait_api(agent)
            scene.pass_lists(agent.hypervisor.name, 1)
        assert finish().lost == 0
    assert "from the state file" not in agents[0].command("vtepd/status")


def test_r50_api_silent_at_boot(scene: Scene) -> None:
    """It takes the connection and says nothing; the agents were killed."""
    a, b = scene.pair()
    agents = list(scene.agents.values())
    for agent in agents:
        wait_saved(agent)
        agent.stop(signal.SIGKILL)
    forget(scene)
    scene.cloud.inject(count=-1, delay=3600)
    for agent in agents:
        agent.start()
    a.wait_reaches(b.ipv4)
    assert all(inventory(agent)["from_state_file"] for agent in agents)
    assert all(inventory(agent)["failures"] == 0 for agent in agents)
    scene.cloud.clear_faults()
    for agent in agents:
        agent.restart()         # Instead of waiting for the time-out.
        wait_api(agent)
    assert a.ping(b.ipv4, count=5).received == 5


def test_unchanged_list_is_not_read_again(scene: Scene) -> None:
    """A file that is what the last list said is confirmed by 304."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    scene.pass_lists("hv1")
    before = scene.settle("hv1")
    with a.pinging(b.ipv4) as finish:
        agent.restart()
        wait_api(agent)
        status = inventory(agent)
        assert status["lists"] == 0 and status["not_modified"] >= 1
        assert status["endpoints"] == len([
            item for item in scene.cloud.objects()
            if item["kind"] == "endpoint"])
        scene.wait_state("hv1", before)
        assert agent.show("status")["openflow"]["flow_mods"] == 0
        assert finish().lost == 0

    # Changes come as ever, also one from while it was away.
    c = scene.vm("c", "blue", "hv2")
    scene.connect(a, c)
    agent.stop()
    scene.put({**b.endpoint(), "hostname": "b", "revision": 1})
    agent.start()
    wait_api(agent)
    assert inventory(agent)["lists"] >= 1


def test_old_file_harms_nobody(scene: Scene) -> None:
    """A file that knows less than the switch is not programmed while the API
    answers."""
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    agent = scene.agents["hv1"]
    scene.ready(a)
    wait_saved(agent)
    old = agent.state_file.read_bytes()
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    before = scene.settle("hv1")
    with a.pinging(b.ipv4) as finish:
        agent.stop()
        assert agent.state_file.read_bytes() != old
        agent.state_file.write_bytes(old)
        agent.start()
        wait_api(agent)
        scene.pass_lists("hv1")
        assert finish().lost == 0
    scene.wait_state("hv1", before)
    wait_saved(agent)
    assert agent.state_file.read_bytes() != old


def test_deletions_are_held_at_start(scene: Scene) -> None:
    """An API that comes up empty does not delete what the file knows."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    items = scene.cloud.objects()
    agent.stop()
    with a.pinging(b.ipv4) as finish:
        # hv2 lists that, too.
        scene.cloud.replace(*scene.lab.host_objects())
        agent.start()
        wait_api(agent)
        scene.pass_lists("hv1")
        assert inventory(agent)["held_deletions"] > 0
        assert inventory(agent)["endpoints"] == 3
        scene.cloud.replace(*items)
        scene.pass_lists("hv1")
        assert inventory(agent)["held_deletions"] == 0
        assert finish().lost == 0


def test_file_can_be_read(scene: Scene) -> None:
    """By people, by any JSON tool, and by vtepd as an inventory."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    wait_saved(agent)
    path = agent.state_file
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["inventory-hv1.json"]
    text = path.read_text()
    page = json.loads(text)
    items = run(["jq", "--compact-output", ".items[]", str(path)])
    assert [json.loads(line) for line in items.splitlines()] == page["items"]
    assert page["vtepd"] == {"format": 1, "host": "hv1",
                             "inventory": scene.cloud.url}
    lines = text.splitlines(keepends=True)
    assert hashlib.sha1("".join(lines[:-1]).encode()
                        ).hexdigest() == page["sha1"]

    def ids(items: list[dict]) -> list[tuple[str, str]]:
        return sorted((item["kind"], item["id"]) for item in items)

    assert ids(page["items"]) == ids(scene.cloud.objects())
    before = scene.settle("hv1")
    copy = path.with_name("copy.json")
    copy.write_text(text)
    scene.settings(agent, inventory=f"file:{copy}")
    wait_until(lambda: inventory(agent), "the copy was listed",
               until=lambda status: status["url"] == f"file:{copy}"
               and status["whole"])
    scene.wait_state("hv1", before)
    copy.unlink()


def objects(text: bytes) -> list[str]:
    return sorted(json.dumps(item) for item in json.loads(text)["items"])


def trouble(agent: Agent, offset: int) -> list[str]:
    return [line for line in agent.log_since(offset).splitlines()
            if "|WARN|state file" in line]


def test_bad_files(scene: Scene) -> None:
    """Each is told in one line and in the status, done without, and
    replaced."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    wait_saved(agent)
    agent.stop()
    path = agent.state_file
    good = path.read_bytes()

    def summed(text: bytes) -> bytes:
        body = text[:text.rindex(b'"sha1"')]
        return body + b'"sha1":"%s"}\n' % hashlib.sha1(body).hexdigest(
            ).encode()

    cases = {
        "is empty": b"",
        "damaged or cut off": good[:-100],
        "which this version of vtepd does not know": summed(
            good.replace(b'"format":1', b'"format":2')),
        '"vtepd.host" is': summed(good.replace(b'"host":"hv1"',
                                               b'"host":"hv3"', 1)),
        '"vtepd.inventory" is': summed(good.replace(b'http:', b'https:', 1)),
    }
    assert len(set(cases.values())) == len(cases)
    with a.pinging(b.ipv4) as finish:
        for words, content in cases.items():
            path.write_bytes(content)
            offset = agent.log_size()
            scene.cloud.inject(count=-1, status=500)
            agent.start()
            status = wait_until(
                lambda: inventory(agent), "the API has failed",
                until=lambda status: status["failures"] > 0)
            assert words in status["state_file_error"]
            assert status["state_file_failing_for_seconds"] >= 0
            assert not status["from_state_file"]
            assert "trouble for" in agent.command("vtepd/status")
            scene.cloud.clear_faults()
            agent.resync()
            wait_api(agent)
            wait_saved(agent)
            assert inventory(agent)["state_file_error"] is None
            agent.stop()
            line, = trouble(agent, offset)
            assert words in line and str(path) in line, line
            assert "the next whole list replaces the file" in line
            assert len(line) < 500
            assert objects(path.read_bytes()) == objects(good)
        assert finish().lost == 0
    agent.start()
    wait_api(agent)


def in_mounts_of(agent: Agent, *argv: str) -> None:
    """Runs a command among vtepd's own mounts, which end with it."""
    run(["nsenter", f"--target={agent.pid}", "--mount", *argv])


@pytest.mark.parametrize(["trouble_first", "words"], [
    ("head -c 4096 /dev/zero > fill", "No space left on device"),
    ("mount -o remount,ro .", "Read-only file system")])
def test_disk(scene: Scene, trouble_first: str, words: str) -> None:
    """Full or read-only: it is told, once, and everything goes on."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    wait_saved(agent)
    path = agent.state_file
    in_mounts_of(agent, "mount", "-t", "tmpfs", "-o", "size=4k,mode=0700",
                 "none", str(path.parent))
    in_mounts_of(agent, "sh", "-c", f"cd {path.parent} && {trouble_first}")
    offset = agent.log_size()
    with a.pinging(b.ipv4) as finish:
        scene.put({**b.endpoint(), "hostname": "b", "revision": 1})
        line = agent.wait_logged("|WARN|state file", offset)
        assert f"{path} cannot be written ({words}); the inventory is not" \
            in line
        assert "tried every minute" in line and "--state-dir" in line
        scene.pass_lists("hv1")
        status = inventory(agent)
        assert f"({words})" in status["state_file_error"]
        assert status["state_file_failing_for_seconds"] >= 0
        assert not status["state_file_saved"]
        text = agent.command("vtepd/status")
        assert "trouble for" in text and f"({words})" in text
        assert trouble(agent, offset) == [line]

        # There is room again: at the latest its end writes the file.
        in_mounts_of(agent, "sh", "-c", f"cd {path.parent} && mount -o"
                     " remount,rw,size=1m .")
        agent.stop()
        assert f"state file {path} is written and whole now" in \
            agent.log_since(offset)
        agent.start()
        wait_api(agent)
        assert inventory(agent)["state_file_error"] is None
        assert finish().lost == 0


def test_nowhere_to_write(scene: Scene) -> None:
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    agent.stop()
    offset = agent.log_size()
    agent.start("--state-dir=/proc/vtepd")
    wait_api(agent)
    line = agent.wait_logged("|WARN|state file", offset)
    assert "its folder cannot be made" in line
    scene.put({**b.endpoint(), "hostname": "b", "revision": 1})
    scene.pass_lists("hv1")
    assert trouble(agent, offset) == [line]
    assert "trouble for" in agent.command("vtepd/status")
    assert a.ping(b.ipv4, count=5).received == 5
    agent.restart()
