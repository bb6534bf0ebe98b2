# SPDX-License-Identifier: Apache-2.0
"""A VM that fakes something gets nothing through, and it is counted why."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from lab import frames
from lab.frames import ETH_IPV4, ETH_IPV6, neighbour_advertisement, \
    neighbour_solicitation
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene, arrived, broadcast, dropped, echo, echo6, heard

HYPERVISORS = 2

OTHER_MAC, OTHER_IP, OTHER_IP6 = "02:00:00:00:99:99", "10.0.0.99", "fd00::99"


def na(a: Vm, b: Vm, **changes) -> bytes:
    """A neighbour advertisement from a to b, honest but for 'changes'."""
    values = {"mac": a.mac, "src": a.ipv6, "target": a.ipv6, "dst": b.ipv6,
              "eth_dst": b.mac, **changes}
    return neighbour_advertisement(**values)


def fragment6(a: Vm, b: Vm) -> bytes:
    """A spoofed advertisement behind a fragment header, "atomic" (RFC 6946),
    which hides what it is from a filter that looks at the first header."""
    whole = na(a, b, target=OTHER_IP6)
    body = whole[14 + 40:]
    header = struct.pack("!BBHI", frames.PROTO_ICMPV6, 0, 0, 7)
    return frames.ether(b.mac, a.mac, ETH_IPV6,
                        frames.ipv6(a.ipv6, b.ipv6, 44, header + body, 255))


# By name: what VM a sends, in the presence of its neighbour b.
SPOOFS: dict[str, Callable[[Vm, Vm], bytes]] = {
    "source MAC": lambda a, b: echo(a, b, eth_src=OTHER_MAC),
    "source MAC of the other VM": lambda a, b: echo(a, b, eth_src=b.mac),
    "source MAC multicast":
        lambda a, b: echo(a, b, eth_src="03:00:00:00:00:01"),
    "source MAC, IPv6": lambda a, b: echo6(a, b, eth_src=OTHER_MAC),
    "source MAC, unknown protocol":
        lambda a, b: frames.ether(b.mac, OTHER_MAC, frames.ETH_TEST,
                                  bytes(46)),
    "source IP": lambda a, b: echo(a, b, src=OTHER_IP),
    "source IP of the other VM": lambda a, b: echo(a, b, src=b.ipv4),
    "source IP, broadcast": lambda a, b: echo(a, b, src="255.255.255.255"),
    "source 0.0.0.0, not DHCP": lambda a, b: echo(a, b, src="0.0.0.0"),
    "source IPv6": lambda a, b: echo6(a, b, src=OTHER_IP6),
    "source ::, not DAD": lambda a, b: echo6(a, b, src="::"),
    "source link-local of another":
        lambda a, b: echo6(a, b, src=frames.link_local(OTHER_MAC)),
    "DHCP server": lambda a, b: frames.ether(
        b.mac, a.mac, ETH_IPV4, frames.ipv4(
            OTHER_IP, b.ipv4, frames.PROTO_UDP,
            frames.udp(OTHER_IP, b.ipv4, 67, 68, bytes(240)))),
    "ARP sender IP": lambda a, b: frames.arp(
        2, a.mac, OTHER_IP, b.mac, b.ipv4),
    "ARP sender IP, request": lambda a, b: frames.arp_request(
        a.mac, OTHER_IP, b.ipv4, eth_dst=b.mac),
    "ARP sender MAC": lambda a, b: frames.arp(
        2, OTHER_MAC, a.ipv4, b.mac, b.ipv4, eth_src=a.mac),
    "ARP Ethernet source": lambda a, b: frames.arp(
        2, a.mac, a.ipv4, b.mac, b.ipv4, eth_src=OTHER_MAC),
    "NA target": lambda a, b: na(a, b, target=OTHER_IP6),
    "NA target of the other VM": lambda a, b: na(a, b, target=b.ipv6),
    "NA target link-layer": lambda a, b: na(a, b, target_lla=OTHER_MAC),
    "NA source": lambda a, b: na(a, b, src=OTHER_IP6),
    "NA to everyone, target": lambda a, b: na(
        a, b, target=OTHER_IP6, dst="ff02::1", eth_dst="33:33:00:00:00:01"),
    "NA behind a fragment header": fragment6,
    "NS source link-layer": lambda a, b: neighbour_solicitation(
        a.mac, a.ipv6, b.ipv6, source_lla=OTHER_MAC, eth_dst=b.mac,
        dst=b.ipv6),
    "NS source": lambda a, b: neighbour_solicitation(
        a.mac, OTHER_IP6, b.ipv6, eth_dst=b.mac, dst=b.ipv6),
    "router advertisement": lambda a, b: frames.ether(
        b.mac, a.mac, ETH_IPV6, frames.ipv6(
            frames.link_local(OTHER_MAC), b.ipv6, frames.PROTO_ICMPV6,
            struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), 255)),
    "VLAN tag": lambda a, b: echo(a, b, vlan=5),
    "priority tag": lambda a, b: echo(a, b, vlan=0),
}


@pytest.fixture
def pair(scene: Scene) -> tuple[Vm, Vm]:
    a, b = scene.pair(broadcast="replicate", multicast="replicate",
                      unknown_unicast="replicate")
    b.mute()        # Or its kernel would ask back, and be answered.
    return a, b


def test_spoofing(scene: Scene, pair: tuple[Vm, Vm]) -> None:
    """No spoofed frame arrives, nor crosses the fabric, in a segment that
    replicates; each is counted by a flow that drops."""
    a, b = pair
    for name, spoof in SPOOFS.items():
        frame = spoof(a, b)
        before = dropped(scene.hv["hv1"])
        with scene.lab.capture() as wire:
            assert heard(a, [frame] * 3, b) == [], name
        assert not wire.select(inner=frame), f"{name}: {wire}"
        wait_until(lambda: dropped(scene.hv["hv1"]) - before,
                   f"{name} is counted", until=lambda n: n >= 3)


def test_spoofing_on_one_host(scene: Scene) -> None:
    """The same between two VMs of one hypervisor, at 'drop'."""
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv1")
    scene.connect(a, b)
    b.mute()
    for name, spoof in SPOOFS.items():
        assert heard(a, [spoof(a, b)] * 3, b) == [], name


def test_honest_frames_pass(scene: Scene, pair: tuple[Vm, Vm]) -> None:
    """The spoofs' honest counterparts arrive: the test above can fail."""
    a, b = pair
    link_local = frames.link_local(a.mac)
    honest = {
        "ping": echo(a, b), "IPv6 ping": echo6(a, b),
        "from the link-local address": echo6(a, b, src=link_local),
        "broadcast": broadcast(a),
        "NA": na(a, b),
        "NA for the link-local address":
            na(a, b, src=link_local, target=link_local),
        "unknown protocol": frames.ether(b.mac, a.mac, frames.ETH_TEST,
                                         bytes(46)),
        "DHCP": frames.dhcp_discover(a.mac),
    }
    for name, frame in honest.items():
        assert arrived(a, [frame], b) == [frame], name


def test_allowed_pairs(scene: Scene) -> None:
    """More addresses to send from: a single one, a prefix, another MAC."""
    scene.segment("blue", 77)
    b = scene.vm("b", "blue", "hv2")
    a = scene.vm("a", "blue", "hv1", allowed_pairs=[
        {"ip": "10.0.0.100"}, {"ip": "10.9.0.0/16"}, {"ip": "fd09::/64"},
        {"mac": OTHER_MAC, "ip": "10.0.0.101"}])
    scene.connect(a, b)
    allowed = [echo(a, b, src="10.0.0.100"), echo(a, b, src="10.9.255.255"),
               echo6(a, b, src="fd09::1234"),
               echo(a, b, src="10.0.0.101", eth_src=OTHER_MAC)]
    assert arrived(a, allowed, b) == allowed
    refused = [echo(a, b, src="10.0.0.101"),
               echo(a, b, src="10.0.0.100", eth_src=OTHER_MAC),
               echo(a, b, eth_src=OTHER_MAC), echo(a, b, src="10.10.0.0"),
               echo6(a, b, src="fd09:0:0:1::1")]
    assert arrived(a, refused, b) == []
    # An address that a alone holds is answered for.
    b.forget_neighbours()
    b.ping("10.0.0.100", wait=0.1)
    assert a.mac in b.neighbour("10.0.0.100")


def test_without_port_security(scene: Scene) -> None:
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1", port_security=False)
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    free = [echo(a, b, eth_src=OTHER_MAC), echo(a, b, src=OTHER_IP),
            echo6(a, b, src=OTHER_IP6)]
    assert arrived(a, free, b) == free
    # And back again, while it runs.
    scene.patch("endpoint", "a", port_security=True)
    wait_until(lambda: arrived(a, free, b), "nothing passes",
               until=lambda seen: seen == [])


def test_addresses_follow_the_inventory(scene: Scene) -> None:
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    frame = echo(a, b, src=OTHER_IP)
    assert arrived(a, [frame], b) == []
    scene.patch("endpoint", "a", ips=[a.ipv4, a.ipv6, OTHER_IP])
    wait_until(lambda: arrived(a, [frame], b), "the new address passes")
    scene.patch("endpoint", "a", ips=[a.ipv4, a.ipv6])
    wait_until(lambda: arrived(a, [frame], b), "it does not pass any more",
               until=lambda seen: seen == [])
