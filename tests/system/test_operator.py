# SPDX-License-Identifier: Apache-2.0
"""What an operator sees with Open vSwitch's own tools and with vtepd's."""

from __future__ import annotations

import re

import pytest
from lab import cloud
from lab.processes import CommandError, wait_until
from scene import Scene

HYPERVISORS = 2

TABLES = {"classify", "tunnel_in", "port_security", "arp_nd", "arp_reply",
          "nd_reply", "forward", "replicate", "deliver"}


def test_tunnel_port_tells_its_peer(scene: Scene) -> None:
    scene.pair()
    hv1, hv2 = scene.hv["hv1"], scene.hv["hv2"]
    row, = scene.wait_peers("hv1", "hv2")
    assert re.fullmatch(r"vx-[0-9a-f]{1,12}", row["name"])
    assert row["type"] == "vxlan"
    assert row["options"] == {"remote_ip": hv2.ipv4, "local_ip": hv1.ipv4,
                              "key": "flow"}
    assert row["external_ids"]["vtepd-owner"] == "hv1"
    assert row["external_ids"]["vtepd-peer"] == "hv2"
    assert row["error"] == []
    assert row["ofport"] >= 32768
    port, = hv1.rows("Port", f"name={row['name']}")
    for key in ("vtepd-owner", "vtepd-peer"):
        assert port["external_ids"][key] == row["external_ids"][key]
    group = int(row["external_ids"]["vtepd-group"])
    assert any(re.match(rf"group_id={group},type=indirect,", line)
               for line in hv1.groups())
    text = hv1.vsctl("show")
    assert row["name"] in text and hv2.ipv4 in text
    text = hv1.vsctl("list", "interface", row["name"])
    assert 'vtepd-peer=hv2' in text.replace('"', "")


def test_segment_port_tells_its_segment(scene: Scene) -> None:
    scene.settings(tunnel_key="segment", encap_type="gre")
    scene.cloud.put(*scene.lab.host_objects("gre"))
    scene.pair()
    row, = scene.wait_peers("hv1", "hv2")
    assert row["name"].startswith("gr-")
    assert row["type"] == "gre"
    assert row["options"]["key"] == "77"
    assert row["external_ids"]["vtepd-segment"] == "blue"
    port, = scene.hv["hv1"].rows("Port", f"name={row['name']}")
    assert port["external_ids"]["vtepd-segment"] == "blue"


def test_flow_tables_have_names(scene: Scene) -> None:
    a, b = scene.pair()
    flows = scene.hv["hv1"].flows(names=True)
    named = {match[1] for line in flows
             if (match := re.search(r'\btable="?([a-z_]+)', line))}
    assert TABLES - {"classify"} <= named
    assert not [line for line in flows if re.search(r"\btable=\d", line)]
    names = scene.hv["hv1"].rows("Flow_Table", columns="name")
    assert TABLES <= {row["name"] for row in names}
    # A segment's key can be read off.
    assert any("metadata=0x4d" in line and b.mac in line for line in flows)
    ports = [line for line in flows if a.port in line]
    assert ports, "the VM's port is in the flows, by name"


def test_drops_can_be_counted_by_cause(scene: Scene) -> None:
    """Flows that drop differ in their cookies, by cause."""
    scene.pair()
    drops = [line for line in scene.hv["hv1"].flows()
             if line.endswith("actions=drop")]
    cookies = {line.partition("cookie=")[2].partition(",")[0]
               for line in drops}
    assert len(cookies) >= 8


def test_installed_mark_comes_and_goes(scene: Scene) -> None:
    a, b = scene.pair()
    assert a.is_installed()
    scene.delete("endpoint", "a")
    wait_until(a.is_installed, "the mark is gone",
               until=lambda installed: not installed)
    scene.put(a.endpoint())
    scene.connect(a, b)


def test_transactions_say_why(scene: Scene) -> None:
    scene.pair()
    text = (scene.hv["hv1"].folder / "conf.db").read_text()
    comments = re.findall(r'"_comment":"([^"]*)"', text)
    assert any("vtepd" in comment for comment in comments)
    assert any("hv2" in comment for comment in comments), comments


def test_commands(scene: Scene) -> None:
    """Each for people and as JSON."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    for what, words in {
            "status": [scene.cloud.url, "hv1", "encap-ip", "br-int"],
            "hosts": ["hv1", "hv2", "far-away", scene.hv["hv2"].ipv4],
            "segments": ["blue", "77", "anchor"],
            "endpoints": ["a", "b", "anchor", a.mac, b.mac, "blue", "hv2",
                          b.ipv4],
            "tunnels": ["hv2", scene.hv["hv2"].ipv4, "vxlan",
                        scene.hv["hv1"].tunnels()[0]["name"]]}.items():
        text = agent.command(f"vtepd/{what}")
        assert [word for word in words if word not in text] == [], text
        value = agent.show(what)
        assert value, what
    of_blue = agent.command("vtepd/endpoints", "blue")
    assert b.mac in of_blue and "anchor" not in of_blue
    agent.command("vtepd/resync")


def test_status_says_where_settings_come_from(scene: Scene) -> None:
    agent = scene.agents["hv1"]
    text = agent.command("vtepd/status")
    line = next(line for line in text.splitlines() if "linger" in line)
    assert "external_ids" in line or "Open_vSwitch" in line, line
    offset = agent.log_size()
    scene.settings(agent, linger="soon")
    agent.wait_logged("soon", offset)
    text = agent.command("vtepd/status")
    line = next(line for line in text.splitlines() if "linger" in line)
    assert " 0" in line, "the last good value stays"


@pytest.mark.parametrize("arguments, answer", [
    (["vtepd/tunnels", "yaml"],
     'unknown argument "yaml"; usage: vtepd/tunnels [json]'),
    (["vtepd/status", "more", "json"],
     'unknown argument "more"; usage: vtepd/status [json]'),
    (["vtepd/status", "a", "b", "c"],
     'unknown argument "a"; usage: vtepd/status [json]'),
    (["vtepd/endpoints", "blue", "extra"],
     'unknown argument "extra"; usage: vtepd/endpoints [SEGMENT] [json]'),
    (["vtepd/resync", "now"], 'unknown argument "now"; usage: vtepd/resync'),
    (["vtepd/endpoints", "no-such-segment"],
     'there is no segment "no-such-segment" in the inventory'),
])
def test_commands_reject_what_they_do_not_know(
        scene: Scene, arguments: list[str], answer: str) -> None:
    with pytest.raises(CommandError) as refusal:
        scene.agents["hv1"].command(*arguments)
    assert answer in refusal.value.output


def test_remote_object_of_a_later_version(scene: Scene) -> None:
    """Kinds and members that this vtepd does not know disturb nothing."""
    a, b = scene.pair()
    scene.put({**cloud.segment("blue", 77), "colour": "#0000ff"},
              {**b.endpoint(), "trunk": {"of": ["x"]}})
    scene.pass_lists("hv1")
    assert a.ping(b.ipv4, count=3).received == 3
