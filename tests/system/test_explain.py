# SPDX-License-Identifier: Apache-2.0
"""vtepd/explain names the true cause in its last line, and says "passes" when
it passes."""

from __future__ import annotations

import pytest
from explaining import explain, wait_cause, wait_passes
from lab import cloud
from lab.hypervisor import INTEGRATION_BRIDGE
from lab.processes import CommandError, wait_until
from lab.vm import Vm
from scene import Scene


def interface(scene: Scene, endpoint: str) -> str:
    return next(e["interface"] for e in scene.agents["hv1"].show("endpoints")
                if e["id"] == endpoint)


# It passes.

@pytest.mark.parametrize("names", ["ids", "macs", "ipv4", "ipv6"])
def test_passes_by_any_name(scene: Scene, names: str) -> None:
    a, b = scene.pair()
    pair = {"ids": ("a", "b"), "macs": (a.mac, b.mac),
            "ipv4": (a.ipv4, b.ipv4), "ipv6": (a.ipv6, b.ipv6)}[names]
    for host, way in (("hv1", "leaves this host by"), ("hv2", "comes in by")):
        line = explain(scene, *pair, host=host)
        assert line.startswith("It passes:") and way in line
        assert scene.agents[host].show_explanation(*pair)["verdict"] \
            == "passes"


@pytest.mark.parametrize("key", ["flow", "segment"])
@pytest.mark.parametrize("encap", ["vxlan", "gre", "geneve"])
def test_passes_whatever_the_tunnel(scene: Scene, encap: str, key: str
                                    ) -> None:
    scene.settings(tunnel_key=key)
    scene.pair(encap=encap)
    for host in ("hv1", "hv2"):
        assert explain(scene, "a", "b", host=host).startswith("It passes:")
        assert explain(scene, "b", "a", host=host).startswith("It passes:")


def test_passes_on_one_host(scene: Scene) -> None:
    scene.segment("blue", 77)
    scene.connect(scene.vm("a", "blue", "hv1"), scene.vm("b", "blue", "hv1"))
    assert explain(scene, "a", "b") == (
        'It passes: a packet from "a" to "b" stays on this host.')


def test_one_address_in_two_segments(scene: Scene) -> None:
    """Whose it is follows from the other end, or else is asked."""
    a, b = scene.pair()
    scene.segment("red", 78)
    scene.ready(scene.vm("c", "red", "hv1", ips=[b.ipv4]))
    assert explain(scene, "a", b.ipv4).startswith("It passes:")
    with pytest.raises(CommandError, match="ambiguous"):
        explain(scene, b.ipv4, "nobody")


# The inventory.

def test_unknown_endpoint(scene: Scene) -> None:
    scene.pair()
    assert '"nobody"' in wait_cause(scene, "unknown-endpoint", "a", "nobody")
    assert '"10.9.9.9"' in wait_cause(scene, "unknown-endpoint", "a",
                                      "10.9.9.9")


def test_inventory_is_stale(scene: Scene) -> None:
    scene.pair()
    scene.cloud.inject(status=500, count=1000)
    scene.end_watches()
    scene.remote("late", "blue", "hv2")
    scene.lab.resync()
    assert "500" in wait_cause(scene, "inventory-stale", "a", "late")


def test_unknown_segment(scene: Scene) -> None:
    a, _ = scene.pair()
    scene.put(a.endpoint(host="hv1") | {"segment": "typo"})
    assert '"typo"' in wait_cause(scene, "unknown-segment", "a", "b")


def test_unknown_host(scene: Scene) -> None:
    _, b = scene.pair()
    scene.put(b.endpoint(host="hv9"))
    assert '"hv9"' in wait_cause(scene, "unknown-host", "a", "b")


def test_vni_is_taken(scene: Scene) -> None:
    scene.pair()
    scene.put(cloud.segment("azure", 77))
    line = wait_cause(scene, "vni-taken", "a", "b")
    assert '"blue"' in line and '"azure"' in line


def test_mac_is_taken(scene: Scene) -> None:
    _, b = scene.pair()
    scene.put(cloud.endpoint("anew", "blue", "far-away", b.mac, ["10.0.0.99"]))
    line = wait_cause(scene, "mac-taken", "a", "b")
    assert '"anew"' in line


def test_address_is_taken(scene: Scene) -> None:
    """It can be neither spoken to nor sent from."""
    _, b = scene.pair()
    scene.vm("z", "blue", "hv2", ips=[b.ipv4])
    scene.ready()
    for names in ("a", "z"), ("z", "a"):
        line = wait_cause(scene, "ip-taken", *names)
        assert b.ipv4 in line and '"b"' in line
    assert explain(scene, "a", "b").startswith("It passes:")


def test_one_address_of_several_is_taken(scene: Scene) -> None:
    """What is left over must do, family by family."""
    _, b = scene.pair()
    z = scene.vm("z", "blue", "hv2", ips=[b.ipv4, "10.0.0.77", "fd00::77"])
    scene.ready()
    wait_passes(scene, "a", "z")
    scene.put(z.endpoint(host="hv2") | {"ips": [b.ipv4, "fd00::77"]})
    assert b.ipv4 in wait_cause(scene, "ip-taken", "a", "z")


def test_different_segments(scene: Scene) -> None:
    scene.pair()
    scene.segment("red", 78)
    scene.ready(scene.vm("c", "red", "hv2"))
    assert '"red"' in wait_cause(scene, "different-segments", "a", "c")


def test_held_deletion(scene: Scene) -> None:
    """An endpoint that the cloud has deleted and that is kept has the MAC of
    the one that is to take its place."""
    a, b = scene.pair()
    scene.settings(max_delete="20", hold="0")
    for number in range(12):    # Too many to lose at a time.
        scene.remote(f"other-{number}", "blue", "hv2")
    scene.end_watches()
    scene.pass_lists("hv1")
    scene.cloud.replace(*scene.lab.host_objects(), cloud.segment("blue", 77),
                        a.endpoint(host="hv1"),
                        b.endpoint(host="hv2") | {"id": "b2"})
    scene.lab.resync()
    assert "approve-deletions" in wait_cause(scene, "held-deletion", "a",
                                             "b2")
    scene.agents["hv1"].command("vtepd/approve-deletions")


# Where it is plugged in.

def test_unplugged(scene: Scene) -> None:
    a, _ = scene.pair()
    a.unplug()
    assert "external_ids:iface-id=a" in wait_cause(scene, "not-plugged", "a",
                                                   "b")


def test_wrong_iface_id(scene: Scene) -> None:
    a, _ = scene.pair()
    port = interface(scene, "a")
    scene.hv["hv1"].vsctl("set", "interface", port,
                          "external_ids:iface-id=A")
    line = wait_cause(scene, "not-plugged", "a", "b")
    assert f'interface {port} has iface-id "A"' in line
    scene.hv["hv1"].vsctl("set", "interface", port,
                          "external_ids:iface-id=a")
    scene.ready(a)


@pytest.mark.parametrize("key, value, cause", [
    ("iface-status", "inactive", "inactive"),
    ("attached-mac", "02:00:00:00:77:77", "attached-mac")])
def test_interface_says_otherwise(scene: Scene, key: str, value: str,
                                  cause: str) -> None:
    scene.pair()
    port = interface(scene, "a")
    scene.hv["hv1"].set_external_ids("interface", port, **{key: value})
    assert port in wait_cause(scene, cause, "a", "b")


def test_no_ofport(scene: Scene) -> None:
    a, _ = scene.pair()
    a.unplug()
    scene.hv["hv1"].vsctl("add-port", INTEGRATION_BRIDGE, "missing0", "--",
                          "set", "interface", "missing0",
                          "external_ids:iface-id=a")
    assert "missing0" in wait_cause(scene, "no-ofport", "a", "b")
    scene.hv["hv1"].vsctl("del-port", "missing0")


def test_placed_elsewhere(scene: Scene) -> None:
    a, _ = scene.pair()
    scene.put(a.endpoint(host="far-away"))
    assert '"far-away"' in wait_cause(scene, "placed-elsewhere", "a", "b")


def test_not_here(scene: Scene) -> None:
    scene.pair()
    scene.remote("c", "blue", "hv2")
    scene.lab.resync()
    assert '"hv2"' in wait_cause(scene, "not-here", "c", "b")


# The VM.

def test_other_mac_inside_the_vm(scene: Scene) -> None:
    a, b = scene.pair()
    change(scene, a, "link set eth0 address 02:00:00:00:99:99")
    assert not a.reaches(b.ipv4)
    assert a.mac in wait_cause(scene, "other-mac", "a", "b")


def test_other_address_inside_the_vm(scene: Scene) -> None:
    a, b = scene.pair()
    change(scene, a, "addr flush dev eth0", "addr add 10.0.0.66/24 dev eth0")
    assert not a.reaches(b.ipv4)
    assert "10.0.0.1" in wait_cause(scene, "other-address", "a", "b")


def change(scene: Scene, vm: Vm, *commands: str) -> None:
    """In the VM.  What it sent before, as it should, is no longer counted."""
    vm.namespace.ip(*commands)
    agent = scene.agents["hv1"]
    agent.stop()
    scene.hv["hv1"].ofctl("del-flows", INTEGRATION_BRIDGE)
    agent.start()
    scene.ready(vm)


# The tunnel.

def test_no_common_encapsulation(scene: Scene) -> None:
    scene.pair()
    scene.put(cloud.host("hv1", scene.hv["hv1"].ipv4, "vxlan"),
              cloud.host("hv2", scene.hv["hv2"].ipv4, "gre"))
    assert "no encapsulation that both" in wait_cause(
        scene, "no-common-encapsulation", "a", "b")


def test_ipv4_here_and_ipv6_there(scene: Scene) -> None:
    scene.pair()
    scene.put(cloud.host("hv1", scene.hv["hv1"].ipv4),
              cloud.host("hv2", scene.hv["hv2"].ipv6))
    assert "IPv6" in wait_cause(scene, "no-common-encapsulation", "a", "b")


def test_two_hosts_with_one_address(scene: Scene) -> None:
    scene.pair()
    scene.put(cloud.host("another", scene.hv["hv2"].addresses))
    assert '"another"' in wait_cause(scene, "address-taken", "a", "b")


def test_udp_port_is_taken(scene: Scene) -> None:
    here, there = scene.hv["hv1"], scene.hv["hv2"]
    here.create_bridge("br-other")
    here.vsctl("add-port", "br-other", "other", "--", "set", "interface",
               "other", "type=vxlan", f"options:remote_ip={there.ipv4}",
               f"options:local_ip={here.ipv4}", "options:key=flow")
    wait_until(lambda: here.ofport("other"), "the other tunnel is there")
    scene.segment("blue", 77, encap="vxlan")
    scene.ready(scene.vm("a", "blue", "hv1"), scene.vm("b", "blue", "hv2"))
    assert "exists" in wait_cause(scene, "tunnel-error", "a", "b")
    here.vsctl("del-br", "br-other")


def test_own_address_is_not_configured(scene: Scene) -> None:
    scene.pair()
    missing = "192.0.2.112"
    scene.settings(scene.agents["hv1"], encap_ip=missing)
    scene.put(cloud.host("hv1", missing))
    assert missing in wait_cause(scene, "own-address-missing", "a", "b")


def test_no_route_to_the_peer(scene: Scene) -> None:
    scene.pair()
    scene.remote("x", "blue", "far-away")
    assert "ip route get" in wait_cause(scene, "no-route", "a", "x")


def test_peer_is_not_on_the_network(scene: Scene) -> None:
    scene.pair()
    scene.cloud.put(cloud.host("quiet", "192.0.2.77"))
    scene.remote("x", "blue", "quiet")
    line = wait_cause(scene, "underlay-neighbor", "a", "x")
    assert "192.0.2.77" in line and "ARP" in line


def test_mtu_is_too_large(scene: Scene) -> None:
    scene.pair(mtu=1500)
    assert "1450 bytes" in wait_cause(scene, "mtu", "a", "b")


def test_peer_without_vtepd(scene: Scene) -> None:
    """Nothing comes back."""
    scene.segment("blue", 77)
    scene.agents["hv2"].stop()
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.ready(a)
    scene.hv["hv1"].know_neighbours()
    scene.wait_peers("hv1", "hv2")
    assert not a.reaches(b.ipv4)
    line = wait_cause(scene, "peer-silent", "a", "b")
    assert "whether vtepd runs there" in line
    scene.agents["hv2"].start()


# vtepd and the switch.

def test_database_is_away(scene: Scene) -> None:
    scene.pair()
    scene.hv["hv1"].stop_database()
    assert "database" in wait_cause(scene, "not-synced", "a", "b")
    scene.hv["hv1"].start_database()
    wait_passes(scene, "a", "b")


def test_switch_is_away(scene: Scene) -> None:
    scene.pair()
    scene.hv["hv1"].stop_switch()
    assert "the flow table of bridge" in wait_cause(scene, "not-synced", "a",
                                                    "b")
    scene.hv["hv1"].start_switch()
    wait_passes(scene, "a", "b")


def fight(scene: Scene, cause: str, *command: str) -> str:
    """Somebody does it again and again, until its repair is put off so long
    that it is seen; the conclusion then, once the repair is asked for."""
    agent = scene.agents["hv1"]

    def explained() -> dict:
        scene.hv["hv1"].ofctl(*command)
        return agent.show_explanation("a", "b")

    conclusion = wait_until(
        explained, f"{cause} is seen", 30,
        until=lambda x: x["cause"] == cause
        and "again and again" in x["conclusion"])["conclusion"]
    agent.resync()
    wait_passes(scene, "a", "b")
    return conclusion


def test_flow_is_missing(scene: Scene) -> None:
    _, b = scene.pair()
    assert b.mac in fight(
        scene, "flow-missing", "--strict", "del-flows", INTEGRATION_BRIDGE,
        f"table=40,priority=100,metadata=0x4d,dl_dst={b.mac}")


def test_flow_is_changed(scene: Scene) -> None:
    _, b = scene.pair()
    assert "a changed form of" in fight(
        scene, "flow-missing", "--strict", "mod-flows", INTEGRATION_BRIDGE,
        f"table=40,priority=100,metadata=0x4d,dl_dst={b.mac},actions=drop")


def test_group_is_missing(scene: Scene) -> None:
    scene.pair()
    assert "group 1" in fight(scene, "group-missing", "del-groups",
                              INTEGRATION_BRIDGE, "group_id=1")


# Hosts.

def test_host_explained(scene: Scene) -> None:
    scene.pair()
    assert "There is a tunnel" in explain(scene, "hv2")
    assert "none is needed" in explain(scene, "far-away")
    assert "this host" in explain(scene, "hv1")
    assert "unknown-host" == scene.agents["hv1"].show_explanation(
        "hv99")["cause"]


def test_host_that_lingers(scene: Scene) -> None:
    scene.settings(linger="600")
    _, b = scene.pair()
    scene.delete("endpoint", "b")
    assert "not needed any more" in wait_cause(scene, "not-needed", "hv2")
    scene.settings(linger="0")
    scene.put(b.endpoint(host="hv2"))
    wait_passes(scene, "a", "b")


def test_host_without_a_way(scene: Scene) -> None:
    scene.pair()
    scene.put(cloud.host("hv2", scene.hv["hv2"].ipv6, "gre"),
              cloud.host("hv1", scene.hv["hv1"].ipv4, "vxlan"))
    assert "no encapsulation that both" in wait_cause(
        scene, "no-common-encapsulation", "hv2")


def test_bad_usage(scene: Scene) -> None:
    agent = scene.agents["hv1"]
    with pytest.raises(CommandError, match="usage: vtepd/explain FROM TO"):
        agent.command("vtepd/explain")
    with pytest.raises(CommandError, match="unknown argument"):
        agent.command("vtepd/explain", "a", "b", "c")
