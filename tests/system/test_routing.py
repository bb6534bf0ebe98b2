# SPDX-License-Identifier: Apache-2.0
"""Routers: between segments, on one host and on two, in the flow table."""

from __future__ import annotations

from lab import cloud
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 2

ROUTER_MAC = "02:00:5e:00:00:01"
BLUE_GATEWAYS = ["10.0.1.1", "fd01::1"]
RED_GATEWAYS = ["10.0.2.1", "fd02::1"]


def routed_segment(scene: Scene, name: str, vni: int, number: int,
                   **members: object) -> None:
    """A segment with the subnets 10.0.NUMBER.0/24 and fd0NUMBER::/64, whose
    gateways are the first addresses."""
    scene.segment(name, vni, subnets=[
        cloud.subnet(f"10.0.{number}.0/24", f"10.0.{number}.1"),
        cloud.subnet(f"fd0{number}::/64", f"fd0{number}::1")], **members)


def routed_vm(scene: Scene, name: str, segment: str, host: str, number: int,
              last: int, **members: object) -> Vm:
    """A VM that sends all else to the gateways of its segment."""
    vm = scene.vm(name, segment, host,
                  ips=[f"10.0.{number}.{last}", f"fd0{number}::{last}"],
                  **members)
    vm.namespace.ip(f"route add default via 10.0.{number}.1",
                    f"route add default via fd0{number}::1")
    return vm


def two_segments(scene: Scene, **red: object) -> None:
    routed_segment(scene, "blue", 77, 1)
    routed_segment(scene, "red", 78, 2, **red)
    scene.cloud.put(cloud.router("r1", ROUTER_MAC, ["blue", "red"]))


def connect_routed(*vms: Vm) -> None:
    for source in vms:
        for target in vms:
            for address in target.ips if source is not target else []:
                source.wait_reaches(address)


def test_between_segments(scene: Scene) -> None:
    """On one host and on two, IPv4 and IPv6, nothing is flooded."""
    two_segments(scene)
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    b = routed_vm(scene, "b", "red", "hv1", 2, 2)
    c = routed_vm(scene, "c", "red", "hv2", 2, 3)
    scene.ready()
    with scene.lab.capture() as wire:
        connect_routed(a, b, c)
    packets = wire.encapsulated()
    assert packets
    assert {packet.key for packet in packets} <= {77, 78}
    assert not wire.select(to_many=True), wire
    assert {packet.inner.src for packet in packets if packet.key == 78} \
        <= {ROUTER_MAC, b.mac, c.mac}
    wait_until(lambda: scene.agents["hv1"].show("segments"), "red is live",
               until=lambda rows: all(row["live"] for row in rows
                                      if row["id"] != "anchor"))


def test_gateway_answers(scene: Scene) -> None:
    """Pings to its own gateway and to that of another segment."""
    two_segments(scene)
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    scene.ready()
    for address in [*BLUE_GATEWAYS, *RED_GATEWAYS]:
        a.wait_reaches(address)
    assert f"lladdr {ROUTER_MAC}" in a.neighbour("10.0.1.1")
    assert f"lladdr {ROUTER_MAC}" in a.neighbour("fd01::1")
