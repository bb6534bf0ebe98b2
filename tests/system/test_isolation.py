# SPDX-License-Identifier: Apache-2.0
"""Nothing of one segment is ever seen in another, nor by the switch."""

from __future__ import annotations

import struct

import pytest
from lab import frames
from lab.hypervisor import underlay_mac
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene, arrived, broadcast, echo, heard

HYPERVISORS = 2


def two_of_one_number(scene: Scene) -> tuple[Vm, Vm, Vm, Vm]:
    """VXLAN 77 and GRE 77, with the same MACs and the same addresses."""
    policies = dict.fromkeys(("broadcast", "multicast", "unknown_unicast"),
                             "replicate")
    scene.segment("blue", 77, encap="vxlan", **policies)
    scene.segment("green", 77, encap="gre", **policies)
    macs = {1: "02:00:00:01:00:01", 2: "02:00:00:01:00:02"}
    vms = [scene.vm(f"{name}{n}", segment, f"hv{n}", mac=macs[n])
           for name, segment in (("v", "blue"), ("g", "green"))
           for n in (1, 2)]
    v1, v2, g1, g2 = vms
    scene.connect(v1, v2)
    scene.connect(g1, g2)
    return v1, v2, g1, g2


@pytest.mark.parametrize("key", ["flow", "segment"])
def test_gre_77_and_vxlan_77(scene: Scene, key: str) -> None:
    scene.settings(tunnel_key=key)
    v1, v2, g1, g2 = two_of_one_number(scene)
    for vm in (v1, v2, g1, g2):
        vm.mute()
    for source, target, encap, other_source, other_target in (
            (v1, v2, "vxlan", g1, g2), (g1, g2, "gre", v1, v2)):
        sent = [echo(source, target, ident=5), broadcast(source, 33)]
        # What the other segment's VM of the same address hears is what its
        # own neighbour sends it afterwards, and nothing else.
        with scene.lab.capture() as wire, other_target.raw() as elsewhere:
            assert arrived(source, sent, target) == sent
            assert heard(other_source, [], other_target) == []
            assert all(frame.raw not in sent for frame in elsewhere.pending())
        assert {(copy.encap, copy.key) for frame in sent
                for copy in wire.select(inner=frame)} == {(encap, 77)}


@pytest.mark.parametrize("key", ["flow", "segment"])
def test_forged_tunnel_packet_of_an_unknown_segment(scene: Scene, key: str
                                                    ) -> None:
    """A packet on the fabric whose VNI is of no live segment here is dropped
    and counted; so is one that is for no VM here."""
    scene.settings(tunnel_key=key)
    scene.segment("blue", 77, broadcast="replicate")
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    b.mute()
    hv1, hv2 = scene.hv["hv1"], scene.hv["hv2"]

    def forged(vni: int, inner: bytes) -> bytes:
        vxlan = struct.pack("!II", 0x08000000, vni << 8) + inner
        return frames.ether(
            underlay_mac(hv2.number),
            underlay_mac(hv1.number), frames.ETH_IPV4,
            frames.ipv4(hv1.ipv4, hv2.ipv4, frames.PROTO_UDP,
                        frames.udp(hv1.ipv4, hv2.ipv4, 50000, 4789, vxlan)))

    unknown_mac = echo(a, b, eth_dst="02:00:00:00:ff:ff")
    with b.raw() as port, scene.lab.capture() as wire:
        fabric = scene.lab.fabric.packet_socket("hv2")
        with fabric:
            fabric.send(forged(78, echo(a, b)))
            fabric.send(forged(0, echo(a, b)))
            fabric.send(forged(77, unknown_mac))
            fabric.send(forged(77, broadcast(a)))
            marks = [echo(a, b, ident=0x4d00 + n) for n in range(3)]
            seen = []
            for mark in marks:
                fabric.send(forged(77, mark))
                seen += port.receive_until(lambda frame: frame.raw == mark)
        # What is right comes through: the rest could have.
        assert [frame.raw for frame in seen if frame.raw not in marks
                and frame.kind != "mld"] == [broadcast(a)]
    assert not wire.select(src="hv2", dst="hv2")


def test_r28_same_mac_in_two_segments(scene: Scene) -> None:
    mac, ips = "02:00:00:00:28:28", ["10.0.0.28", "fd00::28"]
    scene.segment("blue", 77)
    scene.segment("red", 78)
    for segment in ("blue", "red"):
        one = scene.vm(f"{segment}1", segment, "hv1", mac=mac, ips=ips)
        two = scene.vm(f"{segment}2", segment, "hv2")
        three = scene.vm(f"{segment}3", segment, "hv1")
        scene.connect(one, two, three)


def test_r72_guest_sends_vxlan(scene: Scene) -> None:
    """A tunnel packet that a guest makes up is its own affair: it stays in
    its segment, and no switch takes it for one of its own."""
    scene.segment("blue", 77, unknown_unicast="replicate",
                  broadcast="replicate")
    scene.segment("red", 78)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    victim = scene.vm("r", "red", "hv2")
    friend = scene.vm("r1", "red", "hv1")
    scene.connect(a, b)
    scene.connect(friend, victim)
    hv1, hv2 = scene.hv["hv1"], scene.hv["hv2"]

    inner = echo(friend, victim)
    vxlan = struct.pack("!II", 0x08000000, 78 << 8) + inner
    gre = struct.pack("!HHI", 0x2000, 0x6558, 78) + inner

    def guest(dst_mac: str, dst: str, proto: int, payload: bytes,
              src: str = a.ipv4) -> bytes:
        if proto == frames.PROTO_UDP:
            payload = frames.udp(src, dst, 50000, 4789, payload)
        return frames.ether(dst_mac, a.mac, frames.ETH_IPV4,
                            frames.ipv4(src, dst, proto, payload))

    switch_mac = underlay_mac(hv2.number)
    own_switch_mac = underlay_mac(hv1.number)
    made_up = [guest(mac, dst, proto, payload)
               for mac, dst in ((b.mac, b.ipv4), (b.mac, hv2.ipv4),
                                (switch_mac, hv2.ipv4),
                                (own_switch_mac, hv1.ipv4),
                                (frames.BROADCAST, hv2.ipv4))
               for proto, payload in ((frames.PROTO_UDP, vxlan),
                                      (frames.PROTO_GRE, gre))]
    for vm in (a, b, victim, friend):
        vm.mute()
    with victim.raw() as port:
        # They are ordinary packets of blue, replicated where it replicates.
        assert sorted(arrived(a, made_up, b)) == sorted(made_up)
        assert heard(friend, [], victim) == []
        assert inner not in [frame.raw for frame in port.pending()]


def test_r72_guest_sends_bfd(scene: Scene) -> None:
    """BFD between switches stays up, whatever a guest claims; the guest's
    own BFD reaches the guest it is for."""
    scene.settings(bfd="true")
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)

    def sessions() -> list[dict]:
        return [row["bfd_status"] for hypervisor in scene.hv.values()
                for row in hypervisor.rows("Interface", "bfd:enable=true",
                                           columns="bfd_status")]

    before = wait_until(sessions, "both ends are up", 30,
                        until=lambda rows: [row.get("state") for row in rows]
                        == ["up", "up"])
    # Version 1, state AdminDown, multiplier 3, no authentication.
    control = struct.pack("!BBBBIIIII", 0x20, 0x00, 3, 24, 1, 0, 1000000,
                          1000000, 0)
    down = [frames.ether(b.mac, a.mac, frames.ETH_IPV4, frames.ipv4(
                a.ipv4, dst, frames.PROTO_UDP,
                frames.udp(a.ipv4, dst, 49152, 3784, control), ttl=255))
            for dst in (b.ipv4, scene.hv["hv2"].ipv4, "169.254.1.0",
                        "169.254.1.1")]
    assert sorted(arrived(a, down * 5, b)) == sorted(down * 5)
    after = sessions()
    assert [row["state"] for row in after] == ["up", "up"]
    assert [row.get("flap_count") for row in after] \
        == [row.get("flap_count") for row in before]
