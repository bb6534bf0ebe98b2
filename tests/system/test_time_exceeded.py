# SPDX-License-Identifier: Apache-2.0
"""A router says to VMs that the TTL of what they sent is used up: traceroute
shows it, and a VM that asks for more of that than it may harms no other."""

from __future__ import annotations

import re
import struct

from lab import cloud, frames
from lab.frames import Frame
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 2

ROUTER_MAC = "02:00:5e:00:00:01"


def routed_vm(scene: Scene, name: str, segment: str, host: str, number: int,
              last: int) -> Vm:
    vm = scene.vm(name, segment, host, ips=[f"10.0.{number}.{last}",
                                            f"fd0{number}::{last}"])
    vm.namespace.ip(f"route add default via 10.0.{number}.1",
                    f"route add default via fd0{number}::1")
    return vm


def routed(scene: Scene) -> tuple[Vm, Vm, Vm]:
    """a in one segment, b and c in another; c on a host of its own.  The first
    segment has a further subnet, with a gateway of its own."""
    subnets = {number: [
        cloud.subnet(f"10.0.{number}.0/24", f"10.0.{number}.1"),
        cloud.subnet(f"fd0{number}::/64", f"fd0{number}::1"),
    ] for number in (1, 2, 3)}
    scene.segment("blue", 77, subnets=subnets[1] + subnets[3])
    scene.segment("red", 78, subnets=subnets[2])
    scene.cloud.put(cloud.router("r1", ROUTER_MAC, ["blue", "red"]))
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    b = routed_vm(scene, "b", "red", "hv1", 2, 2)
    c = routed_vm(scene, "c", "red", "hv2", 2, 3)
    scene.ready()
    for source in (a, b, c):
        for target in (a, b, c):
            for address in target.ips if source is not target else []:
                source.wait_reaches(address)
    return a, b, c


def trace(vm: Vm, target: str) -> list[str]:
    """The addresses that traceroute finds on the way."""
    program = "traceroute6" if ":" in target else "traceroute"
    said = vm.namespace.run(["busybox", program, "-n", "-q", "1", "-w", "5",
                             "-m", "4", target])
    return re.findall(r"^ *\d+  (\S+)", said, re.M)


def probe(vm: Vm, target: str, ident: int) -> bytes:
    """What traceroute sends, with a TTL of 1; 'ident' is its port."""
    datagram = frames.udp(vm.ipv4, target, ident, 33434, bytes(32))
    return frames.ether(ROUTER_MAC, vm.mac, frames.ETH_IPV4,
                        frames.ipv4(vm.ipv4, target, frames.PROTO_UDP,
                                    datagram, 1))


def is_exceeded(frame: Frame) -> bool:
    """Is it "time exceeded", by ICMP?"""
    return (frame.raw[12:14] == b"\x08\x00" and frame.raw[23] == 1
            and frame.raw[34] == 11)


def idents(answers: list[Frame]) -> list[int]:
    """Which probes are answered: the ports that are quoted."""
    return [struct.unpack("!H", frame.raw[62:64])[0]
            for frame in answers if is_exceeded(frame)]


def test_traceroute(scene: Scene) -> None:
    """IPv4 and IPv6, to the same host and to another one."""
    a, b, c = routed(scene)
    for source, target in ((a, b), (a, c), (c, a)):
        for address in target.ips:
            number = 1 if source is a else 2
            gateway = (f"fd0{number}::1" if ":" in address
                       else f"10.0.{number}.1")
            assert trace(source, address) == [gateway, address]
    kinds = scene.agents["hv1"].show("status")["punts"]["kinds"]
    assert kinds["ttl"]["accepted"] >= 4
    assert kinds["ttl"]["malformed"] == 0


def test_answer(scene: Scene) -> None:
    """It comes from the gateway of the sender's subnet, and quotes what was
    sent."""
    a, b, _ = routed(scene)
    sent = probe(a, b.ipv4, 40000)
    with a.raw() as port:
        port.send(sent)
        answer = port.receive_until(is_exceeded)[-1]
    assert frames.mac_text(answer.raw[0:6]) == a.mac
    assert frames.mac_text(answer.raw[6:12]) == ROUTER_MAC
    assert frames.ip_text(answer.raw[26:30]) == "10.0.1.1"
    assert frames.ip_text(answer.raw[30:34]) == a.ipv4
    assert frames.checksum(answer.raw[14:34]) == 0
    assert frames.checksum(answer.raw[34:]) == 0
    assert answer.raw[42:] == sent[14:]


def test_nothing_about_errors(scene: Scene) -> None:
    """RFC 1812 4.3.2.7: an error has no error for an answer."""
    a, b, _ = routed(scene)
    error = struct.pack("!BBHI", 3, 1, 0, 0) + bytes(28)
    error = (error[:2] + struct.pack("!H", frames.checksum(error))
             + error[4:])
    unwelcome = frames.ether(
        ROUTER_MAC, a.mac, frames.ETH_IPV4,
        frames.ipv4(a.ipv4, b.ipv4, frames.PROTO_ICMP, error, 1))
    with a.raw() as port:
        port.send(unwelcome, probe(a, b.ipv4, 40000))
        answers = port.receive_until(is_exceeded)
    assert idents(answers) == [40000]


def test_every_probe_is_answered(scene: Scene) -> None:
    """Like mtr: one after the other, not faster than the meter allows."""
    a, b, _ = routed(scene)
    found: list[int] = []
    with a.raw() as port:
        for ident in range(40000, 40100):
            port.send(probe(a, b.ipv4, ident))
            found += idents(port.receive_until(is_exceeded))
    assert found == list(range(40000, 40100))


def test_flood(scene: Scene) -> None:
    """A VM that asks all the time gets some answers; others get theirs."""
    a, b, c = routed(scene)
    agent = scene.agents["hv1"]

    def answered() -> int:
        return agent.show("status")["punts"]["kinds"]["ttl"]["accepted"]

    before = answered()
    with a.flooding(probe(a, c.ipv4, 40000)):
        wait_until(answered, "the flood has begun",
                   until=lambda now: now >= before + 200)
        for address in a.ips:
            assert trace(b, address)[0] in ("10.0.2.1", "fd02::1")
