# SPDX-License-Identifier: Apache-2.0
"""Packets that the switch hands to the agent: one VM cannot keep those of
others from it, nor the agent from its work, whatever happens meanwhile."""

from __future__ import annotations

import re
import signal
import struct
import time

import pytest
from lab import cloud, frames
from lab.hypervisor import Hypervisor
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 1

PROTO_IGMP = 2

# What the meter of a VM's port lets through: packets a second, and at once.
RATE, BURST = 100, 200


def igmp(vm: Vm, group: str = "239.1.2.3") -> bytes:
    """An IGMPv2 report."""
    body = struct.pack("!BBH4s", 0x16, 0, 0, frames.ip_bytes(group))
    body = body[:2] + struct.pack("!H", frames.checksum(body)) + body[4:]
    return frames.ether("01:00:5e:01:02:03", vm.mac, frames.ETH_IPV4,
                        frames.ipv4(vm.ipv4, group, PROTO_IGMP, body, 1))


def mld(vm: Vm, group: str = "ff05::1:2") -> bytes:
    """An MLDv1 done, which a kernel does not send of its own accord."""
    source = frames.link_local(vm.mac)
    body = struct.pack("!BBHHH16s", 132, 0, 0, 0, 0, frames.ip_bytes(group))
    total = frames.checksum(frames.ip_bytes(source) + frames.ip_bytes(group)
                            + struct.pack("!II", len(body),
                                          frames.PROTO_ICMPV6) + body)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    return frames.ether("33:33:00:01:00:02", vm.mac, frames.ETH_IPV6,
                        frames.ipv6(source, group, frames.PROTO_ICMPV6, body,
                                    1))


def punts(scene: Scene) -> dict:
    return scene.agents["hv1"].show("status")["punts"]


def came(scene: Scene, kind: str) -> int:
    """How many packets of a kind have come to the agent, whatever it made of
    them."""
    return sum(punts(scene)["kinds"][kind].values())


def meters(hypervisor: Hypervisor) -> set[int]:
    found = re.findall(r"^meter=(\d+) pktps burst bands=",
                       hypervisor.ofctl("dump-meters", "br-int"), re.M)
    return {int(number) for number in found}


def two(scene: Scene) -> tuple[Vm, Vm]:
    """Two VMs in a segment whose multicast is snooped: what they tell of
    groups comes to the agent."""
    scene.segment("blue", 77, multicast="snoop")
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv1")
    scene.connect(a, b)
    return a, b


def wait_metered(scene: Scene, *vms: Vm) -> None:
    hv1 = scene.hv["hv1"]
    wait_until(lambda: {hv1.ofport(vm.port) for vm in vms} <= meters(hv1),
               "every VM's port has its meter")


def time_packets(scene: Scene, vm: Vm, n: int) -> float:
    """Has a VM send packets one by one, each of which must arrive; returns
    how long the longest took, in seconds."""
    longest = 0.0
    with vm.raw() as port:
        for _ in range(n):
            before, begun = came(scene, "mld"), time.monotonic()
            port.send(mld(vm))
            wait_until(lambda: came(scene, "mld"), "the packet has come",
                       until=lambda now: now > before)
            longest = max(longest, time.monotonic() - begun)
    return longest


def time_event(scene: Scene, name: str, number: int) -> float:
    """Puts an endpoint into the inventory; returns how long it takes until
    its flows are there, in seconds."""
    mac = f"02:ee:00:00:77:{number:02x}"
    begun = time.monotonic()
    scene.cloud.put(cloud.endpoint(name, "blue", "far-away", mac,
                                   [f"10.0.7.{number}"]))
    wait_until(lambda: scene.hv["hv1"].flows(f"table=40,dl_dst={mac}"),
               f"{name} is known to the switch")
    return time.monotonic() - begun


def test_flood_harms_no_other(scene: Scene) -> None:
    a, b = two(scene)
    wait_metered(scene, a, b)
    quiet = time_packets(scene, b, 5), time_event(scene, "one", 1)
    before, begun = came(scene, "igmp"), time.monotonic()
    with a.flooding(igmp(a)):
        wait_until(lambda: came(scene, "igmp"), "the meter's burst is over",
                   until=lambda now: now >= before + BURST)
        busy = time_packets(scene, b, 20), time_event(scene, "two", 2)
        passed = came(scene, "igmp") - before
        seconds = time.monotonic() - begun
    print(f"packet {quiet[0] * 1000:.0f} ms, in the flood"
          f" {busy[0] * 1000:.0f} ms; event {quiet[1] * 1000:.0f} ms, in the"
          f" flood {busy[1] * 1000:.0f} ms; {passed} packets of the flood"
          f" passed in {seconds:.1f} s")
    assert passed <= 2 * (BURST + RATE * seconds)
    for before_it, in_it in zip(quiet, busy):
        assert in_it < 10 * before_it + 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_agent_gone_in_a_flood(scene: Scene, how: signal.Signals) -> None:
    """Packets that nobody takes any more do no harm, and the next agent gets
    those of others at once."""
    a, b = two(scene)
    c = scene.vm("c", "blue", "hv1")
    scene.connect(b, c)
    wait_metered(scene, a, b, c)
    agent, before = scene.agents["hv1"], came(scene, "igmp")
    state = scene.state("hv1"), meters(scene.hv["hv1"])
    with a.flooding(igmp(a)), b.pinging(c.ipv4) as ended:
        wait_until(lambda: came(scene, "igmp"), "the flood has begun",
                   until=lambda now: now > before)
        agent.stop(how)
        agent.start()
        wait_until(lambda: agent.show("status")["state"], "vtepd works",
                   until=lambda now: now == "working")
        time_packets(scene, b, 5)
        assert ended().lost == 0
    scene.wait_state("hv1", state[0])
    assert meters(scene.hv["hv1"]) == state[1]


def test_switch_restarted(scene: Scene) -> None:
    """Meters are lost with ovs-vswitchd, and come back with the flows."""
    a, b = two(scene)
    wait_metered(scene, a, b)
    hv1 = scene.hv["hv1"]
    with a.flooding(igmp(a)):
        hv1.stop_switch(signal.SIGKILL)
        hv1.start_switch()
        wait_metered(scene, a, b)
        time_packets(scene, b, 5)


def test_meter_goes_with_its_port(scene: Scene) -> None:
    """There is a meter for every VM whose flows name one, and for no other."""
    a, b = two(scene)
    scene.segment("red", 88)
    c = scene.vm("c", "red", "hv1")
    scene.ready()
    wait_metered(scene, a, b)
    hv1 = scene.hv["hv1"]
    port = hv1.ofport(a.port)
    assert hv1.ofport(c.port) not in meters(hv1)
    a.unplug()
    wait_until(lambda: meters(hv1), "the meter is gone",
               until=lambda now: port not in now)
    assert hv1.ofport(b.port) in meters(hv1)

    # Somebody deletes them all.
    hv1.ofctl("del-meters", "br-int")
    wait_metered(scene, b)
