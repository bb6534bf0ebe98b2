# SPDX-License-Identifier: Apache-2.0
"""BFD on the tunnels, as Open vSwitch runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from explaining import wait_cause, wait_passes
from lab.hypervisor import UNDERLAY_BRIDGE
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

# Drop causes, as in the flows' cookies.
UNKNOWN_VNI, CONTROL_FRAME, NOT_LOCAL = 0x02, 0x0e, 0x13


def bfd(scene: Scene, host: str = "hv1") -> dict:
    """The host's tunnel, of which there is one, as vtepd/tunnels shows it."""
    tunnel, = scene.agents[host].show("tunnels")
    return tunnel


def wait_bfd(scene: Scene, state: str, *hosts: str) -> None:
    for host in hosts or ("hv1", "hv2"):
        wait_until(lambda: bfd(scene, host)["bfd"], f"BFD of {host} is"
                   f" {state}", 30, until=lambda now: now == state)


def drops(scene: Scene, host: str) -> dict[int, int]:
    """Packets dropped, by cause."""
    counts: dict[int, int] = {}
    for line in scene.hv[host].ofctl("dump-flows", "br-int").splitlines():
        if line.endswith("actions=drop"):
            cookie = int(line.partition("cookie=")[2].partition(",")[0], 16)
            packets = int(line.partition("n_packets=")[2].partition(",")[0])
            counts[cookie & 0xff] = counts.get(cookie & 0xff, 0) + packets
    return {cause: n for cause, n in counts.items() if n}


@contextlib.contextmanager
def cut(scene: Scene, host: str) -> Iterator[None]:
    """The host is cut off from the fabric, in both directions."""
    fabric = scene.lab.fabric
    fabric.ip(f"link set {host} down")
    try:
        yield
    finally:
        fabric.ip(f"link set {host} up")


@contextlib.contextmanager
def deaf(scene: Scene, host: str, source: str) -> Iterator[None]:
    """The host's underlay drops what comes from the other host."""
    hypervisor = scene.hv[host]
    match = f"ip,nw_src={scene.hv[source].ipv4}"
    hypervisor.ofctl("add-flow", UNDERLAY_BRIDGE,
                     f"priority=1000,{match},actions=drop")
    try:
        yield
    finally:
        hypervisor.ofctl("del-flows", UNDERLAY_BRIDGE, match)


@pytest.fixture
def pair(scene: Scene) -> tuple[Vm, Vm]:
    """a and b, with BFD up on both hosts' tunnels."""
    scene.settings(bfd="true")
    vms = scene.pair()
    wait_bfd(scene, "up")
    return vms


@pytest.mark.parametrize("key", ["flow", "segment"])
@pytest.mark.parametrize("encap", ["vxlan", "gre", "geneve"])
def test_comes_up_and_is_switched_off(scene: Scene, encap: str, key: str
                                      ) -> None:
    """At run time, without losing a packet."""
    scene.settings(tunnel_key=key)
    a, b = scene.pair(encap=encap)
    assert bfd(scene)["bfd"] is None
    with a.pinging(b.ipv4) as finish:
        scene.settings(bfd="true")
        wait_bfd(scene, "up")
        tunnel = bfd(scene)
        assert tunnel["bfd_remote"] == "up"
        assert tunnel["bfd_since_seconds_ago"] < 30
        scene.settings(bfd="false")
        for host in ("hv1", "hv2"):
            wait_until(lambda: bfd(scene, host)["bfd"] is None, "it is off")
        assert finish().lost == 0


@pytest.mark.parametrize("key", ["flow", "segment"])
@pytest.mark.parametrize("encap", ["vxlan", "gre", "geneve"])
def test_one_side_only(scene: Scene, encap: str, key: str) -> None:
    scene.settings(tunnel_key=key)
    a, b = scene.pair(encap=encap)
    before = drops(scene, "hv2")
    with a.pinging(b.ipv4) as finish:
        scene.settings(scene.agents["hv1"], bfd="true")
        wait_bfd(scene, "down", "hv1")
        wait_until(lambda: drops(scene, "hv2").get(CONTROL_FRAME, 0)
                   - before.get(CONTROL_FRAME, 0), "BFD is dropped as such",
                   until=lambda n: n >= 3)
        assert finish().lost == 0
    after = drops(scene, "hv2")
    for cause in UNKNOWN_VNI, NOT_LOCAL:
        assert after.get(cause) == before.get(cause)


def test_link_is_cut_and_heals(scene: Scene, pair: tuple[Vm, Vm]) -> None:
    """Everything stays where it is, for there is no other way."""
    a, b = pair
    agent = scene.agents["hv1"]
    before, offset = scene.state("hv1"), agent.log_size()
    wait_passes(scene, "a", "b")
    with cut(scene, "hv2"):
        wait_bfd(scene, "down")
        tunnel = bfd(scene)
        assert tunnel["bfd_diagnostic"] == "Control Detection Time Expired"
        assert tunnel["bfd_since_seconds_ago"] < 15
        line = agent.wait_logged("peer hv2: BFD on tunnel", offset)
        assert "is down: the peer is no longer heard" in line
        assert not a.reaches(b.ipv4)
        for host, names in (("hv1", ("a", "b")), ("hv2", ("b", "a"))):
            line = wait_cause(scene, "bfd-down", *names, host=host)
            assert line.startswith('It stops at step "BFD":')
            assert "See whether that host is up" in line
        assert "BFD" in wait_cause(scene, "bfd-down", "hv2")
        assert "down for" in agent.command("vtepd/tunnels")
        assert agent.show("status")["here"]["bfd_not_up"] == 1
    wait_bfd(scene, "up")
    assert "peer hv2" in agent.wait_logged("is up, after", offset)
    a.wait_reaches(b.ipv4)
    wait_passes(scene, "a", "b")
    scene.wait_state("hv1", before)


def test_one_direction_is_cut(scene: Scene, pair: tuple[Vm, Vm]) -> None:
    """Each host knows which."""
    with deaf(scene, "hv2", "hv1"):
        wait_bfd(scene, "down", "hv2")
        wait_bfd(scene, "init", "hv1")
        assert bfd(scene)["bfd_diagnostic"] \
            == "Neighbor Signaled Session Down"
        assert "does not hear this host" in wait_cause(scene, "bfd-down", "a",
                                                       "b")
        line = wait_cause(scene, "bfd-down", "b", "a", host="hv2")
        assert "no longer heard" in line
    wait_bfd(scene, "up")


def test_peer_switches_it_off(scene: Scene, pair: tuple[Vm, Vm]) -> None:
    """Down, and not a packet is lost."""
    a, b = pair
    with a.pinging(b.ipv4) as finish:
        scene.settings(scene.agents["hv2"], bfd="false")
        wait_bfd(scene, "down", "hv1")
        scene.agents["hv1"].wait_logged("is down: the peer is no longer heard")
        wait_passes(scene, "a", "b")
        assert finish().lost == 0


def test_explained_where_the_peer_has_none(scene: Scene) -> None:
    """Down, but what comes in shows that the tunnel works."""
    a, b = scene.pair()
    scene.settings(scene.agents["hv1"], bfd="true")
    wait_bfd(scene, "down", "hv1")
    agent = scene.agents["hv1"]
    agent.wait_logged("has not come up in 10 s: the peer has never answered")
    line = wait_cause(scene, "bfd-down", "a", "b")
    assert "It is not known" in line and "has BFD on too" in line
    a.wait_reaches(b.ipv4)
    wait_passes(scene, "a", "b")
    assert "see whether BFD is on" in agent.command("vtepd/explain", "a", "b")
