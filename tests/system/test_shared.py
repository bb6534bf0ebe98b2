# SPDX-License-Identifier: Apache-2.0
"""Addresses that several VMs may hold (allowed_pairs): whoever announced one
last has it."""

from __future__ import annotations

import pytest

from lab import frames
from lab.processes import wait_until
from lab.vm import Vm
from lab.vrrp import sharing
from scene import Scene, answers, heard_by

HYPERVISORS = 3
IPV4, IPV6 = SHARED = ["10.0.0.100", "fd00::100"]
PAIRS = [{"ip": ip} for ip in SHARED]


def announcements(vm: Vm, mac: str | None = None) -> list[bytes]:
    """That a VM has both addresses, at its own MAC or another."""
    mac = mac or vm.mac
    return [frames.arp_request(mac, IPV4, IPV4, eth_src=vm.mac),
            frames.arp(2, mac, IPV4, frames.BROADCAST, IPV4, eth_src=vm.mac),
            frames.neighbour_advertisement(
                vm.mac, IPV6, IPV6, dst="ff02::1", target_lla=mac,
                eth_dst="33:33:00:00:00:01", flags=0x20000000)]


def announce(vm: Vm) -> None:
    with vm.raw() as port:
        port.send(*announcements(vm))


def holder(scene: Scene, host: str, ip: str) -> str | None:
    """What vtepd on a host says."""
    for segment in scene.agents[host].show("segments"):
        for shared in segment.get("shared", []):
            if shared["ip"] == ip:
                return shared["holder"]
    raise LookupError(f"{host} does not know that {ip} is shared")


def wait_holder(scene: Scene, vm: Vm | None, *hosts: str) -> None:
    for host in hosts or scene.hv:
        for ip in SHARED:
            wait_until(lambda: holder(scene, host, ip),
                       f"{host} says who holds {ip}",
                       until=lambda name: name == (vm and vm.name))


def asked(vm: Vm, target: Vm) -> dict[str, list[str]]:
    """The MACs that a VM gets for each of the addresses."""
    got = answers(vm, [
        frames.arp_request(vm.mac, vm.ipv4, IPV4),
        frames.neighbour_solicitation(vm.mac, vm.ipv6, IPV6)], target)
    return {IPV4: [frame.sha for frame in got if frame.kind == "arp-reply"],
            IPV6: [frame.nd_lla for frame in got
                   if frame.kind == "nd-advert"]}


@pytest.fixture
def vms(scene: Scene) -> list[Vm]:
    """a, b and c on a host each; a and b may share both addresses."""
    scene.segment("blue", 77)
    made = [scene.vm("a", "blue", "hv1", allowed_pairs=PAIRS),
            scene.vm("b", "blue", "hv2", allowed_pairs=PAIRS),
            scene.vm("c", "blue", "hv3")]
    scene.connect(*made)
    return made


def test_keepalived(scene: Scene, vms: list[Vm]) -> None:
    """Real masters: whoever asks or knew the one before reaches the new one,
    a third VM as well as one beside the old master."""
    a, b, c = vms
    beside = scene.vm("d", "blue", "hv1")
    scene.connect(beside, c)
    with sharing(a, b, SHARED) as pair:
        for n in range(2):
            old, new = pair[n % 2], pair[1 - n % 2]
            wait_holder(scene, old.vm)
            for vm in (c, beside):
                for ip in SHARED:
                    vm.wait_reaches(ip)
                    assert old.vm.mac in vm.neighbour(ip)
            old.stop()
            new.wait_master()
            wait_holder(scene, new.vm)
            for vm in (c, beside):
                for ip in SHARED:
                    # Told, not asked: it would know it as stale for longer.
                    wait_until(lambda: new.vm.mac in vm.neighbour(ip),
                               f"{vm.name} was told of {ip}", 3)
                    vm.wait_reaches(ip)
            old.start()


def test_not_before_it_is_announced(scene: Scene, vms: list[Vm]) -> None:
    a, b, c = vms
    wait_holder(scene, None)
    assert asked(c, a) == {IPV4: [], IPV6: []}
    explained = scene.agents["hv3"].show_explanation("c", IPV4)
    assert explained["cause"] == "address-not-announced"
    announce(b)
    wait_holder(scene, b)
    assert scene.agents["hv3"].show_explanation("c", IPV6)["verdict"]
    assert asked(c, a) == {ip: [b.mac] for ip in SHARED}
    assert asked(a, b) == {ip: [b.mac] for ip in SHARED}

    # The holder itself is never answered, nor is a probe of who may take over.
    assert asked(b, c) == {IPV4: [], IPV6: []}
    probes = [frames.arp_request(a.mac, "0.0.0.0", IPV4),
              frames.neighbour_solicitation(a.mac, "::", IPV6)]
    assert answers(a, probes, b) == []


def test_nobody_else_can_take_it(scene: Scene, vms: list[Vm]) -> None:
    """Neither a VM without the pair, even without port security, nor one that
    says that it is at another's MAC; and nothing of it gets out, where
    broadcast is replicated either."""
    a, b, c = vms
    scene.patch("segment", "blue", broadcast="replicate")
    loose = scene.vm("d", "blue", "hv3", port_security=False)
    scene.connect(c, loose, a)
    announce(a)
    wait_holder(scene, a)
    for vm, beside in ((c, loose), (loose, c)):
        sent = announcements(vm) + announcements(vm, a.mac)
        for frames_heard in heard_by(vm, sent, a, b, beside).values():
            assert not [frame for frame in frames_heard if frame.raw in sent]
    sent = announcements(b, c.mac)
    for frame in heard_by(b, sent, c)["c"]:
        assert frame.raw not in sent
    wait_holder(scene, a)
    assert asked(c, b) == {ip: [a.mac] for ip in SHARED}


def test_peers_are_believed_about_their_own_only(scene: Scene, vms: list[Vm]
                                                 ) -> None:
    """An announcement that comes in a tunnel must be of an endpoint that is
    placed at its other end."""
    a, b, c = vms
    announce(a)
    wait_holder(scene, a)
    offset = scene.agents["hv3"].log_size()
    hv2 = scene.hv["hv2"]
    group = next(line.split("group_id=")[1].split(",")[0]
                 for line in hv2.groups()
                 if f"output:{tunnel_to(scene, 'hv2', 'hv3')}" in line)
    for mac in (a.mac, c.mac):
        frame = frames.arp_request(mac, IPV4, IPV4)
        hv2.ofctl("packet-out", "br-int",
                  f"in_port=CONTROLLER packet={frame.hex()}"
                  f" actions=set_field:77->tun_id,group:{group}")
        scene.agents["hv3"].wait_logged(f"{mac}, but no endpoint", offset)
    wait_holder(scene, a)


def tunnel_to(scene: Scene, host: str, peer: str) -> int:
    return next(row["ofport"] for row in scene.hv[host].tunnels()
                if row["external_ids"]["vtepd-peer"] == peer)


def test_restart(scene: Scene, vms: list[Vm]) -> None:
    """Nothing is forgotten over a restart; who comes new asks."""
    a, b, c = vms
    announce(a)
    wait_holder(scene, a)
    flows = scene.settle("hv3")
    for host in ("hv3", "hv1"):
        agent = scene.agents[host]
        wait_until(agent.learned_file.read_text, f"{host} has written",
                   until=lambda text: text.count('"a"') == len(SHARED))
        agent.stop()
        assert asked(c, b) == {ip: [a.mac] for ip in SHARED}
        agent.start()
        scene.pass_lists(host, 1)
        wait_holder(scene, a)
    scene.wait_state("hv3", flows)

    # Without its file, it asks.
    agent = scene.agents["hv3"]
    agent.stop()
    agent.learned_file.unlink()
    agent.start()
    wait_holder(scene, a)

    # It was taken over while the agent was away.
    scene.agents["hv1"].stop()
    a.mute()
    announce(b)
    wait_holder(scene, b, "hv2", "hv3")
    scene.agents["hv1"].start()
    wait_holder(scene, b)


def test_holder_goes(scene: Scene, vms: list[Vm]) -> None:
    """Unplugged, deleted, or without the pair, it is no holder any more."""
    a, b, c = vms
    for vm in (a, b):
        vm.mute()
    scene.vm("d", "blue", "hv1")
    scene.ready()
    announce(a)
    wait_holder(scene, a)
    a.unplug()
    wait_holder(scene, None, "hv1")
    announce(b)
    wait_holder(scene, b)
    scene.put(b.endpoint(allowed_pairs=[]))
    scene.put(b.endpoint(allowed_pairs=PAIRS))
    announce(b)
    wait_holder(scene, b)
