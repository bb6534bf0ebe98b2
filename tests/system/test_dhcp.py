# SPDX-License-Identifier: Apache-2.0
"""DHCP and router advertisements from the agent, to real clients."""

from __future__ import annotations

import signal

from lab.capture import Capture
from lab.dhcp import Dhclient, Udhcpc, addresses, without_addresses
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

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
        assert not client.records("REBIND")
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
        client.wait("RENEW6", n + 1)
        wait_lease(scene, a, a.ipv6, "bound")
        client.stop()
        wait_lease(scene, a, a.ipv6, "expired")
    assert not dhcp_packets(wire)
