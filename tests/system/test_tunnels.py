# SPDX-License-Identifier: Apache-2.0
"""Tunnel ports: which there are, when they come, change and go."""

from __future__ import annotations

import contextlib
import time

from lab import cloud
from lab.ovsdb import OvsdbConnection
from lab.processes import wait_until
from scene import Scene

HYPERVISORS = 3

ALT_PORT = 8472


def uuids(rows: list[dict]) -> set[str]:
    return {row["_uuid"] for row in rows}


def test_r01_removed_host(scene: Scene) -> None:
    """Its port, group and flows go; those of others stay as they are."""
    a, b = scene.pair()
    scene.wait_peers("hv1", "hv2")
    before = scene.settle("hv1")
    scene.cloud.put(cloud.host("gone", "192.0.2.77"))
    scene.remote("gone1", "blue", "gone")
    scene.remote("gone2", "blue", "gone")
    scene.lab.resync()
    scene.wait_peers("hv1", "gone", "hv2")
    assert scene.settle("hv1") != before
    with a.pinging(b.ipv4) as finish:
        # The host first: its endpoints are left without one.
        scene.delete("host", "gone")
        scene.wait_peers("hv1", "hv2")
        scene.cloud.delete("endpoint", "gone1")
        scene.delete("endpoint", "gone2")
        scene.wait_state("hv1", before)
        assert finish().lost == 0


def test_r02_host_comes_back_under_a_new_id(scene: Scene) -> None:
    """One port, re-tagged: the very same row.  The watch tells of the old id's
    end before it tells of the new one."""
    scene.settings(linger="10")
    scene.pair()
    scene.cloud.put(cloud.host("old", "192.0.2.77"))
    scene.remote("x", "blue", "old")
    scene.lab.resync()
    rows = scene.wait_peers("hv1", "hv2", "old")
    scene.cloud.delete("host", "old")
    scene.cloud.put(cloud.host("new", "192.0.2.77"))
    scene.patch("endpoint", "x", host="new")
    renamed = scene.wait_peers("hv1", "hv2", "new")
    assert uuids(renamed) == uuids(rows)


def test_r02_new_id_while_the_old_one_stays_for_a_moment(scene: Scene
                                                         ) -> None:
    scene.pair()
    scene.cloud.put(cloud.host("old", "192.0.2.77"))
    scene.remote("x", "blue", "old")
    scene.lab.resync()
    scene.wait_peers("hv1", "hv2", "old")
    scene.put(cloud.host("renewed", "192.0.2.77"))
    scene.patch("endpoint", "x", host="renewed")
    scene.delete("host", "old")
    scene.wait_peers("hv1", "hv2", "renewed")


def test_r03_host_address_changes(scene: Scene) -> None:
    """Make before break: traffic goes on, and in the end there is one port
    with the new address."""
    a, b = scene.pair()
    hv2 = scene.hv["hv2"]
    old, new = hv2.ipv4, "192.0.2.102"
    hv2.add_address(new)
    try:
        # Neighbours on the underlay know the new address already.
        scene.hv["hv1"].run("ping", "-c", "1", "-W", "2", new)
        with a.pinging(b.ipv4) as finish:
            scene.settings(scene.agents["hv2"], encap_ip=f"{new},{hv2.ipv6}")
            scene.put(cloud.host("hv2", [new, hv2.ipv6]))
            wait_until(lambda: scene.wait_peers("hv1", "hv2"),
                       "hv1 has one tunnel to the new address",
                       until=lambda rows: rows[0]["options"]["remote_ip"]
                       == new)
            a.wait_reaches(b.ipv4)
            result = finish()
        # Both ends change on their own; between the two moments packets may
        # be lost, but no longer than it takes both to hear of it.
        assert result.duplicates == 0
        assert result.lost < 100, result
        with scene.lab.capture() as wire:
            assert a.ping(b.ipv4, count=5).received == 5
        assert {packet.outer_dst for packet in wire.select(src="hv1")} == {new}
        assert {packet.outer_src for packet in wire.select(dst="hv1")} == {new}
        rows = scene.wait_peers("hv2", "hv1")
        assert rows[0]["options"]["local_ip"] == new
    finally:
        scene.settings(scene.agents["hv2"], encap_ip=f"{old},{hv2.ipv6}")
        hv2.remove_address(new)


def test_changed_in_place_make_before_break(scene: Scene) -> None:
    """One end changes its key mode, which the wire does not show: the new
    port is made before the old one goes, with no gap to speak of."""
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    with a.pinging(b.ipv4, interval=0.005) as finish, \
            contextlib.closing(OvsdbConnection(hv1.folder / "db.sock")) as db:
        for mode, key in (("segment", "77"), ("flow", "flow")):
            seen: list[set[str]] = []

            def keys() -> set[str]:
                """The keys of the tunnels that have an OpenFlow port."""
                seen.append({
                    row["options"]["key"] for row in
                    db.select("Interface", ["options", "ofport"],
                              ["external_ids", "includes",
                               ["map", [["vtepd-owner", "hv1"]]]])
                    if row["ofport"]})
                return seen[-1]

            scene.settings(scene.agents["hv1"], tunnel_key=mode)
            wait_until(keys, f"the key mode is {mode}", interval=0.0005,
                       until=lambda now: now == {key})
            assert all(seen), seen
            scene.pass_lists("hv1")
        result = finish()
    assert result.duplicates == 0
    # The flows of a port with a key are there before it is, and longer.  What
    # the switch has in hand while it makes or removes the port may be lost.
    assert result.lost <= 1, result


def test_r15_names_are_short_and_stable(scene: Scene) -> None:
    """With IPv6 addresses and long ids too."""
    scene.settings(encap_type="geneve", tunnel_key="segment")
    scene.settings(scene.agents["hv1"], encap_ip=scene.hv["hv1"].ipv6)
    scene.segment("blue", 77)
    scene.vm("a", "blue", "hv1")
    for n in range(20):
        name = f"{'long' * 50}{n}"
        scene.cloud.put(cloud.host(
            name, f"2001:db8:ffff:eeee:dddd:cccc:bbbb:{n + 1:x}", "geneve"))
        scene.remote(f"x{n}", "blue", name)
    scene.lab.resync()
    rows = wait_until(scene.hv["hv1"].tunnels, "20 tunnels",
                      until=lambda rows: len(rows) == 20)
    names = sorted(row["name"] for row in rows)
    assert all(len(name) <= 15 and name.startswith("ge-") for name in names)
    scene.agents["hv1"].restart()
    scene.pass_lists("hv1")
    assert sorted(row["name"] for row in scene.hv["hv1"].tunnels()) == names


def test_r16_both_ends_choose_alike(scene: Scene) -> None:
    """Also while one end changes what it offers.  hv1's id is the lower:
    its order of preference counts."""
    a, b = scene.pair()
    hv1, hv2 = scene.hv["hv1"], scene.hv["hv2"]
    for offer1, offer2, wanted in (
            ("vxlan gre", "gre vxlan", "vxlan"),
            ("gre vxlan", "vxlan gre", "gre"),
            ("geneve gre", "vxlan gre geneve", "geneve"),
            ("gre", "vxlan gre", "gre"),
            ("vxlan gre", "gre", "gre")):
        scene.settings(scene.agents["hv1"],
                       encap_type=offer1.replace(" ", ","))
        scene.settings(scene.agents["hv2"],
                       encap_type=offer2.replace(" ", ","))
        scene.put(cloud.host("hv1", hv1.addresses, offer1),
                  cloud.host("hv2", hv2.addresses, offer2))
        for hypervisor in (hv1, hv2):
            wait_until(hypervisor.tunnels, f"{hypervisor.name} uses {wanted}",
                       until=lambda rows: [row["type"] for row in rows]
                       == [wanted])
        a.wait_reaches(b.ipv4)
        with scene.lab.capture() as wire:
            assert a.ping(b.ipv4, count=5).received == 5
        assert {packet.encap for packet in wire.encapsulated()} == {wanted}


def test_no_common_encapsulation_is_reported(scene: Scene) -> None:
    a, b = scene.pair()
    offset = scene.agents["hv1"].log_size()
    scene.put(cloud.host("hv1", scene.hv["hv1"].addresses, "vxlan"),
              cloud.host("hv2", scene.hv["hv2"].addresses, "gre"))
    scene.wait_peers("hv1")
    scene.agents["hv1"].wait_logged("hv2", offset)
    assert "hv2" in scene.agents["hv1"].command("vtepd/status")
    scene.put(*scene.lab.host_objects())
    scene.connect(a, b)


def test_r17_tunnels_only_to_hosts_that_share_a_segment(scene: Scene) -> None:
    a, b = scene.pair()
    scene.segment("red", 78)
    red = scene.vm("r", "red", "hv3")
    scene.ready()
    scene.wait_peers("hv1", "hv2")
    scene.wait_peers("hv2", "hv1")
    scene.wait_peers("hv3")
    # An endpoint that is placed on hv1 but not plugged makes nothing live.
    scene.remote("placed", "red", "hv1")
    scene.pass_lists("hv1")
    scene.wait_peers("hv1", "hv2")
    scene.wait_peers("hv3", "hv1")
    # The last VM of blue goes from hv1: no tunnel is needed there any more.
    a.unplug()
    scene.wait_peers("hv1")
    assert red.is_installed() and b.is_installed()


def test_r17_segment_mode_has_a_port_for_each_shared_segment(scene: Scene
                                                             ) -> None:
    scene.settings(tunnel_key="segment")
    scene.segment("blue", 77)
    scene.segment("red", 78)
    for name, segment, host in (("a1", "blue", "hv1"), ("a2", "blue", "hv2"),
                                ("b1", "red", "hv1"), ("b2", "red", "hv2"),
                                ("b3", "red", "hv3")):
        scene.vm(name, segment, host)
    scene.connect(scene.lab.vms["a1"], scene.lab.vms["a2"])
    scene.connect(*(scene.lab.vms[f"b{n}"] for n in (1, 2, 3)))
    rows = wait_until(scene.hv["hv1"].tunnels, "hv1 has three ports",
                      until=lambda rows: len(rows) == 3)
    assert sorted((row["external_ids"]["vtepd-peer"],
                   row["external_ids"]["vtepd-segment"],
                   row["options"]["key"]) for row in rows) \
        == [("hv2", "blue", "77"), ("hv2", "red", "78"), ("hv3", "red", "78")]
    scene.wait_peers("hv3", "hv1", "hv2")


def test_ten_thousand_hosts_of_which_three_share_a_segment(scene: Scene
                                                           ) -> None:
    scene.segment("blue", 77)
    scene.segment("crowd", 78)
    scene.vm("a", "blue", "hv1")
    crowd = range(1, 10_001)
    scene.cloud.put(*(cloud.host(f"h{n}", f"10.{n >> 16}.{n >> 8 & 255}"
                                 f".{n & 255}", "vxlan gre") for n in crowd))
    scene.cloud.put(*(cloud.endpoint(
        f"e{n}", "crowd", f"h{n}", f"02:cc:00:{n >> 16:02x}:{n >> 8 & 255:02x}"
        f":{n & 255:02x}", [f"172.16.{n >> 8}.{n & 255}"]) for n in crowd))
    for n in (17, 4711, 10_000):
        scene.remote(f"b{n}", "blue", f"h{n}")
    scene.ready()
    scene.wait_peers("hv1", "h10000", "h17", "h4711")
    flows = scene.hv["hv1"].flows()
    assert len(flows) < 200
    # And all of it may go again.  (hv1's own objects stay.)
    scene.begin()
    scene.wait_peers("hv1")


def test_linger(scene: Scene) -> None:
    """A tunnel outlives its last need by so many seconds, and is the same
    port if it is needed again meanwhile."""
    scene.settings(linger="600")
    a, b = scene.pair()
    rows = scene.wait_peers("hv1", "hv2")
    b_object = b.endpoint()
    scene.delete("endpoint", "b")
    scene.pass_lists("hv1", 1)
    assert uuids(scene.hv["hv1"].tunnels()) == uuids(rows)
    scene.put(b_object)
    scene.connect(a, b)
    assert uuids(scene.hv["hv1"].tunnels()) == uuids(rows)
    # It starts anew with the next time that it is not needed.
    scene.settings(linger="2")
    wait_until(lambda: [agent.show("status")["settings"]["linger"]["value"]
                        for agent in scene.agents.values()],
               "the setting is taken", until=lambda now: set(now) == {"2"})
    gone = time.monotonic()
    scene.delete("endpoint", "b")
    scene.wait_peers("hv1")
    assert 2 <= time.monotonic() - gone


def test_r26_udp_port_changes(scene: Scene) -> None:
    """Another UDP port (R24), and back, while VMs talk."""
    a, b = scene.pair(encap="vxlan")
    for port in (ALT_PORT, None):
        scene.put(*(cloud.host(name, scene.hv[name].addresses, "vxlan",
                               port=port) for name in ("hv1", "hv2")))
        for name, peer in (("hv1", "hv2"), ("hv2", "hv1")):
            wait_until(lambda: scene.wait_peers(name, peer),
                       f"{name} uses port {port}",
                       until=lambda rows: rows[0]["options"].get("dst_port")
                       == (str(port) if port else None))
        a.wait_reaches(b.ipv4)
        with scene.lab.capture(frozenset({4789, ALT_PORT})) as wire:
            assert a.ping(b.ipv4, count=5).received == 5
        assert {packet.port for packet in wire.encapsulated()} \
            == {port or 4789}


def test_r41_restart_changes_nothing(scene: Scene) -> None:
    """R10 too: what is ours is adopted, row for row and flow for flow."""
    a, b = scene.pair()
    before = scene.settle("hv1")
    with a.pinging(b.ipv4) as finish:
        scene.agents["hv1"].restart()
        scene.pass_lists("hv1")
        assert finish().lost == 0
    scene.wait_state("hv1", before)
