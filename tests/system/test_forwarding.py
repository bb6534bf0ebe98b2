# SPDX-License-Identifier: Apache-2.0
"""VMs reach each other, over every kind of tunnel, and only their tunnels
show on the wire."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from lab import cloud
from lab.processes import wait_until
from scene import Scene

HYPERVISORS = 3
SETTINGS = {"encap-type": "vxlan,gre,geneve"}

VNI = 0x4d4d4d      # Uses all three bytes of a VXLAN or Geneve VNI.


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("key", ["flow", "segment"])
@pytest.mark.parametrize("encap", ["vxlan", "gre", "geneve"])
def test_pings_between_three_hosts(scene: Scene, encap: str, key: str,
                                   family: str) -> None:
    underlay = {name: getattr(hypervisor, family)
                for name, hypervisor in scene.hv.items()}
    for name, agent in scene.agents.items():
        scene.settings(agent, encap_type=encap, tunnel_key=key,
                       encap_ip=underlay[name])
    scene.cloud.put(*(cloud.host(name, ip, encap)
                      for name, ip in underlay.items()))
    scene.segment("blue", VNI)
    vms = [scene.vm(f"a{n}", "blue", f"hv{n}") for n in (1, 2, 3)]
    scene.connect(*vms)

    for _ in range(3):      # A busy machine may lose a packet; not each time.
        with scene.lab.capture() as wire:
            results = {(source.name, address): source.ping(address, count=3)
                       for source, target in itertools.permutations(vms, 2)
                       for address in target.ips}
        bad = {who: result for who, result in results.items()
               if (result.received, result.duplicates) != (3, 0)}
        if not bad:
            break
    assert not bad
    # 6 pairs, 2 families, 3 requests and as many replies, and nothing else:
    # ARP and ND stay at home.
    packets = wire.encapsulated()
    assert len(packets) == 72, wire
    assert {(packet.encap, packet.key) for packet in packets} \
        == {(encap, VNI)}, wire
    assert {packet.inner.kind for packet in packets} == {"icmp", "icmp6"}
    assert ({packet.outer_src for packet in packets}
            == {packet.outer_dst for packet in packets}
            == set(underlay.values()))
    for name in scene.hv:
        rows = scene.wait_peers(name, *(set(scene.hv) - {name}))
        assert {row["type"] for row in rows} == {encap}
        assert {row["options"]["key"] for row in rows} \
            == {"flow" if key == "flow" else str(VNI)}


@pytest.mark.parametrize("encap", ["vxlan", "gre", "geneve"])
def test_copied_file_is_the_same(scene: Scene, encap: str) -> None:
    """TCP, both ways at once, over a tunnel."""
    scene.segment("blue", 77, encap=encap)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    sent = {vm.name: scene.lab.folder / f"sent-{vm.name}" for vm in (a, b)}
    received = {name: scene.lab.folder / f"at-{name}" for name in sent}
    for name, path in sent.items():
        path.write_bytes(b"".join(
            hashlib.sha256(f"{name}{n}".encode()).digest()
            for n in range(1 << 16)))
    for address in b.ips:
        server = b.daemon("/usr/bin/python3", "-c", COPY, str(sent["b"]),
                          str(received["b"]))
        server.wait_ready(lambda: "listening" in server.said())
        a.run("/usr/bin/python3", "-c", COPY, str(sent["a"]),
              str(received["a"]), address)
        wait_until(lambda: not server.is_running(), "the copy is complete")
        assert received["b"].read_bytes() == sent["a"].read_bytes()
        assert received["a"].read_bytes() == sent["b"].read_bytes()


# Sends one file and receives another at the same time; with an address as a
# client.
COPY = """
import socket, sys, threading
outgoing, incoming, *address = sys.argv[1:]
if address:
    connection = socket.create_connection((address[0], 9000), 10)
else:
    listener = socket.create_server(("::", 9000), family=socket.AF_INET6,
                                    dualstack_ipv6=True)
    print("listening", flush=True)
    connection, _ = listener.accept()

def send():
    with open(outgoing, "rb") as source:
        connection.sendfile(source)
    connection.shutdown(socket.SHUT_WR)

thread = threading.Thread(target=send)
thread.start()
with open(incoming, "wb") as sink:
    while data := connection.recv(65536):
        sink.write(data)
thread.join()
"""


def test_full_size_packets(scene: Scene) -> None:
    """The largest packet that the VM's MTU allows, not to be fragmented,
    over the encapsulation with the largest overhead."""
    for name, agent in scene.agents.items():
        scene.settings(agent, encap_ip=scene.hv[name].ipv6)
    scene.cloud.put(*(cloud.host(name, hypervisor.ipv6, "geneve")
                      for name, hypervisor in scene.hv.items()))
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    text = a.run("ping", "-n", "-q", "-c", "3", "-i", "0.01", "-M", "do",
                 "-s", str(1400 - 28), b.ipv4)
    assert " 3 received" in text


def test_same_host_needs_no_tunnel(scene: Scene) -> None:
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv1")
    scene.connect(a, b)
    with scene.lab.capture() as wire:
        assert a.ping(b.ipv4, count=5).received == 5
    assert not wire.encapsulated()
    assert scene.hv["hv1"].tunnels() == []


def test_vm_appears(scene: Scene) -> None:
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    scene.vm("b", "blue", "hv2")
    scene.ready()
    assert scene.hv["hv3"].tunnels() == []
    c = scene.vm("c", "blue", "hv3")
    scene.connect(a, c)
    for name in scene.hv:
        scene.wait_peers(name, *(set(scene.hv) - {name}))


def test_inventory_first_or_port_first(scene: Scene) -> None:
    """An endpoint is installed when both are there, whichever came last."""
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    scene.ready()
    late_port = scene.vm("b", "blue", "hv2", plug=False)
    scene.pass_lists("hv2")
    late_port.plug(scene.hv["hv2"])
    late_object = scene.lab.vm("c", "blue", ["10.0.0.77", "fd00::77"])
    late_object.plug(scene.hv["hv3"])
    scene.pass_lists("hv3")
    assert not late_object.is_installed()
    scene.put(late_object.endpoint())
    scene.connect(a, late_port, late_object)


def test_r69_vm_moves(scene: Scene) -> None:
    """Everybody reaches it where it is now, at once, and not where it was."""
    scene.segment("blue", 77)
    vms = [scene.vm(f"a{n}", "blue", f"hv{n}") for n in (1, 2, 3)]
    scene.connect(*vms)
    mover = vms[1]
    mover.move(scene.hv["hv3"])
    scene.patch("endpoint", mover.name, host="hv3")
    scene.connect(*vms)
    # hv2 has no VM of blue any more, and nobody needs a tunnel to it.
    scene.wait_peers("hv1", "hv3")
    scene.wait_peers("hv2")
    with scene.lab.capture() as wire:
        assert vms[0].ping(mover.ipv4, count=10).received == 10
    assert wire.count(src="hv1", dst="hv3") == 10, wire
    assert wire.count(src="hv3", dst="hv1") == 10, wire
    assert len(wire.encapsulated()) == 20, wire


def test_vm_is_served_only_where_it_is_placed(scene: Scene) -> None:
    """Plugged into hv2 while the inventory says hv1: reported, not served."""
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    offset = scene.agents["hv2"].log_size()
    scene.patch("endpoint", "b", host="hv1")
    wait_until(lambda: not b.is_installed(), "b is not served any more")
    scene.agents["hv2"].wait_logged("b", offset)
    assert a.ping(b.ipv4, count=3, wait=0.3).received == 0
    scene.patch("endpoint", "b", host="hv2")
    scene.connect(a, b)


def test_attached_mac_differs(scene: Scene) -> None:
    """The port says another MAC than the inventory: reported, not served."""
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    offset = scene.agents["hv2"].log_size()
    scene.hv["hv2"].set_external_ids("interface", b.port,
                                     attached_mac="02:00:00:00:99:99")
    wait_until(lambda: not b.is_installed(), "b is not served any more")
    scene.agents["hv2"].wait_logged("02:00:00:00:99:99", offset)
    scene.hv["hv2"].set_external_ids("interface", b.port, attached_mac=b.mac)
    scene.connect(a, b)


def test_inactive_interface_is_not_plugged(scene: Scene) -> None:
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    ids = ("interface", b.port)
    scene.hv["hv2"].set_external_ids(*ids, iface_status="inactive")
    wait_until(lambda: not b.is_installed(), "b is not served any more")
    assert a.ping(b.ipv4, count=3, wait=0.3).received == 0
    scene.hv["hv2"].set_external_ids(*ids, iface_status="active")
    scene.connect(a, b)
