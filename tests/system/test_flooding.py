# SPDX-License-Identifier: Apache-2.0
"""What would be flooded elsewhere: ARP, ND, broadcast, unknown unicast."""

from __future__ import annotations

import json

from lab import frames
from lab.frames import BROADCAST, ETH_IPV4, ETH_IPV6
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene, answers, broadcast, dropped, echo, heard, heard_by

HYPERVISORS = 4

MISSING_MAC, MISSING_IP, MISSING_IP6 = "02:00:00:00:ff:ff", "10.0.0.200", \
    "fd00::200"
MULTICAST_IP, MULTICAST_MAC = "239.1.2.3", "01:00:5e:01:02:03"


def three(scene: Scene, **policies: str) -> list[Vm]:
    """blue, with VMs on hv1, hv2, hv3; hv4 has a VM of another segment."""
    scene.segment("blue", 77, **policies)
    scene.segment("red", 78, **policies)
    vms = [scene.vm(f"a{n}", "blue", f"hv{n}") for n in (1, 2, 3)]
    scene.vm("r1", "red", "hv1")
    scene.vm("r4", "red", "hv4")
    scene.connect(*vms)
    scene.wait_peers("hv1", "hv2", "hv3", "hv4")
    return vms


def unknown_unicast(vm: Vm) -> bytes:
    packet = frames.ipv4(vm.ipv4, MISSING_IP, frames.PROTO_ICMP,
                         frames.icmp_echo(1, 1))
    return frames.ether(MISSING_MAC, vm.mac, ETH_IPV4, packet)


def multicast(vm: Vm) -> bytes:
    packet = frames.ipv4(vm.ipv4, MULTICAST_IP, frames.PROTO_UDP,
                         frames.udp(vm.ipv4, MULTICAST_IP, 4000, 4000, b"x"))
    return frames.ether(MULTICAST_MAC, vm.mac, ETH_IPV4, packet)


def multicast6(vm: Vm) -> bytes:
    packet = frames.ipv6(vm.ipv6, "ff02::1", frames.PROTO_UDP,
                         frames.udp(vm.ipv6, "ff02::1", 4000, 4000, b"x"))
    return frames.ether("33:33:00:00:00:01", vm.mac, ETH_IPV6, packet)


def test_r70_drop_segment_puts_nothing_on_the_fabric(scene: Scene) -> None:
    a, b, _ = three(scene)
    before = dropped(scene.hv["hv1"])
    noise = [frames.arp_request(a.mac, a.ipv4, b.ipv4),
             frames.arp_request(a.mac, a.ipv4, MISSING_IP),
             frames.neighbour_solicitation(a.mac, a.ipv6, b.ipv6),
             frames.neighbour_solicitation(a.mac, a.ipv6, MISSING_IP6),
             broadcast(a), multicast(a), multicast6(a), unknown_unicast(a),
             frames.dhcp_discover(a.mac)]
    with scene.lab.capture() as wire:
        assert heard(a, noise * 20, b) == []
        # The three pings that heard() ends with, answered.
        wait_until(lambda: wire.count(kind="icmp"), "the pings have crossed",
                   until=lambda n: n == 6)
    assert len(wire.encapsulated()) == 6, wire
    # Everything but the two that are answered was dropped, and counted.
    wait_until(lambda: dropped(scene.hv["hv1"]) - before,
               "the drops are counted", until=lambda n: n >= 7 * 20)


def test_r70_replicate_sends_one_copy_to_each_peer(scene: Scene) -> None:
    """hv4 has no endpoint in the segment: it gets none."""
    a, b, c = three(scene, broadcast="replicate",
                    unknown_unicast="replicate", multicast="replicate")
    a2 = scene.vm("a12", "blue", "hv1")
    c2 = scene.vm("a32", "blue", "hv3")
    scene.connect(a, a2, c2)
    noise = {"broadcast": broadcast(a), "multicast": multicast(a),
             "IPv6 multicast": multicast6(a),
             "unknown unicast": unknown_unicast(a),
             "DHCP": frames.dhcp_discover(a.mac)}
    for vm in scene.lab.vms.values():
        vm.mute()
    for vm in scene.lab.vms.values():
        vm.mute()
    for what, frame in noise.items():
        with scene.lab.capture() as wire, a.raw() as own:
            seen = heard_by(a, [frame], a2, b, c, c2)
            for name, got in seen.items():
                assert [one.raw for one in got] == [frame], f"{what} at {name}"
            assert own.pending() == [], f"{what} comes back"
        copies = wire.select(inner=frame)
        ways = sorted((wire.host(copy.outer_src), wire.host(copy.outer_dst))
                      for copy in copies)
        assert ways == [("hv1", "hv2"), ("hv1", "hv3")], f"{what}: {wire}"
        assert {copy.key for copy in copies} == {77}


def test_r70_replication_list_follows_endpoints(scene: Scene) -> None:
    a, b, c = three(scene, broadcast="replicate")

    def copies() -> list[str]:
        with scene.lab.capture() as wire:
            heard(a, [broadcast(a)], b)
        return sorted(wire.host(copy.outer_dst)
                      for copy in wire.select(inner=broadcast(a)))

    assert copies() == ["hv2", "hv3"]
    d = scene.vm("a4", "blue", "hv4")
    scene.connect(a, d)
    wait_until(copies, "hv4 gets its copy",
               until=lambda got: got == ["hv2", "hv3", "hv4"])
    scene.delete("endpoint", c.name)
    wait_until(copies, "hv3 gets none", until=lambda got: got == ["hv2",
                                                                  "hv4"])
    scene.put({"kind": "segment", "id": "blue", "vni": 77})
    wait_until(copies, "nobody gets any", until=lambda got: not got)


def test_r70_long_replication_list(scene: Scene) -> None:
    """300 peers, one copy each: longer than one list of actions may be."""
    scene.settings(encap_type="vxlan")
    hosts = [{"kind": "host", "id": f"far{n}", "tunnels": [
        {"type": "vxlan", "ip": f"192.0.3.{n}" if n < 256
         else f"192.0.4.{n - 255}"}]} for n in range(1, 301)]
    scene.cloud.put(*hosts)
    scene.segment("blue", 77, broadcast="replicate")
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.cloud.put(*({
        "kind": "endpoint", "id": f"far{n}", "segment": "blue",
        "host": f"far{n}", "mac": f"02:ee:00:00:{n >> 8:02x}:{n & 255:02x}",
        "ips": []} for n in range(1, 301)))
    # The far hosts are behind one router, which need not exist but for its
    # MAC, the fabric's own: so what is sent to them shows there, and nowhere
    # else.
    router = json.loads(scene.lab.fabric.run(
        ["ip", "-j", "link", "show", "fabric"]))[0]["address"]
    hv1 = scene.hv["hv1"]
    gateway = "192.0.2.200"
    hv1.namespace.ip(f"route add 192.0.0.0/16 via {gateway} dev br-phy")
    hv1.appctl("ovs-vswitchd", "tnl/neigh/set", "br-phy", gateway, router)
    try:
        before = scene.agents["hv1"].show("status")["ovsdb"]["committed"]
        scene.connect(a, b)
        wait_until(lambda: sum(bool(row["ofport"]) for row in hv1.tunnels()),
                   "all tunnels are there", 60, until=lambda n: n == 301)
        # One transaction for many tunnels.
        after = scene.agents["hv1"].show("status")["ovsdb"]["committed"]
        assert after - before <= 30
        scene.settle("hv1")
        with scene.lab.capture() as wire:
            heard(a, [broadcast(a)], b)
        copies = [copy.outer_dst for copy in wire.select(inner=broadcast(a))]
        assert len(copies) == len(set(copies)) == 301
    finally:
        hv1.namespace.ip("route del 192.0.0.0/16")


def test_r64_r65_arp_reply_is_exact(scene: Scene) -> None:
    """One reply, byte for byte what the owner itself would say."""
    a, b, _ = three(scene)
    request = frames.arp_request(a.mac, a.ipv4, b.ipv4)
    wanted = frames.arp(2, b.mac, b.ipv4, a.mac, a.ipv4)
    with scene.lab.capture() as wire:
        assert [reply.raw for reply in answers(a, [request], b)] == [wanted]
        # A request to the owner alone, as kernels confirm what they know.
        unicast = frames.arp_request(a.mac, a.ipv4, b.ipv4, eth_dst=b.mac)
        assert [reply.raw for reply in answers(a, [unicast], b)] == [wanted]
    assert {packet.inner.kind for packet in wire.encapsulated()} == {"icmp"}


def test_r64_nd_reply_is_exact(scene: Scene) -> None:
    a, b, _ = three(scene)
    request = frames.neighbour_solicitation(a.mac, a.ipv6, b.ipv6)
    wanted = frames.neighbour_advertisement(b.mac, b.ipv6, b.ipv6, dst=a.ipv6,
                                            eth_dst=a.mac)
    assert [reply.raw for reply in answers(a, [request], b)] == [wanted]


def test_nd_reply_satisfies_the_kernel(scene: Scene) -> None:
    a, b, _ = three(scene)
    for address in (b.ipv6, frames.link_local(b.mac)):
        a.forget_neighbours()
        assert a.ping(f"{address}%eth0" if address.startswith("fe80")
                      else address).received == 1
        wait_until(lambda: a.neighbour(address), f"{address} is reachable",
                   until=lambda text: b.mac in text and "REACHABLE" in text)


def test_r66_own_probe_is_not_answered(scene: Scene) -> None:
    """RFC 5227: a probe for one's own address must meet silence; that for
    another's must be answered."""
    a, b, _ = three(scene)
    own = frames.arp_request(a.mac, "0.0.0.0", a.ipv4)
    gratuitous = frames.arp_request(a.mac, a.ipv4, a.ipv4)
    announced = frames.arp(2, a.mac, a.ipv4, frames.BROADCAST, a.ipv4)
    own6 = frames.neighbour_solicitation(a.mac, "::", a.ipv6)
    own6_again = frames.neighbour_solicitation(a.mac, a.ipv6, a.ipv6)
    assert answers(a, [own, gratuitous, announced, own6, own6_again] * 3,
                   b) == []
    others = frames.arp_request(a.mac, "0.0.0.0", b.ipv4)
    assert [reply.raw for reply in answers(a, [others], b)] \
        == [frames.arp(2, b.mac, b.ipv4, a.mac, "0.0.0.0")]


def test_r66_duplicate_address_detection_succeeds(scene: Scene) -> None:
    """The kernel's own DAD ends with a usable address."""
    a, b, _ = three(scene)
    a.namespace.sysctl("net/ipv6/conf/eth0/accept_dad", "1")
    a.namespace.ip(f"addr del {a.ipv6}/64 dev eth0",
                   f"addr add {a.ipv6}/64 dev eth0")
    state = wait_until(lambda: a.namespace.ip("addr show dev eth0"),
                       "DAD is over",
                       until=lambda text: "tentative" not in text
                       or "dadfailed" in text)
    assert "dadfailed" not in state
    a.wait_reaches(b.ipv6)


def test_gratuitous_arp_stays_at_home(scene: Scene) -> None:
    a, b, _ = three(scene)
    announcements = [frames.arp_request(a.mac, a.ipv4, a.ipv4),
                     frames.arp(2, a.mac, a.ipv4, BROADCAST, a.ipv4)]
    with scene.lab.capture() as wire:
        assert heard(a, announcements * 5, b) == []
    assert {packet.inner.kind for packet in wire.encapsulated()} <= {"icmp"}


def test_arp_is_answered_at_home_also_where_broadcast_replicates(
        scene: Scene) -> None:
    a, b, _ = three(scene, broadcast="replicate", multicast="replicate")
    known = [frames.arp_request(a.mac, a.ipv4, b.ipv4),
             frames.neighbour_solicitation(a.mac, a.ipv6, b.ipv6)]
    unknown = frames.arp_request(a.mac, a.ipv4, MISSING_IP)
    with scene.lab.capture() as wire:
        replies = answers(a, [*known, unknown], b)
    assert [reply.kind for reply in replies] == ["arp-reply", "nd-advert"]
    assert {packet.inner.kind for packet in wire.encapsulated()} \
        - {"mld"} == {"icmp"}, wire


def test_split_horizon(scene: Scene) -> None:
    """What comes out of a tunnel never goes into one, whatever it is."""
    a, b, c = three(scene, broadcast="replicate",
                    unknown_unicast="replicate", multicast="replicate")
    # hv1 is made to believe that c is on hv2.  hv2 knows better, and yet
    # must not send it on.
    scene.settings([scene.agents["hv2"], scene.agents["hv3"]], poll="3600")
    scene.pass_lists("hv2")
    scene.cloud.patch("endpoint", c.name, host="hv2")
    scene.agents["hv1"].resync()
    frame = echo(a, c)

    def on_wire() -> list[tuple[str, str]]:
        with scene.lab.capture() as wire:
            heard(a, [frame], b)
        return [(wire.host(copy.outer_src), wire.host(copy.outer_dst))
                for copy in wire.select(inner=frame)]

    wait_until(on_wire, "hv1 sends to hv2, which sends nowhere",
               until=lambda seen: seen == [("hv1", "hv2")])
