# SPDX-License-Identifier: Apache-2.0
"""Tunnel addresses that are wrong, missing, foreign or shared."""

from __future__ import annotations

from lab import cloud
from lab.processes import wait_until
from scene import Scene

HYPERVISORS = 2


def reports(scene: Scene, *words: str) -> str:
    """Waits until vtepd/status on hv1 has a line with all words."""
    def line() -> str:
        return next((line for line in
                     scene.agents["hv1"].command("vtepd/status").splitlines()
                     if all(word in line for word in words)), "")

    return wait_until(line, f"hv1's status tells about {words}")


def count_logged(scene: Scene, offset: int, *words: str) -> int:
    return sum(all(word in line for word in words) and "|INFO|" not in line
               for line in scene.agents["hv1"].log_since(offset).splitlines())


def test_r07_two_hosts_with_one_address(scene: Scene) -> None:
    """One winner whatever the order of arrival, one report, no further
    transactions."""
    a, b = scene.pair()
    twins = [cloud.host(name, "192.0.2.77", "vxlan")
             for name in ("twin1", "twin2")]
    scene.remote("x1", "blue", "twin1")
    scene.remote("x2", "blue", "twin2")
    winners = []
    for order in (twins, twins[::-1]):
        offset = scene.agents["hv1"].log_size()
        for twin in order:
            scene.put(twin)
            scene.pass_lists("hv1", 1)
        reports(scene, "twin1", "twin2", "192.0.2.77")
        winners.append(scene.hv["hv1"].peers())
        settled = scene.settle("hv1")
        database = (scene.hv["hv1"].folder / "conf.db").read_bytes()
        scene.pass_lists("hv1", 3)
        assert scene.state("hv1") == settled
        assert (scene.hv["hv1"].folder / "conf.db").read_bytes() == database
        assert count_logged(scene, offset, "twin1", "twin2") == 1
        assert a.ping(b.ipv4, count=3).received == 3
        scene.cloud.delete("host", "twin1")
        scene.delete("host", "twin2")
        scene.wait_peers("hv1", "hv2")
    assert winners[0] == winners[1]
    assert len(winners[0]) == 2 and "hv2" in winners[0]


def test_r08_foreign_port_to_the_same_remote(scene: Scene) -> None:
    """Open vSwitch refuses a second port of one remote ("File exists"): the
    report names the peer, and all is well when the other port goes."""
    scene.segment("blue", 77)
    hv1, hv2 = scene.hv["hv1"], scene.hv["hv2"]
    a = scene.vm("a", "blue", "hv1")
    scene.ready()
    hv1.vsctl("add-port", "br-int", "foreign", "--", "set", "interface",
              "foreign", "type=vxlan", f"options:remote_ip={hv2.ipv4}",
              f"options:local_ip={hv1.ipv4}", "options:key=flow")
    wait_until(lambda: hv1.ofport("foreign"), "the foreign port is there")
    foreign = hv1.rows("Interface", "name=foreign")
    offset = scene.agents["hv1"].log_size()
    b = scene.vm("b", "blue", "hv2")
    scene.ready(b)
    line = scene.agents["hv1"].wait_logged("exists", offset)
    assert "hv2" in line
    scene.pass_lists("hv1", 3)
    # Backed off: no port comes and goes over and over.
    assert count_logged(scene, offset, "exists") <= 2
    after = hv1.rows("Interface", "name=foreign")
    for column in ("_uuid", "type", "options", "external_ids", "ofport"):
        assert after[0][column] == foreign[0][column]
    hv1.vsctl("del-port", "foreign")
    scene.connect(a, b)


def test_r10_name_is_taken(scene: Scene) -> None:
    """By a foreign port: left alone, reported, another name."""
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    name = scene.wait_peers("hv1", "hv2")[0]["name"]
    scene.delete("endpoint", "b")
    scene.wait_peers("hv1")
    hv1.vsctl("add-port", "br-int", name, "--", "set", "interface", name,
              "type=internal", "external_ids:mine=yes")
    wait_until(lambda: hv1.ofport(name), "the foreign port is there")
    offset = scene.agents["hv1"].log_size()
    scene.put(b.endpoint())
    scene.connect(a, b)
    scene.agents["hv1"].wait_logged(name, offset)
    assert scene.wait_peers("hv1", "hv2")[0]["name"] != name
    foreign, = hv1.rows("Interface", f"name={name}")
    assert foreign["type"] == "internal"
    assert foreign["external_ids"] == {"mine": "yes"}
    # A restart finds its own port under the other name.
    before = scene.settle("hv1")
    scene.agents["hv1"].restart()
    scene.pass_lists("hv1")
    scene.wait_state("hv1", before)
    hv1.vsctl("del-port", name)


def test_r10_own_port_is_repaired(scene: Scene) -> None:
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    before = scene.settle("hv1")
    name = scene.wait_peers("hv1", "hv2")[0]["name"]
    for damage in (["options:remote_ip=192.0.2.99"], ["type=gre"],
                   ["options:key=5"],
                   ["external_ids:vtepd-peer=somebody"]):
        hv1.vsctl("set", "interface", name, *damage)
        wait_until(lambda: scene.hv["hv1"].tunnels(), f"{damage} is repaired",
                   until=lambda rows: len(rows) == 1
                   and rows[0]["external_ids"]["vtepd-peer"] == "hv2"
                   and rows[0]["options"]["remote_ip"]
                   == scene.hv["hv2"].ipv4
                   and rows[0]["options"]["key"] == "flow"
                   and rows[0]["type"] == "vxlan")
        scene.connect(a, b)
    hv1.vsctl("del-port", name)
    scene.connect(a, b)
    assert len(scene.settle("hv1").splitlines()) == len(before.splitlines())


def test_r18_local_address_is_pinned(scene: Scene) -> None:
    """The host has two addresses, and the second is to be used."""
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    second = "192.0.2.111"
    hv1.add_address(second)
    try:
        scene.settings(scene.agents["hv1"], encap_ip=second)
        scene.put(cloud.host("hv1", second))
        wait_until(hv1.tunnels, "the tunnel has the second address",
                   until=lambda rows: [row["options"]["local_ip"]
                                       for row in rows] == [second])
        scene.connect(a, b)
        with scene.lab.capture() as wire:
            assert a.ping(b.ipv4, count=5).received == 5
        assert {packet.outer_src for packet in wire.select(dst="hv2")} \
            == {second}
    finally:
        scene.settings(scene.agents["hv1"], encap_ip=hv1.addresses[0])
        hv1.remove_address(second)


def test_r20_local_address_is_not_there_yet(scene: Scene) -> None:
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    missing = "192.0.2.112"
    offset = scene.agents["hv1"].log_size()
    scene.settings(scene.agents["hv1"], encap_ip=missing)
    scene.put(cloud.host("hv1", missing))
    scene.agents["hv1"].wait_logged(missing, offset)
    reports(scene, missing)
    hv1.add_address(missing)
    try:
        scene.agents["hv1"].wait_logged("configured on this host now", offset)
        # Open vSwitch itself asks for a peer's MAC when it makes a datapath
        # flow, and not again as long as traffic keeps that flow alive.
        scene.hv["hv2"].appctl("ovs-vswitchd", "revalidator/purge")
        scene.connect(a, b)
        offset = scene.agents["hv1"].log_size()
        hv1.remove_address(missing)
        scene.agents["hv1"].wait_logged("is not configured on this host",
                                        offset)
    finally:
        scene.settings(scene.agents["hv1"], encap_ip=hv1.addresses[0])
        if missing in hv1.addresses:
            hv1.remove_address(missing)


def test_r21_host_name_as_tunnel_address(scene: Scene) -> None:
    """Refused by name; the rest of the list works, and so does the host as
    it was known before."""
    a, b = scene.pair()
    rows = scene.wait_peers("hv1", "hv2")
    offset = scene.agents["hv1"].log_size()
    scene.cloud.put({"kind": "host", "id": "named", "tunnels": [
        {"type": "vxlan", "ip": "hv7.example"}]})
    scene.cloud.put({"kind": "host", "id": "hv2", "tunnels": [
        {"type": "vxlan", "ip": "hv2.example"}]})
    scene.remote("x", "blue", "named")
    late = scene.vm("late", "blue", "hv2")
    scene.connect(a, b, late)
    line = scene.agents["hv1"].wait_logged("hv7.example", offset)
    assert "named" in line
    assert scene.wait_peers("hv1", "hv2")[0]["_uuid"] == rows[0]["_uuid"]


def test_r22_no_common_address_family(scene: Scene) -> None:
    a, b = scene.pair()
    hv1, hv2 = scene.hv["hv1"], scene.hv["hv2"]
    offset = scene.agents["hv1"].log_size()
    scene.put(cloud.host("hv1", hv1.ipv4), cloud.host("hv2", hv2.ipv6))
    scene.wait_peers("hv1")
    scene.agents["hv1"].wait_logged("hv2", offset)
    reports(scene, "hv2")
    # One that has both finds the family of the other.
    scene.put(cloud.host("hv1", hv1.addresses))
    scene.connect(a, b)
    row, = scene.wait_peers("hv1", "hv2")
    assert row["options"]["remote_ip"] == hv2.ipv6
    assert row["options"]["local_ip"] == hv1.ipv6


def test_r24_udp_port_taken_by_another_overlay(scene: Scene) -> None:
    """Another overlay of the same switch has tunnels between the same hosts
    on VXLAN's port: diagnosed, and another port works."""
    hv1, hv2 = scene.hv["hv1"], scene.hv["hv2"]
    for here, there in ((hv1, hv2), (hv2, hv1)):
        here.create_bridge("br-other")
        here.vsctl("add-port", "br-other", "other", "--", "set", "interface",
                   "other", "type=vxlan", f"options:remote_ip={there.ipv4}",
                   f"options:local_ip={here.ipv4}", "options:key=flow")
        wait_until(lambda: here.ofport("other"), "the other tunnel is there")
    offset = scene.agents["hv1"].log_size()
    scene.segment("blue", 77, encap="vxlan")
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.ready(a, b)
    assert "hv2" in scene.agents["hv1"].wait_logged("exists", offset)
    assert "xists" in scene.agents["hv1"].command("vtepd/tunnels")
    scene.put(*(cloud.host(name, scene.hv[name].addresses, "vxlan", port=8472)
                for name in ("hv1", "hv2")))
    scene.connect(a, b)
    for hypervisor in (hv1, hv2):
        hypervisor.vsctl("del-br", "br-other")


def test_r28_two_segments_with_one_vni(scene: Scene) -> None:
    """The second is refused by a rule, whatever came first; the first goes on
    working, and both do when the cause is gone."""
    a, b = scene.pair()
    offset = scene.agents["hv1"].log_size()
    scene.segment("aaa", 77)
    c = scene.vm("c", "aaa", "hv1", ips=["10.0.1.1"])
    d = scene.vm("d", "aaa", "hv2", ips=["10.0.1.2"])
    reports(scene, "aaa", "blue", "77")
    scene.pass_lists("hv1")
    assert count_logged(scene, offset, "aaa", "blue") == 1
    served = [wait_until(lambda: [vm.name for vm in (a, b, c, d)
                                  if vm.is_installed()],
                         "one segment is served",
                         until=lambda names: names in (["a", "b"],
                                                       ["c", "d"]))]
    # The other order of arrival, with the same outcome.
    scene.delete("segment", "blue")
    scene.segment("blue", 77)
    scene.lab.resync()
    scene.pass_lists("hv1")
    wait_until(lambda: [[vm.name for vm in (a, b, c, d)
                         if vm.is_installed()]], "the same is served",
               until=lambda names: names == served)
    scene.patch("segment", "aaa", vni=78)
    scene.connect(a, b)
    scene.connect(c, d)


def test_r28_one_mac_twice_in_a_segment(scene: Scene) -> None:
    a, b = scene.pair()
    scene.segment("red", 78)
    # In another segment the same MAC is nobody's business.
    other = scene.vm("other", "red", "hv1", mac=a.mac)
    scene.ready(other)
    offset = scene.agents["hv1"].log_size()
    scene.put(cloud.endpoint("zz", "blue", "hv2", a.mac, ["10.0.0.99"]))
    line = scene.agents["hv1"].wait_logged("zz", offset)
    assert a.mac in line or '"a"' in line or " a " in line
    scene.pass_lists("hv1")
    assert count_logged(scene, offset, "zz") == 1
    assert a.is_installed() and other.is_installed()
    assert a.ping(b.ipv4, count=3).received == 3


def test_one_ip_twice_in_a_segment(scene: Scene) -> None:
    a, b = scene.pair()
    offset = scene.agents["hv1"].log_size()
    scene.put(cloud.endpoint("zz", "blue", "hv2", "02:00:00:00:99:01",
                             [b.ipv4]))
    scene.agents["hv1"].wait_logged("zz", offset)
    a.forget_neighbours()
    assert a.ping(b.ipv4, count=3).received == 3
    assert b.mac in a.neighbour(b.ipv4)
