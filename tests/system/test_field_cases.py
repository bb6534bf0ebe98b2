# SPDX-License-Identifier: Apache-2.0
"""Cases from the field that no other page of tests is about: see
tests/field-cases.md."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from lab import cloud, frames
from lab.agent import Agent
from lab.hypervisor import UNDERLAY_BRIDGE, UPLINK, Hypervisor
from lab.processes import wait_until
from lab.vm import RawPort, Vm
from scene import Scene, broadcast, echo

HYPERVISORS = 3


def test_r39_switch_that_hangs_is_noticed(scene: Scene) -> None:
    """Its socket is open, and nothing is answered: an echo request shows
    it."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    offset = agent.log_size()
    with scene.hv["hv1"].switch_suspended():
        scene.put(cloud.endpoint("x", "blue", "hv2", "02:dd:00:00:00:01",
                                 ["10.0.0.201"]))
        agent.wait_logged("connection lost", offset, 30)
    scene.connect(a, b)
    wait_until(scene.hv["hv1"].flows, "x has its flows",
               until=lambda flows: any("02:dd:00:00:00:01" in flow
                                       for flow in flows))


def test_r40_what_a_killed_vtepd_leaves(scene: Scene) -> None:
    """A pidfile that nobody holds is nobody's, whatever number it has; nor
    does a control socket that nobody listens on stand in the way."""
    a, b = scene.pair()
    agent, folder = scene.agents["hv1"], scene.hv["hv1"].folder
    pidfile = folder / "vtepd.pid"
    for number in (None, os.getpid()):
        killed = agent.pid
        agent.stop(signal.SIGKILL)
        assert int(pidfile.read_text()) == killed
        assert (folder / f"vtepd.{killed}.ctl").exists()
        if number:
            pidfile.write_text(f"{number}\n")
        agent.start()       # Waits until it answers by way of its pidfile.
        assert int(pidfile.read_text()) == agent.pid != killed
        assert "working" in wait_until(
            lambda: agent.command("vtepd/status"), "it works",
            until=lambda text: "working" in text)
    assert a.ping(b.ipv4, count=3).received == 3


def test_r40_stale_control_socket_of_a_fixed_name(scene: Scene) -> None:
    hv1 = scene.hv["hv1"]
    second = Agent(hv1, scene.cloud.url, {
        "host": "hv1b", "bridge": "br-two", "encap-ip": hv1.ipv4},
        name="second")
    try:
        for _ in range(2):
            second.start()
            assert "hv1b" in second.command("vtepd/status")
            second.stop(signal.SIGKILL)
            assert (hv1.folder / "second.ctl").exists()
    finally:
        second.stop()
        hv1.vsctl("--if-exists", "del-br", "br-two")


# As if a vtepd had put it there and then been killed.

def leave_flow_and_group(hypervisor: Hypervisor) -> None:
    hypervisor.ofctl("add-flow", "br-int", "cookie=0x7674657000000001,"
                     "table=40,priority=7,actions=drop")
    hypervisor.ofctl("add-group", "br-int", "group_id=4242,type=indirect,"
                     "bucket=actions=drop")


def leave_tunnel(hypervisor: Hypervisor) -> None:
    port, ids = "vx-0000000042", "external_ids:vtepd-"
    hypervisor.vsctl(
        "add-port", "br-int", port, "--", "set", "port", port,
        f"{ids}owner={hypervisor.name}", f"{ids}peer=gone",
        "--", "set", "interface", port, "type=vxlan",
        "options:remote_ip=192.0.2.242",
        f"options:local_ip={hypervisor.ipv4}", "options:key=flow",
        f"{ids}owner={hypervisor.name}", f"{ids}peer=gone")
    wait_until(lambda: hypervisor.ofport(port), "the stale tunnel is there")


@contextlib.contextmanager
def half_a_list(scene: Scene) -> Iterator[None]:
    """The first page comes, the second does not."""
    scene.cloud.set_page_size(2)
    scene.cloud.inject(count=-1, after_page=1, delay=3600)
    scene.cloud.forget_requests()
    try:
        yield
    finally:
        scene.cloud.clear_faults()
        scene.cloud.set_page_size(5000)


def test_r42_nothing_is_swept_before_all_is_known(scene: Scene) -> None:
    """vtepd knows nothing but the first half of a list: whatever it finds in
    the switch stays as it is, also what will turn out to be stale."""
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    before = scene.settle("hv1")
    agent.stop()
    shutil.rmtree(hv1.folder / "vtepd-state")
    leave_flow_and_group(hv1)
    leave_tunnel(hv1)
    left = scene.state("hv1")
    assert left != before
    with half_a_list(scene), a.pinging(b.ipv4) as finish:
        agent.start()
        wait_until(scene.cloud.requests, "the first half was read",
                   until=lambda seen: any(
                       "host=hv1&" in request["path"]
                       and request["status"] == 200 for request in seen))
        wait_until(lambda: agent.show("status")["openflow"]["state"],
                   "the switch was read", until=lambda state: state == "read")
        for _ in range(20):             # Each in a pass of its own.
            assert not agent.show("status")["inventory"]["whole"]
        assert scene.state("hv1") == left
        assert finish().lost == 0
    agent.restart()         # It would wait for the second half for long.
    scene.wait_state("hv1", before)


def test_r42_state_file_alone_sweeps_nothing(scene: Scene) -> None:
    """It is older than what the switch has, and the API does not answer: what
    the file does not know of goes on working, and what is really stale goes
    once the API has told everything."""
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    scene.ready(a)
    wait_until(agent.state_file.read_text, "a is in the state file",
               until=lambda text: a.mac in text)
    older = agent.state_file.read_bytes()
    b = scene.vm("b", "blue", "hv2")
    c = scene.vm("c", "blue", "hv1")
    scene.connect(a, b, c)
    before = scene.settle("hv1")
    agent.stop()
    agent.state_file.write_bytes(older)
    leave_flow_and_group(hv1)
    leave_tunnel(hv1)
    scene.cloud.inject(count=-1, status=503)
    with a.pinging(b.ipv4) as to_b, a.pinging(c.ipv4) as to_c:
        offset = agent.log_size()
        agent.start()
        agent.wait_logged("stay until the inventory has come", offset)
        for _ in range(20):             # Each in a pass of its own.
            assert agent.show("status")["inventory"]["from_state_file"]
        assert to_b().lost == 0 and to_c().lost == 0
    scene.cloud.clear_faults()
    agent.resync()
    scene.wait_state("hv1", before)


def test_r41_only_the_difference_is_sent(scene: Scene) -> None:
    """At a start nothing is flushed: with nothing to do nothing is sent, else
    what differs, in one bundle.  Tunnel ports are adopted as they are."""
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    before = scene.settle("hv1")

    def sent() -> dict[str, int]:
        agent.start()
        wait_until(lambda: agent.show("status"), "all has been compared",
                   until=lambda status: status["state"] == "working"
                   and status["inventory"]["whole"]
                   and not status["ovsdb"]["in_flight"])
        scene.pass_lists("hv1")
        status = agent.show("status")
        return {what: status[part][what] for part, what in
                (("openflow", "bundles"), ("openflow", "flow_mods"),
                 ("openflow", "group_mods"), ("ovsdb", "committed"))}

    with a.pinging(b.ipv4) as finish:
        for how in (signal.SIGTERM, signal.SIGKILL):
            agent.stop(how)
            assert set(sent().values()) == {0}
            assert scene.state("hv1") == before     # Rows' UUIDs included.
        agent.stop()
        leave_flow_and_group(hv1)
        hv1.ofctl("del-flows", "br-int", "table=22")
        missing = len(set(before.splitlines())
                      - set(scene.state("hv1").splitlines()))
        assert missing
        assert sent() == {"bundles": 1, "flow_mods": missing + 1,
                          "group_mods": 1, "committed": 0}
        scene.wait_state("hv1", before)
        assert finish().lost == 0


N_PORTS = 500


def small_endpoint(n: int) -> dict:
    return cloud.endpoint(f"c{n}", "blue", "hv1",
                          f"02:cc:00:00:{n >> 8:02x}:{n & 255:02x}",
                          [f"10.1.{n >> 8}.{n & 255}"])


@contextlib.contextmanager
def plugging(hypervisor: Hypervisor) -> Iterator[Callable[[], int]]:
    """Plugs the ports in, a few at a time; the function that 'with' gives
    tells how many there are by now."""
    n_done, stop = 0, threading.Event()

    def plug() -> None:
        nonlocal n_done
        while n_done < N_PORTS and not stop.is_set():
            hypervisor.vsctl(*(
                word for port in (f"c{n_done + i}" for i in range(10))
                for word in ("--", "add-port", "br-int", port, "--", "set",
                             "interface", port, "type=internal",
                             f"external_ids:iface-id={port}")))
            n_done += 10

    thread = threading.Thread(target=plug)
    thread.start()
    try:
        yield lambda: n_done
    finally:
        stop.set()
        thread.join()
        hypervisor.vsctl(*(word for n in range(n_done)
                           for word in ("--", "del-port", f"c{n}")))


def reach(hypervisor: Hypervisor, target: Vm, numbers: set[int]) -> set[int]:
    """Has the ports send a ping to 'target'; those whose ping came."""
    pings = {n: echo(target, target, n, src=small_endpoint(n)["ips"][0],
                     eth_src=small_endpoint(n)["mac"]) for n in numbers}
    came: set[int] = set()
    with target.raw() as heard:
        for n, ping in pings.items():
            with contextlib.closing(
                    hypervisor.namespace.packet_socket(f"c{n}")) as sock:
                sock.send(ping)
        while frame := heard.receive(0.5):
            came |= {n for n in numbers if frame.raw == pings[n]}
    return came


def test_r43_ports_plugged_across_a_restart(scene: Scene) -> None:
    """500 ports, ten at a time, while vtepd ends and comes back twice:
    whenever one came, it works."""
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    scene.cloud.put(*map(small_endpoint, range(N_PORTS)))
    with plugging(hv1) as n_plugged:
        for at, how in ((100, signal.SIGTERM), (250, signal.SIGKILL)):
            wait_until(n_plugged, f"{at} are plugged in", 60,
                       until=lambda n: n >= at)
            agent.stop(how)
            wait_until(n_plugged, "some more, without vtepd",
                       until=lambda n: n >= at + 50)
            agent.start()
        wait_until(n_plugged, "all are plugged in", 60,
                   until=lambda n: n == N_PORTS)
        wait_until(lambda: hv1.rows("Interface", "type=internal",
                                    "external_ids:vtepd-installed=true",
                                    columns="name"),
                   "all are installed", 60,
                   until=lambda rows: len(rows) == N_PORTS)
        hv1.namespace.ip(*(f"link set c{n} up" for n in range(N_PORTS)))
        b.mute()
        missing = set(range(N_PORTS))

        def all_reach_b() -> set[int]:
            missing.difference_update(reach(hv1, b, missing))
            return missing

        wait_until(all_reach_b, "a ping of each has come", 60,
                   until=lambda left: not left)


@pytest.mark.parametrize("forgetful", [False, True])
def test_r54_deletes_missed_while_down(scene: Scene, forgetful: bool) -> None:
    """vtepd's state file knows the objects, the API tells of their end no
    more: every start compares all of them, and everything in the switch."""
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    before = scene.settle("hv1")
    scene.remote("x", "blue", "hv2")
    scene.cloud.put(cloud.host("gone", "192.0.2.77"))
    scene.remote("y", "blue", "gone")
    scene.lab.resync()
    scene.wait_peers("hv1", "gone", "hv2")
    wait_until(lambda: agent.show("status")["inventory"]["state_file_saved"],
               "the state file is up to date")
    agent.stop()
    for kind, name in (("endpoint", "x"), ("endpoint", "y"),
                       ("host", "gone")):
        scene.cloud.delete(kind, name)
    if forgetful:
        objects = scene.cloud.objects()
        scene.cloud.stop()
        scene.cloud.start()
        scene.cloud.put(*objects)
    hv1.ofctl("del-flows", "br-int", "table=20")
    leave_flow_and_group(hv1)
    leave_tunnel(hv1)
    agent.start()
    scene.wait_state("hv1", before)
    scene.connect(a, b)


def test_r58_updates_are_not_deletes_and_creates(scene: Scene) -> None:
    """An object that changes in what a packet does not need goes on working
    all the time: same port, same flow, no ping is lost."""
    a, b = scene.pair()
    scene.cloud.set_page_size(5000)
    hv1 = scene.hv["hv1"]
    tunnel, = scene.wait_peers("hv1", "hv2")
    forward = f"table=40,dl_dst={b.mac}"

    def duration() -> float:
        """For how long the flow that forwards to b has been there."""
        return float(re.search(r"duration=([\d.]+)s", hv1.ofctl(
            "dump-flows", "br-int", forward))[1])

    scene.settle("hv1")
    hosts = scene.lab.host_objects()
    since = duration()
    with a.pinging(b.ipv4, interval=0.005) as finish:
        for change in (
                {**b.endpoint(), "hostname": "web1"},
                {**b.endpoint(), "ips": [*b.ips, "10.0.0.77"]},
                {**b.endpoint(), "ips": [*reversed(b.ips), "10.0.0.78"]},
                {**b.endpoint(), "allowed_pairs": [{"ip": "10.0.0.99"}]},
                {**b.endpoint(), "port_security": False},
                b.endpoint(),
                cloud.segment("blue", 77, broadcast="replicate", mtu=1400),
                cloud.segment("blue", 77),
                {**hosts[1], "tunnels": hosts[1]["tunnels"] + [
                    {"type": "geneve", "ip": "192.0.2.102"}]},
                hosts[1]):
            scene.put(change)
            for name in ("hv1", "hv2"):
                scene.pass_lists(name, 1)
            assert duration() >= since, change
            since = duration()
        result = finish()
    assert (result.lost, result.duplicates) == (0, 0)
    assert scene.wait_peers("hv1", "hv2") == [tunnel]


def test_r71_flows_flushed_on_three_hosts(scene: Scene) -> None:
    """The segment replicates, there is no vtepd, and nobody has a flow: no
    switch falls back to learning and flooding, so nothing circles."""
    scene.segment("blue", 77, broadcast="replicate", multicast="replicate",
                  unknown_unicast="replicate")
    vms = [scene.vm(f"a{n}", "blue", f"hv{n}") for n in (1, 2, 3)]
    scene.connect(*vms)
    for agent in scene.agents.values():
        agent.stop()
    for hypervisor in scene.hv.values():
        hypervisor.ofctl("del-flows", "br-int")
    with scene.lab.capture() as wire, contextlib.ExitStack() as stack:
        ports = [stack.enter_context(vm.raw()) for vm in vms]
        for vm, port in zip(vms, ports):
            port.send(broadcast(vm), frames.arp_request(vm.mac, vm.ipv4,
                                                        "10.0.0.200"))
        for vm, target in zip(vms, vms[1:] + vms[:1]):
            assert vm.ping(target.ipv4, wait=0.2).received == 0
    assert wire.encapsulated() == []
    for agent in scene.agents.values():
        agent.start()
    scene.connect(*vms)


def n_received(agent: Agent) -> int:
    """OpenFlow messages that have come from the switch."""
    return int(agent.command("coverage/read-counter", "vconn_received"))


def answered(port: RawPort, request: bytes) -> bool:
    """Is a request of ours answered?  (All else that has come is thrown
    away.)"""
    port.send(request)
    while frame := port.receive(0.2):
        if frame.kind == "arp-reply":
            return True
    return False


def test_r74_arp_scan_does_not_reach_the_agent(scene: Scene) -> None:
    """A guest asks for 20,000 addresses, most of which nobody has: the switch
    answers or drops, and tells vtepd nothing."""
    scene.settings(poll="3600")
    a, b = scene.pair()
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    for n in range(20):
        scene.remote(f"x{n}", "blue", "hv2")
    scene.settle("hv1")
    assert not [flow for flow in hv1.flows() if "CONTROLLER" in flow]
    scan = [frames.arp_request(a.mac, a.ipv4, f"10.0.{n >> 8}.{n & 255}")
            for n in range(10_000)]
    scan += [frames.neighbour_solicitation(a.mac, a.ipv6, f"fd00::{n:x}")
             for n in range(10_000)]
    before = n_received(agent)
    assert before
    dropped = hv1.packets("table=20")
    last = frames.arp_request(a.mac, a.ipv4, b.ipv4)
    with a.raw() as port:
        for at in range(0, len(scan), 100):
            port.send(*scan[at:at + 100])
            wait_until(lambda: answered(port, last), "the switch keeps up")
    wait_until(lambda: hv1.packets("table=20") - dropped,
               "the switch has counted the scan",
               until=lambda n: n >= 15_000)
    # An echo to show that the connection lives may fall into this time.
    assert n_received(agent) - before <= 2
    assert a.ping(b.ipv4, count=5).received == 5


def set_underlay_mtu(hypervisor: Hypervisor, mtu: int) -> None:
    """Of the interface with the tunnel addresses, and of the wire."""
    hypervisor.vsctl("set", "interface", UNDERLAY_BRIDGE,
                     f"mtu_request={mtu}")
    hypervisor.namespace.ip(f"link set {UPLINK} mtu {mtu}")
    wait_until(lambda: hypervisor.namespace.ip(f"link show {UNDERLAY_BRIDGE}"),
               f"the MTU is {mtu}", until=lambda text: f"mtu {mtu} " in text)


def fits(source: Vm, target: Vm, size: int) -> bool:
    """Does an IP packet of this size get through in one piece?"""
    text = source.run("ping", "-n", "-q", "-c", "5", "-i", "0.01", "-W", "0.3",
                      "-M", "do", "-s", str(size - 28), target.ipv4,
                      check=False)
    return " 0 received" not in text


def test_r76_what_fits_through_is_known(scene: Scene) -> None:
    """The segment promises its VMs 1400 bytes, and the underlay carries too
    little for that: told by name, with what does fit."""
    a, b = scene.pair(mtu=1400, encap="vxlan")
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]

    def told() -> list[str]:
        agent.resync()      # Instead of waiting for a minute.
        return [line for line in agent.command("vtepd/status").splitlines()
                if "larger packets" in line]

    assert fits(a, b, 1400) and told() == []
    status = agent.show("status")["here"]
    assert status["underlay_mtus"] == [{"ip": address, "mtu": 1500}
                                       for address in hv1.addresses[:2]]
    offset = agent.log_size()
    set_underlay_mtu(hv1, 1440)
    try:
        line, = wait_until(told, "it is told")
        assert '"blue": larger packets than 1390 bytes get lost' in line
        agent.wait_logged("larger packets than 1390 bytes", offset)
        assert fits(a, b, 1390) and not fits(a, b, 1391)
        scene.put(cloud.segment("blue", 77, mtu=1390, encap="vxlan"))
        wait_until(told, "it fits", until=lambda lines: not lines)
    finally:
        set_underlay_mtu(hv1, 1500)
    scene.put(cloud.segment("blue", 77, mtu=1400, encap="vxlan"))
    scene.pass_lists("hv1")
    assert fits(a, b, 1400) and told() == []
