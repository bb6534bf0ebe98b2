# SPDX-License-Identifier: Apache-2.0
"""What somebody changes by hand in the rows that vtepd owns is put right at
once, counted and told; what others own is left alone."""

from __future__ import annotations

import pytest
from lab.processes import wait_until
from scene import Scene

HYPERVISORS = 2

# "ovs-vsctl EDIT", {} being hv1's tunnel port, and what the log says of it.
TUNNEL_EDITS = [
    ("set interface {} type=gre", 'type from "vxlan" to "gre"'),
    ("set interface {} options:remote_ip=203.0.113.9",
     'to "203.0.113.9"'),
    ("set interface {} options:key=5", 'options:key from "flow" to "5"'),
    ("clear interface {} external_ids", "external_ids:vtepd-owner from"),
    ("set interface {} ofport_request=301", ""),
    ("del-port {}", "deleted it"),
    ("add-br other -- set bridge other datapath_type=netdev "
     "-- --id=@p get port {} -- remove bridge br-int ports @p "
     "-- add bridge other ports @p", "moved it to bridge other"),
]


@pytest.mark.parametrize("edit,said", TUNNEL_EDITS)
def test_tunnel_is_repaired(scene: Scene, edit: str, said: str) -> None:
    """Also a number that somebody gives to a tunnel's port is followed; that
    column is not vtepd's alone."""
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    row, = scene.wait_peers("hv1", "hv2")
    offset = agent.log_size()
    before = agent.show("status")["ovsdb"]["repaired"]
    hv1.vsctl(*edit.format(row["name"]).split())
    if said:
        wait_until(lambda: agent.show("status")["ovsdb"]["repaired"],
                   "the repair is counted", until=lambda n: n == before + 1)
        assert said in agent.wait_logged("repaired tunnel", offset)
    scene.connect(a, b)
    again, = scene.wait_peers("hv1", "hv2")
    for column in ("name", "type", "options", "external_ids"):
        assert again[column] == row[column]
    assert row["name"] in hv1.vsctl("list-ports", "br-int").split()
    hv1.vsctl("--if-exists", "del-br", "other")


def test_bridge_is_repaired(scene: Scene) -> None:
    """What it does without flows, and the names of its tables."""
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    names = hv1.table_names()
    for edit in ("set-fail-mode br-int standalone",
                 "clear bridge br-int flow_tables"):
        before = agent.show("status")["ovsdb"]["repaired"]
        hv1.vsctl(*edit.split())
        wait_until(lambda: agent.show("status")["ovsdb"]["repaired"],
                   f"{edit}: is counted", until=lambda n: n == before + 1)
    assert hv1.vsctl("get-fail-mode", "br-int").strip() == "secure"
    assert hv1.table_names() == names
    # Open vSwitch forgets all flows when fail_mode changes.
    scene.connect(a, b)


def test_mark_is_repaired(scene: Scene) -> None:
    a, _ = scene.pair()
    for edit in (("remove", "interface", a.port, "external_ids",
                  "vtepd-installed"),
                 ("set", "interface", a.port,
                  "external_ids:vtepd-installed=no")):
        scene.hv["hv1"].vsctl(*edit)
        wait_until(a.is_installed, f"{edit}: is put right")


def test_fight_is_given_up_for_a_while(scene: Scene) -> None:
    """Who changes a row again and again is reported, and gets his way for a
    moment; everything else goes on."""
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    row, = scene.wait_peers("hv1", "hv2")

    def repaired() -> int:
        return agent.show("status")["ovsdb"]["repaired"]

    while not agent.show("status")["ovsdb"]["fights"]:
        before = repaired()
        hv1.vsctl("set", "interface", row["name"], "options:key=5")
        wait_until(repaired, "it is repaired", until=lambda n: n > before)
    fight, = agent.show("status")["ovsdb"]["fights"]
    assert row["name"] in fight and "hv2" in fight
    assert "changes it again and again" in agent.command("vtepd/status")
    c = scene.vm("c", "blue", "hv1")
    hv1.vsctl("set", "interface", row["name"], "options:key=5")
    scene.connect(a, c)
    # When the pause is over it is repaired once more.
    scene.connect(a, b, c)


def test_foreign_rows_are_left_alone(scene: Scene) -> None:
    """Neither other bridges nor other ports of ours."""
    scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    scene.settle("hv1")
    n = agent.show("status")["ovsdb"]["committed"]
    hv1.vsctl("add-br", "other", "--", "set", "bridge", "other",
              "datapath_type=netdev", "fail_mode=standalone", "--",
              "add-port", "other", "x0", "--", "set", "interface", "x0",
              "type=gre", "options:remote_ip=203.0.113.9",
              "external_ids:vtepd-owner=somebody", "--",
              "add-port", "br-int", "x1", "--", "set", "interface", "x1",
              "type=gre", "options:remote_ip=203.0.113.10",
              "options:key=flow", "external_ids:vtepd-peer=hv2")
    hv1.vsctl("set", "interface", "x0", "options:remote_ip=203.0.113.11")
    scene.pass_lists("hv1")
    assert agent.show("status")["ovsdb"]["committed"] == n
    assert hv1.vsctl("list-ports", "other").split() == ["x0"]
    assert "x1" in hv1.vsctl("list-ports", "br-int").split()
    hv1.vsctl("del-br", "other", "--", "del-port", "x1")
