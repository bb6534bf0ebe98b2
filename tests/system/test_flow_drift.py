# SPDX-License-Identifier: Apache-2.0
"""What somebody changes by hand in the flow and group tables is put right at
once, counted and told; other bridges are left alone; what the switch refuses
does not hold up anything else."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest
from lab.processes import wait_until
from scene import Scene

HYPERVISORS = 2

ARP_ND, FORWARD = 20, 40        # Tables.


def openflow(scene: Scene) -> dict:
    return scene.agents["hv1"].show("status")["openflow"]


def wait_repaired(scene: Scene, flows: int, groups: int) -> None:
    """Waits until so many more than in the first status were repaired."""
    wait_until(lambda: (openflow(scene)["repaired_flows"],
                        openflow(scene)["repaired_groups"]),
               "the repairs are counted",
               until=lambda now: now == (flows, groups))


# "ovs-ofctl EDIT" with the group to the peer and the MAC of a VM there; how
# many flows and groups it concerns; what the log says.
EDITS = [
    ("add-flow br-int table=0,priority=60000,actions=drop", 1, 0,
     "somebody added flow"),
    ("add-flow br-int table=200,actions=normal", 1, 0, "table=200"),
    ("del-flows br-int table=40,dl_dst={mac}", 1, 0,
     "somebody deleted flow"),
    ("mod-flows br-int table=40,dl_dst={mac},actions=drop", 1, 0,
     "somebody changed flow"),
    ("mod-group br-int group_id={group},type=indirect,bucket=actions=drop",
     0, 1, "somebody changed group {group}"),
    ("add-group br-int group_id=4711,type=all", 0, 1,
     "somebody added group 4711"),
]


@pytest.mark.parametrize("edit,flows,groups,said", EDITS)
def test_drift_is_repaired(scene: Scene, edit: str, flows: int, groups: int,
                           said: str) -> None:
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    before, counts = scene.state("hv1"), openflow(scene)
    offset = agent.log_size()
    words = {"mac": b.mac, "group": hv1.groups()[0].split("group_id=")[1]
             .split(",")[0]}
    hv1.ofctl(*edit.format(**words).split())
    wait_repaired(scene, counts["repaired_flows"] + flows,
                  counts["repaired_groups"] + groups)
    said = said.format(**words)
    agent.wait_logged(said, offset)
    assert said in openflow(scene)["last_repair"]
    scene.wait_state("hv1", before)
    # Everything else was not even looked at.
    assert "flows wanted" not in agent.log_since(offset)
    scene.connect(a, b)


def test_r38_group_is_deleted(scene: Scene) -> None:
    """And all flows that lead there go with it."""
    a, b = scene.pair()
    before = scene.state("hv1")
    for edit in ("del-groups", "del-flows"):
        scene.hv["hv1"].ofctl(edit, "br-int")
        scene.wait_state("hv1", before)
        scene.connect(a, b)


def test_other_bridges_are_left_alone(scene: Scene) -> None:
    a, b = scene.pair()
    hv1 = scene.hv["hv1"]
    hv1.vsctl("add-br", "other", "--", "set", "bridge", "other",
              "datapath_type=netdev")
    try:
        hv1.ofctl("add-flow", "other", "table=3,actions=drop")
        hv1.ofctl("add-group", "other", "group_id=1,type=all")
        counts = openflow(scene)["repaired_flows"]
        hv1.ofctl("add-flow", "br-int", "table=3,actions=drop")
        wait_until(lambda: openflow(scene)["repaired_flows"],
                   "ours is repaired", until=lambda n: n == counts + 1)
        assert len(hv1.flows("table=3", bridge="other")) == 1
        assert len(hv1.groups(bridge="other")) == 1
    finally:
        hv1.vsctl("del-br", "other")


def test_fight_is_backed_off(scene: Scene) -> None:
    """Who changes a flow again and again is reported; everything else is put
    right as ever."""
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    offset = agent.log_size()
    for _ in range(6):      # The next after some seconds only.
        n = openflow(scene)["repaired_flows"]
        hv1.ofctl("add-flow", "br-int", "table=200,actions=normal")
        wait_until(lambda: openflow(scene)["repaired_flows"],
                   "it is repaired", until=lambda now: now == n + 1)
    assert openflow(scene)["fights"] == 1
    agent.wait_logged("this is the 4th time in a row", offset)
    hv1.ofctl("add-flow", "br-int", "table=200,actions=normal")
    hv1.ofctl("add-flow", "br-int", "table=201,actions=normal")
    wait_until(lambda: openflow(scene)["repaired_flows"],
               "the other is repaired", until=lambda now: now >= n + 2)
    assert hv1.flows("table=200") and not hv1.flows("table=201")
    wait_until(lambda: hv1.flows("table=200"), "in the end the first is too",
               timeout=60, until=lambda flows: not flows)
    scene.connect(a, b)


def table_row(scene: Scene, number: int) -> str:
    """The Flow_Table row of a table of br-int."""
    row, = scene.hv["hv1"].rows("Bridge", "name=br-int",
                                columns="flow_tables")
    return dict((int(key), value)
                for key, value in row["flow_tables"].items())[number]


@contextlib.contextmanager
def full_table(scene: Scene, number: int) -> Iterator[None]:
    """No further flow finds room in a table of hv1's."""
    hv1 = scene.hv["hv1"]
    row = table_row(scene, number)
    hv1.vsctl("set", "flow_table", row,
              f"flow_limit={len(hv1.flows(f'table={number}'))}",
              "overflow_policy=refuse")
    try:
        yield
    finally:
        hv1.vsctl("clear", "flow_table", row, "flow_limit", "--", "clear",
                  "flow_table", row, "overflow_policy")


def test_what_is_refused_is_not_installed(scene: Scene) -> None:
    """A VM is marked as installed once the switch has all its flows, and only
    as long as it has."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    with full_table(scene, FORWARD):
        offset = agent.log_size()
        c = scene.vm("c", "blue", "hv1")
        agent.wait_logged("the switch refuses flow", offset)
        wait_until(lambda: openflow(scene)["refused"], "it is refused")
        scene.pass_lists("hv1", 1)
        assert not c.is_installed()
        assert a.is_installed()
    scene.ready(c)
    with full_table(scene, ARP_ND):
        scene.put(a.endpoint() | {"ips": [*a.ips, "10.0.0.77"]})
        wait_until(a.is_installed, "a's mark is taken back",
                   until=lambda installed: not installed)
        assert c.is_installed()
    scene.ready(a)
    scene.connect(a, b, c)


def test_full_table_holds_up_nothing_else(scene: Scene) -> None:
    """The flows that find no room are named, and are there once there is."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    offset = agent.log_size()
    late = r'the switch refuses flow "[^"]*table=40[^"]*" \(OFPFMFC_TABLE_FULL'
    with full_table(scene, FORWARD):
        scene.remote("late", "blue", "hv2")
        wait_until(lambda: agent.log_since(offset), "it is refused by name",
                   until=lambda text: re.search(late, text))
        assert openflow(scene)["refused"] == 1
        c = scene.vm("c", "blue", "hv2")
        scene.wait_peers("hv1", "hv2")
        assert a.ping(b.ipv4, count=3).received == 3
    wait_until(lambda: openflow(scene)["refused"], "it is taken in the end",
               until=lambda n: n == 0)
    scene.connect(a, b, c)
