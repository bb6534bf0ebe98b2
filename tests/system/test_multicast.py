# SPDX-License-Identifier: Apache-2.0
"""Snooped multicast: each datagram reaches every member once, and nobody
else.  The members are kernels that report as they do."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import pytest

from lab import frames
from lab.agent import Agent
from lab.multicast import Ear, Membership, Sender, set_version, wait_stream
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 4

GROUP, GROUP6 = "239.1.2.3", "ff15::1:2:3"


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
    with contextlib.ExitStack() as joined:
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
