# SPDX-License-Identifier: Apache-2.0
"""vtepd and the switch it works on: bridges, OpenFlow ports, other people's
ports, a second vtepd."""

from __future__ import annotations

import re

from lab import cloud
from lab.agent import Agent
from lab.processes import wait_until
from scene import Scene, arrived, echo

HYPERVISORS = 2


def test_bridge_is_made_and_secure(scene: Scene) -> None:
    """The lab makes no integration bridge: vtepd did."""
    bridge, = scene.hv["hv1"].rows("Bridge", "name=br-int")
    assert bridge["fail_mode"] == "secure"
    assert bridge["other_config"]["disable-in-band"] == "true"
    assert bridge["datapath_type"] == "netdev"


def test_foreign_ports_are_left_alone(scene: Scene) -> None:
    hv1 = scene.hv["hv1"]
    hv1.vsctl("add-port", "br-int", "their-tunnel", "--", "set", "interface",
              "their-tunnel", "type=vxlan", "options:remote_ip=192.0.2.250",
              "options:key=5", "external_ids:vtepd-peer=hv2",
              "--", "add-port", "br-int", "vx-0123456789", "--", "set",
              "interface", "vx-0123456789", "type=gre",
              "options:remote_ip=192.0.2.251", "options:key=flow",
              "external_ids:vtepd-owner=somebody-else",
              "--", "add-port", "br-int", "their-port", "--", "set",
              "interface", "their-port", "type=internal")
    columns = "_uuid,name,type,options,external_ids"

    def theirs() -> list[dict]:
        return sorted((row for row in hv1.rows("Interface", columns=columns)
                       if row["name"] in ("their-tunnel", "vx-0123456789",
                                          "their-port")),
                      key=lambda row: row["name"])

    before = theirs()
    assert len(before) == 3
    a, b = scene.pair()
    scene.delete("endpoint", "b")
    scene.wait_peers("hv1")
    scene.agents["hv1"].restart()
    scene.settle("hv1")
    assert theirs() == before
    for row in before:
        hv1.vsctl("del-port", row["name"])


def test_r12_two_owners_on_one_switch(scene: Scene) -> None:
    """Each touches its own rows only, and the other's tunnels live on."""
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    address = "192.0.2.121"
    hv1.add_address(address)
    second = Agent(hv1, scene.cloud.url, {
        "host": "hv1b", "bridge": "br-two", "encap-ip": address,
        "linger": "0"}, name="second")
    second.start()
    c = scene.lab.vm("c", "red", ["10.0.0.1", "fd00::1"])
    try:
        scene.segment("red", 78)
        d = scene.vm("d", "red", "hv2", ips=["10.0.0.2", "fd00::2"])
        wait_until(lambda: hv1.vsctl("br-exists", "br-two") == "",
                   "br-two is there")
        c.plug(hv1, bridge="br-two")
        scene.put(cloud.host("hv1b", address), c.endpoint(host="hv1b"))
        second.resync()
        scene.connect(c, d)
        scene.connect(a, b)
        assert len(hv1.tunnels()) == len(hv1.tunnels("hv1b")) == 1
        others = hv1.tunnels("hv1b")
        others_flows = hv1.flows(bridge="br-two")
        # Everything of the first goes, it restarts, it comes again.
        scene.delete("endpoint", "b")
        scene.wait_peers("hv1")
        scene.agents["hv1"].restart()
        scene.put(b.endpoint())
        scene.connect(a, b)
        assert hv1.tunnels("hv1b") == others
        assert hv1.flows(bridge="br-two") == others_flows
        assert c.ping(d.ipv4, count=5).received == 5
    finally:
        scene.lab.remove_vm(c)
        wait_until(lambda: hv1.tunnels("hv1b"), "the second has no tunnel",
                   until=lambda rows: not rows)
        second.stop()
        hv1.vsctl("--if-exists", "del-br", "br-two")
        hv1.remove_address(address)


def ours(scene: Scene, bridge: str) -> list[str]:
    """The tunnel ports of hv1's vtepd on a bridge; none if it is gone."""
    hv1 = scene.hv["hv1"]
    names = {row["name"] for row in hv1.tunnels()}
    ports = hv1.run("ovs-vsctl", "--timeout=20", "list-ports", bridge,
                    check=False)
    return [port for port in ports.split() if port in names]


def test_r13_bridge_is_renamed(scene: Scene) -> None:
    """The setting changes while vtepd runs and the VMs' ports move: tunnels
    and flows move too, nothing is left on the old bridge."""
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    scene.settings(scene.agents["hv1"], bridge="br-new")
    wait_until(lambda: hv1.vsctl("br-exists", "br-new") == "",
               "br-new is there")
    a.unplug()
    a.plug(hv1, bridge="br-new")
    scene.connect(a, b)
    assert len(ours(scene, "br-new")) == 1
    assert ours(scene, "br-int") == []
    assert len(hv1.flows(bridge="br-new")) > 20
    # It was vtepd's own, and nobody else has a port there.
    wait_until(lambda: hv1.vsctl("list-br").split(), "br-int is gone",
               until=lambda names: "br-int" not in names)
    scene.settings(scene.agents["hv1"], bridge="br-int")
    wait_until(lambda: hv1.vsctl("br-exists", "br-int") == "",
               "br-int is there again")
    a.unplug()
    a.plug(hv1)
    scene.connect(a, b)
    assert len(ours(scene, "br-int")) == 1 and ours(scene, "br-new") == []


def test_r13_old_bridge_with_a_foreign_port_stays(scene: Scene) -> None:
    """Without tunnels, and without flows of vtepd."""
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    hv1.vsctl("add-port", "br-int", "foreign", "--", "set", "interface",
              "foreign", "type=internal")
    hv1.ofctl("add-flow", "br-int", "cookie=0x123,table=5,actions=drop")
    scene.settings(scene.agents["hv1"], bridge="br-new")
    wait_until(lambda: hv1.vsctl("br-exists", "br-new") == "",
               "br-new is there")
    a.unplug()
    a.plug(hv1, bridge="br-new")
    scene.connect(a, b)
    assert hv1.vsctl("list-ports", "br-int").split() == ["foreign"]
    wait_until(lambda: hv1.flows(), "no flow of vtepd on br-int",
               until=lambda flows: not [line for line in flows
                                        if "cookie=0x76746570" in line])
    assert hv1.groups() == [] and hv1.table_names() == []
    hv1.vsctl("del-port", "foreign")
    scene.settings(scene.agents["hv1"], bridge="br-int")
    a.unplug()
    a.plug(hv1)
    scene.connect(a, b)


def test_r29_port_gets_its_number_late(scene: Scene) -> None:
    """The Interface row is there before the device is: no OpenFlow port, and
    no failure; it is served as soon as there is one."""
    a, b = scene.pair()
    hv2 = scene.hv["hv2"]
    late = scene.vm("late", "blue", "hv2", plug=False)
    late.add_port(hv2)
    wait_until(lambda: hv2.rows("Interface", f"name={late.port}"),
               "the row has an error, and no number",
               until=lambda rows: rows[0]["error"] and rows[0]["ofport"] == -1)
    scene.pass_lists("hv2")
    assert not late.is_installed()
    assert a.ping(b.ipv4, count=3).received == 3
    late.link(hv2)
    wait_until(lambda: hv2.ofport(late.port), "it has an OpenFlow port")
    scene.connect(a, b, late)


def test_r30_port_number_changes(scene: Scene) -> None:
    """Flows follow at once, port security too, and nothing is left on the
    old number."""
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    old = hv1.ofport(a.port)
    for number in (301, 302):
        hv1.vsctl("set", "interface", a.port, f"ofport_request={number}")
        wait_until(lambda: hv1.ofport(a.port), f"a is port {number}",
                   until=lambda now: now == number)
        scene.connect(a, b)
        wait_until(lambda: [line for line in hv1.flows() if re.search(
                       rf"\b(in_port=|output:){old}\b", line)],
                   f"nothing is left of port {old}",
                   until=lambda lines: not lines)
        spoof = echo(a, b, src="10.0.0.99")
        assert arrived(a, [spoof], b) == []
        assert scene.wait_peers("hv1", "hv2")
        old = number


def test_r30_two_ports_swap_numbers(scene: Scene) -> None:
    a, b = scene.pair()
    c = scene.vm("c", "blue", "hv1")
    scene.connect(a, b, c)
    hv1 = scene.hv["hv1"]
    first, second = hv1.ofport(a.port), hv1.ofport(c.port)
    hv1.vsctl("set", "interface", a.port, f"ofport_request={second}", "--",
              "set", "interface", c.port, f"ofport_request={first}")
    wait_until(lambda: (hv1.ofport(a.port), hv1.ofport(c.port)),
               "the numbers are swapped",
               until=lambda now: now == (second, first))
    scene.connect(a, b, c)
    assert arrived(a, [echo(a, b, src=c.ipv4)], b) == []


def test_plugged_twice(scene: Scene) -> None:
    """Two ports with one endpoint's id: reported, one serves it; the other
    takes over when the first goes."""
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    offset = scene.agents["hv1"].log_size()
    hv1.vsctl("add-port", "br-int", "zz-twin", "--", "set", "interface",
              "zz-twin", "type=internal", f"external_ids:iface-id={a.name}",
              f'external_ids:attached-mac="{a.mac}"')
    wait_until(lambda: hv1.ofport("zz-twin"), "the twin is there")
    scene.agents["hv1"].wait_logged("plugged 2 times", offset)
    assert a.ping(b.ipv4, count=3).received == 3
    installed = ("external_ids:vtepd-installed=true",)
    assert [row["name"] for row in hv1.rows("Interface", *installed)] \
        == [a.port]
    a.unplug()
    wait_until(lambda: [row["name"] for row in hv1.rows("Interface",
                                                        *installed)],
               "the twin is served", until=lambda names: names == ["zz-twin"])
    hv1.vsctl("del-port", "zz-twin")
    a.plug(hv1)
    scene.connect(a, b)


def test_r46_what_went_while_vtepd_was_down(scene: Scene) -> None:
    """Ports, groups and flows of what is gone meanwhile are removed at the
    next start; the rest is not touched."""
    a, b = scene.pair()
    before = scene.settle("hv1")
    c = scene.vm("c", "blue", "hv1", port_security=False)
    scene.segment("red", 78, broadcast="replicate",
                  unknown_unicast="replicate")
    d = scene.vm("d", "red", "hv1", ips=["10.0.0.9", "fd00::9"])
    scene.cloud.put(cloud.host("far", "192.0.2.66", "gre"))
    scene.remote("x", "red", "far")
    scene.connect(a, b, c)
    scene.wait_peers("hv1", "far", "hv2")
    scene.agents["hv1"].stop()
    for vm in (c, d):
        vm.unplug()
        scene.cloud.delete("endpoint", vm.name)
    scene.cloud.delete("host", "far")
    with a.pinging(b.ipv4) as finish:
        scene.agents["hv1"].start()
        scene.wait_state("hv1", before)
        # The switch itself may lose what it has in hand when a port goes.
        assert finish().lost <= 1


def test_r71_switch_without_vtepd(scene: Scene) -> None:
    """Without vtepd the switch goes on as it is, and floods nothing."""
    a, b = scene.pair()
    scene.agents["hv1"].stop()
    try:
        assert a.ping(b.ipv4, count=10).received == 10
        scene.hv["hv1"].ofctl("del-flows", "br-int")
        with scene.lab.capture() as wire:
            assert a.ping(b.ipv4, count=3, wait=0.2).received == 0
        assert not wire.select(src="hv1"), wire
    finally:
        scene.agents["hv1"].start()
    scene.connect(a, b)
