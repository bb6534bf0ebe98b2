# SPDX-License-Identifier: Apache-2.0
"""DHCP and router advertisements from the agent, to real clients."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from lab import frames
from lab.capture import Capture
from lab.dhcp import Dhclient, Udhcpc, addresses, without_addresses
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene, arrived

# Clients renew after half of it.
SHORT = 4

# Where the server is found in a subnet without a gateway.
SERVER, SERVER_MAC = "169.254.0.67", "02:76:74:65:70:64"

SUBNET4 = {"cidr": "10.0.0.0/24", "gateway": "10.0.0.2", "dhcp": True,
           "dns": ["10.0.0.53", "8.8.8.8"], "domain": "blue.example",
           "lease": 3600}
SUBNET6 = {"cidr": "fd00::/64", "dhcp": True, "dns": ["fd00::53"],
           "domain": "blue.example", "lease": 3600}

# Whatever may be flooded is: what stays off the tunnels is answered here.
FLOODING = {"broadcast": "replicate", "multicast": "replicate",
            "unknown_unicast": "replicate"}


def stage(scene: Scene, *subnets: dict, **members: object) -> tuple[Vm, Vm]:
    """a on hv1, without addresses, and b on hv2, which has its own."""
    scene.segment("blue", 77, mtu=1380, subnets=list(subnets), **FLOODING)
    a = scene.vm("a", "blue", "hv1", hostname="web1", **members)
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    without_addresses(a)
    return a, b


def leases(scene: Scene, vm: Vm) -> dict[str, dict]:
    return {lease["address"]: lease
            for lease in scene.agents[vm.hypervisor.name].show("leases")
            if lease["endpoint"] == vm.name}


def wait_lease(scene: Scene, vm: Vm, address: str, state: str) -> dict:
    return wait_until(lambda: leases(scene, vm)[address],
                      f"{address} is {state}",
                      until=lambda lease: lease["state"] == state)


def dhcp_packets(wire: Capture) -> list:
    """DHCP and router discovery that was on a tunnel."""
    return [packet for packet in wire.encapsulated()
            if packet.inner.dport in (67, 68, 546, 547)
            or packet.inner.icmp_type in (133, 134)]


def test_udhcpc(scene: Scene) -> None:
    """busybox's client gets all that it should know; it renews, also with a
    vtepd that was started since and while the API is away; it keeps its
    address, and packets flow, while there is no vtepd; it releases."""
    a, b = stage(scene, SUBNET4)
    agent = scene.agents["hv1"]
    assert leases(scene, a)[a.ipv4]["state"] == "unknown"
    with scene.lab.capture() as wire:
        client = Udhcpc(a)
        told = client.wait("bound")
        assert told["ip"] == a.ipv4 and told["mask"] == "24"
        assert told["router"] == told["serverid"] == b.ipv4
        assert told["dns"] == "10.0.0.53 8.8.8.8"
        assert told["domain"] == "blue.example"
        assert told["hostname"] == "web1"
        assert told["mtu"] == "1380" and told["lease"] == "3600"
        assert addresses(a) == {a.ipv4}
        lease = wait_lease(scene, a, a.ipv4, "bound")
        assert lease["mac"] == a.mac and lease["hostname"] == "web1"
        assert re.search(rf"^a +{a.ipv4} +{a.mac} +bound +.* ago +in .* web1$",
                         agent.command("vtepd/leases"), re.MULTILINE)
        a.wait_reaches(b.ipv4)

        client.signal(signal.SIGUSR1)
        client.wait("renew")
        scene.cloud.stop()
        agent.restart()
        wait_until(lambda: leases(scene, a), "a is served again")
        assert leases(scene, a)[a.ipv4]["state"] == "unknown"
        client.signal(signal.SIGUSR1)
        client.wait("renew", 2)
        wait_lease(scene, a, a.ipv4, "bound")
        scene.cloud.start()

        agent.stop()
        assert a.ping(b.ipv4, count=20).received == 20
        assert addresses(a) == {a.ipv4}
        agent.start()
        wait_until(lambda: leases(scene, a), "a is served again")
        client.signal(signal.SIGUSR2)
        wait_lease(scene, a, a.ipv4, "released")
        client.stop()
    assert not dhcp_packets(wire)


def test_dhclient_without_gateway(scene: Scene) -> None:
    """ISC's client, in a subnet without a gateway: the server is found at an
    address of its own, to which the client is told the way, and renews there
    before its time is up."""
    a, b = stage(scene, {"cidr": "10.0.0.0/24", "dhcp": True, "lease": SHORT})
    with scene.lab.capture() as wire:
        client = Dhclient(a)
        told = client.wait("BOUND")
        assert told["new_ip_address"] == a.ipv4
        assert told["new_subnet_mask"] == "255.255.255.0"
        assert told["new_dhcp_server_identifier"] == SERVER
        assert "new_routers" not in told
        assert told["new_interface_mtu"] == "1380"
        assert told["new_host_name"] == "web1"
        client.wait("RENEW", 2)
        assert SERVER_MAC in a.neighbour(SERVER)
        a.wait_reaches(b.ipv4)
        client.stop()
        wait_lease(scene, a, a.ipv4, "expired")
    assert not dhcp_packets(wire)


def test_dhclient_ipv6(scene: Scene) -> None:
    """The address of the inventory, DNS and domain by DHCPv6; renewed, also
    with a vtepd that was started since."""
    a, b = stage(scene, {**SUBNET6, "lease": SHORT})
    with scene.lab.capture() as wire:
        client = Dhclient(a, "-6")
        told = client.wait("BOUND6")
        assert told["new_ip6_address"] == a.ipv6
        assert told["new_dhcp6_name_servers"] == "fd00::53"
        assert told["new_dhcp6_domain_search"] == "blue.example."
        wait_lease(scene, a, a.ipv6, "bound")
        n = len(client.records("RENEW6"))
        scene.agents["hv1"].restart()
        renewed = client.wait("RENEW6", n + 1)
        assert (renewed["new_dhcp6_server_id"]
                == told["new_dhcp6_server_id"])
        wait_lease(scene, a, a.ipv6, "bound")
        client.stop()
        wait_lease(scene, a, a.ipv6, "expired")
    assert not dhcp_packets(wire)


def autoconfigure(vm: Vm) -> None:
    """Has the VM's kernel make addresses of what routers advertise, from a
    link that has just come up."""
    for name, value in (("accept_ra", "2"), ("autoconf", "1"),
                        ("router_solicitations", "3"),
                        ("router_solicitation_delay", "0"),
                        ("router_solicitation_interval", "1")):
        vm.namespace.sysctl(f"net/ipv6/conf/eth0/{name}", value)
    vm.namespace.ip("link set eth0 down", "link set eth0 up")


def mtu6(vm: Vm) -> int:
    with vm.namespace.entered():
        return int(Path("/proc/sys/net/ipv6/conf/eth0/mtu").read_text())


def test_autoconfiguration(scene: Scene) -> None:
    """The kernel's own: the address that follows from the MAC, where that is
    the inventory's; on-link prefix, MTU, hop limit.  It is told anew what has
    changed without asking, and what it was told stays while there is no
    vtepd."""
    scene.segment("blue", 77, mtu=1380, subnets=[SUBNET6], **FLOODING)
    a = scene.vm("a", "blue", "hv1", mac="02:00:00:00:aa:01",
                 ips=["fd00::ff:fe00:aa01"])
    b = scene.vm("b", "blue", "hv2")
    scene.ready(a, b)
    without_addresses(a)
    with scene.lab.capture() as wire:
        wait_lease(scene, a, a.ipv6, "advertised")      # Unasked.
        autoconfigure(a)
        wait_until(lambda: addresses(a), "a has made its address",
                   until=lambda found: found == {a.ipv6})
        assert "fd00::/64 dev eth0 proto kernel" in a.run("ip", "-6", "route")
        assert mtu6(a) == 1380
        assert "default" not in a.run("ip", "-6", "route")
        a.wait_reaches(b.ipv6)

        # Linux goes on asking as long as there is no router.
        a.namespace.sysctl("net/ipv6/conf/eth0/router_solicitations", "0")
        scene.patch("segment", "blue", mtu=1300)
        # Sooner than it would have been told the same once more.
        wait_until(lambda: mtu6(a), "a knows the new MTU", 8,
                   until=lambda mtu: mtu == 1300)
        scene.agents["hv1"].stop()
        assert a.ping(b.ipv6, count=20).received == 20
        assert addresses(a) == {a.ipv6}
        scene.agents["hv1"].start()
    assert not dhcp_packets(wire)


def test_no_autoconfiguration(scene: Scene) -> None:
    """Where the inventory's address is another, a VM makes itself none: port
    security would not let it pass."""
    a, _b = stage(scene, SUBNET6)
    autoconfigure(a)
    wait_until(lambda: mtu6(a), "an advertisement has come",
               until=lambda mtu: mtu == 1380)
    assert "fd00::/64 dev eth0 proto kernel" in a.run("ip", "-6", "route")
    assert addresses(a) == set()
    assert leases(scene, a)[a.ipv6]["state"] == "unknown"
    client = Dhclient(a, "-6")
    client.wait("BOUND6")
    assert addresses(a) == {a.ipv6}
    client.stop()


def test_router_is_advertised(scene: Scene) -> None:
    """The default route comes and goes with the router, which is also where
    clients renew."""
    a, _b = stage(scene, {**SUBNET4, "gateway": "10.0.0.254"},
                  {**SUBNET6, "gateway": "fd00::ff"})
    autoconfigure(a)

    def default() -> str:
        return a.run("ip", "-6", "route", "show", "default")

    wait_until(lambda: mtu6(a), "an advertisement has come",
               until=lambda mtu: mtu == 1380)
    assert not default()
    mac = "02:00:5e:00:00:01"
    scene.put({"kind": "router", "id": "r1", "mac": mac,
               "segments": ["blue"], "routes": []})
    assert "via fe80::5eff:fe00:1 dev eth0 proto ra" in wait_until(
        default, "there is a way out")
    client = Dhclient(a, "-6")
    client.wait("BOUND6")
    a.wait_reaches("fd00::ff")
    client.stop()

    client4 = Udhcpc(a)
    assert client4.wait("bound")["router"] == "10.0.0.254"
    client4.signal(signal.SIGUSR1)
    client4.wait("renew")
    assert mac in a.neighbour("10.0.0.254")     # So it was by unicast.
    client4.stop()
    scene.delete("router", "r1")
    wait_until(default, "there is none", until=lambda text: not text)


def test_changed_address(scene: Scene) -> None:
    """A client that renews what is no longer its address is told so at once,
    though port security lets nothing else through from there."""
    a, b = stage(scene, SUBNET4)
    client = Udhcpc(a)
    client.wait("bound")
    a.wait_reaches(b.ipv4)
    renewal = frames.dhcp_renewal(a.mac, a.ipv4, b.ipv4, b.mac)
    a.ips[0] = "10.0.0.77"
    scene.put(a.endpoint())
    wait_until(lambda: a.ipv4 in leases(scene, a), "a has another address")
    scene.ready(a)
    with a.raw() as port:
        port.send(renewal)
        answer = port.receive_until(lambda frame: frame.kind == "dhcp")[-1]
    assert answer.dst == frames.BROADCAST
    assert answer.payload[240:243] == b"\x35\x01\x06"      # DHCPNAK.
    client.signal(signal.SIGUSR1)
    assert client.wait("bound", 2)["ip"] == "10.0.0.77"
    assert addresses(a) == {"10.0.0.77"}
    a.wait_reaches(b.ipv4)
    client.stop()


def rogue(source: Vm, target: Vm) -> list[bytes]:
    """What only a server or a router may say, to everybody and to one."""
    offer = frames.ipv4(source.ipv4, target.ipv4, frames.PROTO_UDP, frames.udp(
        source.ipv4, target.ipv4, 67, 68, bytes(300)))
    reply = frames.ipv6(source.ipv6, target.ipv6, frames.PROTO_UDP, frames.udp(
        source.ipv6, target.ipv6, 5000, 546, bytes(100)))
    return [frames.ether(dst, source.mac, ethertype, packet)
            for dst in (frames.BROADCAST, target.mac)
            for ethertype, packet in (
                (frames.ETH_IPV4, offer), (frames.ETH_IPV6, reply),
                (frames.ETH_IPV6, frames.router_message(
                    134, source.ipv6, target.ipv6)),
                (frames.ETH_IPV6, frames.router_message(
                    137, source.ipv6, target.ipv6)))]


def test_rogue_server_and_router(scene: Scene) -> None:
    """Where vtepd is the server and the router's voice no VM can pass for
    either; with port security off, or where vtepd serves nothing, it may."""
    scene.segment("blue", 77, subnets=[SUBNET4, SUBNET6], **FLOODING)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    a.mute()
    b.mute()
    sent = rogue(a, b)
    assert arrived(a, sent, b) == []
    scene.put(a.endpoint(port_security=False))
    scene.ready(a)
    wait_until(lambda: arrived(a, sent, b), "all of it arrives",
               until=lambda found: found == sent)
    scene.put(a.endpoint())
    scene.patch("segment", "blue", subnets=[{**SUBNET4, "dhcp": False},
                                            {**SUBNET6, "dhcp": False}])
    wait_until(lambda: arrived(a, sent, b), "all of it arrives again",
               until=lambda found: found == sent)
