# SPDX-License-Identifier: Apache-2.0
"""Snooped multicast: each datagram reaches every member once, and nobody
else.  The members are kernels that report as they do."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from lab import frames
from lab.agent import Agent
from lab.multicast import (AGENT_MAC, Ear, Membership, Sender, set_version,
                           wait_stream)
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 4

GROUP, GROUP6 = "239.1.2.3", "ff15::1:2:3"


def is_report(raw: bytes) -> bool:
    """Is it IGMP or MLD?"""
    return (raw[12:14] == b"\x08\x00" and raw[23] == 2
            or raw[12:14] == b"\x86\xdd" and raw[20] == 0)


def members(agent: Agent, group: str, segment: str = "blue") -> set[str]:
    """Who listens, as far as the agent knows: endpoints and peers."""
    for row in agent.show("multicast")["groups"]:
        if (row["segment"], row["group"]) == (segment, group):
            return {member.get("endpoint") or f"peer {member['peer']}"
                    for member in row["members"]}
    return set()


def wait_members(scene: Scene, group: str, **expected: set[str]) -> None:
    for host, names in expected.items():
        wait_until(lambda: members(scene.agents[host], group),
                   f"{host} knows who listens to {group}",
                   until=lambda got: got == names)


def four(scene: Scene, **policies: str) -> list[Vm]:
    """blue, snooped on, with two VMs on hv1 and one on each other host; red,
    the same, on hv1 and hv2."""
    for name, vni in (("blue", 77), ("red", 78)):
        scene.segment(name, vni, **{"multicast": "snoop", **policies})
    vms = [scene.vm(f"b{n}", "blue", f"hv{n}") for n in (1, 2, 3, 4)]
    vms.append(scene.vm("b5", "blue", "hv1"))
    vms += [scene.vm(f"r{n}", "red", f"hv{n}") for n in (1, 2)]
    scene.connect(*vms[:5])
    scene.connect(*vms[5:])
    return vms


@contextlib.contextmanager
def listening(*vms: Vm) -> Iterator[dict[str, Ear]]:
    ears = {vm.name: Ear(vm) for vm in vms}
    try:
        yield ears
    finally:
        for ear in ears.values():
            ear.close()


def check_stream(sender: Sender, ears: dict[str, Ear], *names: str,
                 first: int = 0) -> None:
    """Every datagram from 'first' on came once to those named, and to no
    other."""
    wanted = Counter(range(first, sender.sent))
    for name in names:
        wait_until(lambda: sender.sent - 1 in ears[name].heard(sender),
                   f"the last datagram is at {name}")
    for name, ear in ears.items():
        heard = Counter({number: n for number, n in ear.heard(sender).items()
                         if number >= first})
        assert heard == (wanted if name in names else Counter()), name


@pytest.mark.parametrize("group, versions", [
    (GROUP, (3, 2, 1)), (GROUP6, (2, 1)), ("232.1.2.3", (3,))])
def test_every_member_once_and_nobody_else(
        scene: Scene, group: str, versions: tuple[int, ...]) -> None:
    vms = four(scene)
    b1, b2, b3, b4, b5, r1, r2 = vms
    source = b1.ipv4 if group.startswith("232.") else None
    for vm in vms:
        set_version(vm, group, versions[int(vm.name[1:]) % len(versions)])
    sender = Sender(b1, group)
    with contextlib.ExitStack() as joined, scene.lab.capture() as reports:
        for vm in (b2, b3, b5):
            joined.enter_context(Membership(vm, group, source))
        other = joined.enter_context(Membership(r2, group, None))
        wait_members(scene, group, hv1={"b5", "peer hv2", "peer hv3"},
                     hv2={"b2", "peer hv1", "peer hv3"},
                     hv4={"peer hv1", "peer hv2", "peer hv3"})
        with listening(*vms) as ears, scene.lab.capture() as wire:
            sender.send(100)
            check_stream(sender, ears, "b2", "b3", "b5")
        ways = Counter((wire.host(copy.outer_src), wire.host(copy.outer_dst),
                        copy.key) for copy in wire.encapsulated()
                       if sender.number(copy.inner.raw) is not None)
        assert ways == {("hv1", "hv2", 77): 100, ("hv1", "hv3", 77): 100}
        other.close()
    # What VMs say of it themselves stays at home.
    told = [copy.inner for copy in reports.encapsulated()
            if is_report(copy.inner.raw)]
    assert told
    assert {frame.src for frame in told} == {AGENT_MAC}


@pytest.mark.parametrize("group", [GROUP, GROUP6])
def test_who_leaves_hears_no_more(scene: Scene, group: str) -> None:
    b1, b2, b3, b4, b5, *_ = vms = four(scene)
    sender = Sender(b1, group)
    with Membership(b3, group), Membership(b5, group):
        with Membership(b2, group):
            wait_members(scene, group, hv1={"b5", "peer hv2", "peer hv3"})
            with listening(*vms) as ears:
                sender.send(10)
                check_stream(sender, ears, "b2", "b3", "b5")
        wait_members(scene, group, hv1={"b5", "peer hv3"},
                     hv2={"peer hv1", "peer hv3"})
        with listening(*vms) as ears:
            first = sender.sent
            sender.send(10)
            check_stream(sender, ears, "b3", "b5", first=first)
    for host in scene.hv:
        wait_members(scene, group, **{host: set()})
    with listening(*vms) as ears, scene.lab.capture() as wire:
        first = sender.sent
        sender.send(10)
        scene.connect(b1, b2)
        check_stream(sender, ears, first=first)
    assert not [copy for copy in wire.encapsulated()
                if sender.number(copy.inner.raw) is not None]


def test_member_that_moves_or_dies(scene: Scene) -> None:
    """The others go on without a gap; who moved is found where it is."""
    b1, b2, b3, b4, b5, *_ = vms = four(scene)
    sender = Sender(b1, GROUP)
    with Membership(b2, GROUP), Membership(b3, GROUP), \
            listening(*vms) as ears:
        wait_members(scene, GROUP, hv1={"peer hv2", "peer hv3"})
        with sender.streaming():
            b2.move(scene.hv["hv4"])
            scene.cloud.patch("endpoint", "b2", host="hv4")
            wait_members(scene, GROUP, hv1={"peer hv3", "peer hv4"},
                         hv2=set(), hv4={"b2", "peer hv3"})
        check_stream(sender, {"b3": ears["b3"]}, "b3")
        first = sender.sent
        sender.send(50)
        check_stream(sender, ears, "b2", "b3", first=first)

        b2.unplug()
        wait_members(scene, GROUP, hv1={"peer hv3"})
        first = sender.sent
        sender.send(50)
        check_stream(sender, ears, "b3", first=first)
        b2.plug(scene.hv["hv4"])
        wait_members(scene, GROUP, hv1={"peer hv3", "peer hv4"})
        scene.delete("endpoint", "b3")
        wait_members(scene, GROUP, hv1={"peer hv4"})
        first = sender.sent
        sender.send(50)
        check_stream(sender, ears, "b2", first=first)


@pytest.mark.parametrize("group", [GROUP, GROUP6])
def test_nothing_is_lost_over_a_restart(scene: Scene, group: str) -> None:
    """Of the agent at the sender, at a member, killed or in order, and of all
    at once: not a datagram is lost, doubled or astray."""
    b1, b2, b3, b4, b5, *_ = vms = four(scene)
    sender = Sender(b1, group)
    with Membership(b2, group), Membership(b3, group), Membership(b5, group), \
            listening(*vms) as ears:
        wait_members(scene, group, hv1={"b5", "peer hv2", "peer hv3"},
                     hv2={"b2", "peer hv1", "peer hv3"},
                     hv3={"b3", "peer hv1", "peer hv2"})
        for agent in scene.agents.values():
            wait_until(lambda: learned(agent, group), "it is in the file")
        with sender.streaming():
            scene.agents["hv1"].restart()
            wait_synced(scene, "hv1")
            scene.agents["hv2"].stop(signal.SIGKILL)
            scene.agents["hv2"].start()
            wait_synced(scene, "hv2")
            for agent in scene.agents.values():
                agent.stop()
            for agent in scene.agents.values():
                agent.start()
            wait_synced(scene, *scene.agents)
            wait_members(scene, group, hv1={"b5", "peer hv2", "peer hv3"})
        check_stream(sender, ears, "b2", "b3", "b5")


def learned(agent: Agent, group: str) -> bool:
    path = agent.state_file.with_name(
        agent.state_file.name.replace("inventory-", "learned-"))
    return path.exists() and group in path.read_text()


def wait_synced(scene: Scene, *hosts: str) -> None:
    """Waits until vtepd has compared everything, and has asked and heard."""
    for host in hosts:
        wait_until(lambda: scene.agents[host].show("multicast")["segments"],
                   f"{host} snoops again",
                   until=lambda rows: rows and all(
                       not row["silent_peers"] for row in rows))


def test_policy_changes_while_it_runs(scene: Scene) -> None:
    b1, b2, b3, b4, b5, *_ = vms = four(scene)
    sender = Sender(b1, GROUP)
    with Membership(b2, GROUP), listening(*vms) as ears:
        wait_members(scene, GROUP, hv1={"peer hv2"})
        scene.segment("blue", 77, multicast="replicate")
        wait_stream(sender, [ears[name] for name in ("b2", "b3", "b4", "b5")])
        scene.segment("blue", 77)
        for host in scene.hv:
            wait_until(lambda: scene.state(host), f"{host} replicates nothing",
                       until=lambda text: "priority=60" not in "".join(
                           line for line in text.splitlines()
                           if "table=50" in line))
        first = sender.sent
        sender.send(10)
        scene.connect(b1, b2)
        check_stream(sender, ears, first=first)
        scene.segment("blue", 77, multicast="snoop")
        wait_members(scene, GROUP, hv1={"peer hv2"}, hv2={"b2"})
        first = sender.sent
        sender.send(10)
        check_stream(sender, ears, "b2", first=first)


def test_link_local_groups_follow_broadcast(scene: Scene) -> None:
    """224.0.0.251 is told to nobody, and everybody listens."""
    b1, b2, b3, b4, b5, *_ = vms = four(scene, broadcast="replicate")
    for group in ("224.0.0.251", "ff02::fb"):
        sender = Sender(b1, group)
        with listening(*vms) as ears:
            sender.send(10)
            check_stream(sender, ears, "b2", "b3", "b4", "b5")


def test_flows_that_others_delete_come_back(scene: Scene) -> None:
    b1, b2, *_ = vms = four(scene)
    sender = Sender(b1, GROUP)
    with Membership(b2, GROUP), listening(*vms) as ears:
        wait_members(scene, GROUP, hv1={"peer hv2"})
        before = scene.settle("hv1")
        scene.hv["hv1"].ofctl("del-flows", "br-int", "table=50")
        scene.hv["hv1"].ofctl("del-flows", "br-int", "table=25")
        scene.wait_state("hv1", before)
        first = sender.sent
        sender.send(10)
        check_stream(sender, ears, "b2", first=first)
