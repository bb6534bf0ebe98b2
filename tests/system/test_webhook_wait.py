# SPDX-License-Identifier: Apache-2.0
"""Prefer: wait=N.  Answered by 204, the switch has it: the very next packet
of a new flow goes where the event said.  Prefer: wait=N, revalidated: of any
flow, for none goes by what the switch had cached.

The switches know each other's MACs on the underlay.  A switch with a datapath
in user space that does not asks for it, and drops the packet meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from lab import cloud, frames
from lab.processes import wait_until
from lab.vm import Vm
from lab.webhook import standard
from scene import Scene
from telling import delete, has_arrived, known, newer, put, tell

HYPERVISORS = 3
SETTINGS = {"poll": "3600"}
WATCHED = False         # It is webhooks that tell.
ROUNDS = 200


@dataclass(frozen=True)
class Guest:
    """What a VM is to others."""
    mac: str
    ipv4: str

    def endpoint(self, vm: Vm) -> dict:
        """With this for its MAC and address."""
        return vm.endpoint(mac=self.mac, ips=[self.ipv4])


def numbered(source: Vm | Guest, target: Vm | Guest, number: int) -> bytes:
    """A frame like no other."""
    datagram = frames.udp(source.ipv4, target.ipv4, 7, 9,
                          number.to_bytes(4, "big"))
    return frames.ether(target.mac, source.mac, frames.ETH_IPV4,
                        frames.ipv4(source.ipv4, target.ipv4,
                                    frames.PROTO_UDP, datagram))


def count_passed(scene: Scene, source: Vm, target: Vm, *, tried_before: bool,
                 revalidated: bool, prepare=None) -> int:
    """Again and again 'target' comes by an event; in how many rounds did the
    first frames after the answer pass, there and back?  With 'tried_before'
    it is always the same, and the source has sent to it while it was not there
    yet, so that the switch had already found out that there is no way.
    Otherwise it is a new one each time."""
    passed = 0
    with source.raw() as here, target.raw() as there:
        for number in range(ROUNDS):
            if prepare:
                prepare()
            guest = Guest(target.mac, target.ipv4)
            if tried_before:
                here.send(numbered(source, guest, 1 << 20 | number))
            else:
                guest = Guest(f"02:00:00:0c:{number >> 8:02x}"
                              f":{number & 255:02x}",
                              f"10.0.{1 + (number >> 8)}.{number & 255}")
            out = numbered(source, guest, number)
            back = numbered(guest, source, number)
            tell(scene, put(guest.endpoint(target)), revalidated=revalidated)
            here.send(out)
            forth_passed = has_arrived(there, out)
            there.send(back)
            passed += forth_passed and has_arrived(here, back)
            tell(scene, delete(target.endpoint()), revalidated=revalidated)
    return passed


def newcomer(scene: Scene) -> Vm:
    """c, plugged in on hv2 and silent, but not in the inventory; it may come
    with any MAC."""
    c = scene.lab.vm("c", "blue", ["10.0.0.3", "fd00::3"])
    c.plug(scene.hv["hv2"])
    c.mute()
    scene.hv["hv2"].vsctl("remove", "interface", c.port, "external_ids",
                          "attached-mac")
    return c


def test_next_packet_to_new_endpoint(scene: Scene) -> None:
    """The peer is known, with a tunnel."""
    a, _ = scene.pair()
    assert count_passed(scene, a, newcomer(scene), tried_before=False,
                        revalidated=False) == ROUNDS


def test_next_packet_to_endpoint_tried_before(scene: Scene) -> None:
    a, _ = scene.pair()
    assert count_passed(scene, a, newcomer(scene), tried_before=True,
                        revalidated=True) == ROUNDS


def test_next_packet_to_new_peer(scene: Scene) -> None:
    """The tunnel comes with the endpoint, on both ends, which have never
    heard of each other."""
    a, c = lonely_pair(scene)

    def nothing_known() -> None:
        no_tunnels(scene)
        for name in ("hv1", "hv2"):
            scene.hv[name].forget_cached_flows()

    assert count_passed(scene, a, c, tried_before=False, revalidated=False,
                        prepare=nothing_known) == ROUNDS


@pytest.mark.parametrize("tried_before", [False, True])
def test_next_packet_to_peer_that_comes_back(scene: Scene, tried_before: bool
                                             ) -> None:
    """The same, but both ends have cached what to do without a tunnel."""
    a, c = lonely_pair(scene)
    assert count_passed(scene, a, c, tried_before=tried_before,
                        revalidated=True,
                        prepare=lambda: no_tunnels(scene)) == ROUNDS


def no_tunnels(scene: Scene) -> None:
    """Waits until neither end has a tunnel."""
    for name in ("hv1", "hv2"):
        wait_until(scene.hv[name].tunnels, f"{name} has no tunnel",
                   until=lambda rows: not rows)


def lonely_pair(scene: Scene) -> tuple[Vm, Vm]:
    """a on hv1, in the inventory; c on hv2, plugged in but not."""
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    c = newcomer(scene)
    scene.ready(a)
    for name in scene.agents:
        scene.pass_lists(name, 1)
    return a, c


def test_next_arp_request_is_answered(scene: Scene) -> None:
    """On the VM's own host, by the event alone."""
    a, b = scene.pair()
    c = cloud.endpoint("c", "blue", "hv2", "02:00:00:00:0c:0c", ["10.0.0.12"])
    request = frames.arp_request(a.mac, a.ipv4, "10.0.0.12")
    answered = 0
    with a.raw() as port:
        for _ in range(ROUNDS):
            port.send(request)      # Dropped, and that is remembered.
            tell(scene, put(c), ["hv1"], revalidated=True)
            port.send(request)
            while frame := port.receive(1):
                if frame.kind == "arp-reply":
                    answered += frame.sha == c["mac"]
                    break
            tell(scene, delete(c), ["hv1"], revalidated=True)
            port.send(request)
            tell(scene, [], ["hv1"])
            assert not [frame for frame in port.pending()
                        if frame.kind == "arp-reply"]
    assert answered == ROUNDS


def test_r69_moved_by_one_event(scene: Scene) -> None:
    """b is ready on two hosts, as in a live migration.  After the event
    the next frame of its peers goes to the new one, and to it alone."""
    a, b = scene.pair()
    hv3 = scene.hv["hv3"]
    twin = scene.lab.vm("twin", "blue", b.ips, mac=b.mac)
    twin.plug(hv3)
    hv3.set_external_ids("Interface", twin.port, iface_id="b")
    rounds = 50
    frame_of = [numbered(a, b, number) for number in range(2 * rounds)]
    came_out: list[list[str]] = []
    with (scene.lab.capture() as wire, a.raw() as out, b.raw() as at_hv2,
          twin.raw() as at_hv3):
        tell(scene, put(b.endpoint()), revalidated=True)
        for number in range(0, 2 * rounds, 2):
            for offset, host, port in ((0, "hv3", at_hv3), (1, "hv2", at_hv2)):
                tell(scene, put(b.endpoint(host=host)), revalidated=True)
                frame = frame_of[number + offset]
                out.send(frame)
                has_arrived(port, frame)
    for frame in frame_of:
        came_out.append([wire.host(packet.outer_dst) for packet in
                         wire.select(src="hv1", inner=frame)])
    assert came_out == [["hv3"], ["hv2"]] * rounds


# What cannot be had is told after the wait, not before.

def test_wait_for_a_tunnel_that_does_not_come(scene: Scene) -> None:
    """R08: another's port has the same addresses."""
    a, b = scene.pair()
    agent, hv1 = scene.agents["hv1"], scene.hv["hv1"]
    strange = cloud.host("strange", "203.0.113.9", "vxlan")
    far = cloud.endpoint("far", "blue", "strange", "02:00:00:00:0f:0f",
                         ["10.0.0.15"])
    hv1.vsctl("add-port", "br-int", "theirs", "--", "set", "interface",
              "theirs", "type=vxlan", "options:remote_ip=203.0.113.9",
              f"options:local_ip={hv1.ipv4}", "options:key=flow")
    try:
        assert agent.webhook.put(newer(strange)).status == 204
        begun = time.monotonic()
        answer = agent.webhook.put(newer(far), wait=1)
        assert answer.status == 202
        assert 0.9 < time.monotonic() - begun
        assert "far" in known(agent)
        waiting = agent.webhook.send_signed(standard("put", newer(far)),
                                            wait=30)
        assert a.ping(b.ipv4, count=3).received == 3
    finally:
        hv1.vsctl("del-port", "theirs")
    assert waiting.answer().status == 204
    scene.wait_peers("hv1", "hv2", "strange")


def test_wait_for_a_peer_without_common_encapsulation(scene: Scene) -> None:
    """There is no way that the switch could have."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    far = cloud.endpoint("far", "blue", "strange", "02:00:00:00:0f:0f",
                         ["10.0.0.15"])
    tell(scene, put(scene.lab.host_objects("vxlan")[0],
                    cloud.host("strange", "203.0.113.9", "geneve")), ["hv1"])
    assert agent.webhook.put(newer(far), wait=1).status == 202
    assert known(agent)["far"]["state"] == "remote"
    assert known(agent)["far"]["reason"]
    assert scene.hv["hv1"].peers() == ["hv2"]
    assert a.ping(b.ipv4, count=3).received == 3


def test_wait_for_a_switch_that_does_not_answer(scene: Scene) -> None:
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    c = cloud.endpoint("c", "blue", "hv2", "02:00:00:00:0c:0c", ["10.0.0.12"])
    with scene.hv["hv1"].switch_suspended():
        begun = time.monotonic()
        assert agent.webhook.put(newer(c), wait=1).status == 202
        assert 0.9 < time.monotonic() - begun
        assert "c" in known(agent)
        # Others are not held up by one that waits.
        slow = agent.webhook.send_signed(standard("put", newer(c)), wait=2)
        assert agent.webhook.put(newer(c), wait=None).status == 202
        assert agent.webhook.request("GET", "/healthz").status == 200
        assert slow.answer().status == 202
        waiting = agent.webhook.send_signed(standard("put", newer(c)),
                                            wait=30)
    assert waiting.answer().status == 204
    assert [line for line in scene.hv["hv1"].flows() if c["mac"] in line]


def test_wait_for_a_flow_that_the_switch_refuses(scene: Scene) -> None:
    """It has applied everything else."""
    a, b = scene.pair()
    agent, hv1 = scene.agents["hv1"], scene.hv["hv1"]
    c = cloud.endpoint("c", "blue", "hv2", "02:00:00:00:0c:0c", ["10.0.0.12"])
    table = hv1.vsctl("get", "bridge", "br-int", "flow_tables:40").strip()
    hv1.vsctl("set", "flow_table", table, "flow_limit=1",
              "overflow_policy=refuse")
    assert agent.webhook.put(newer(c), wait=1).status == 202
    assert not [line for line in hv1.flows()
                if f"dl_dst={c['mac']}" in line]
    assert a.ping(b.ipv4, count=3).received == 3
    waiting = agent.webhook.send_signed(standard("put", newer(c)), wait=30)
    hv1.vsctl("clear", "flow_table", table, "flow_limit", "overflow_policy")
    assert waiting.answer().status == 204
    assert [line for line in hv1.flows() if f"dl_dst={c['mac']}" in line]


def test_wait_for_cached_flows_of_a_switch_that_restarts(scene: Scene
                                                         ) -> None:
    """Who waits then has them of the new one."""
    a, b = scene.pair()
    agent, hv1 = scene.agents["hv1"], scene.hv["hv1"]
    c = cloud.endpoint("c", "blue", "hv2", "02:00:00:00:0c:0c", ["10.0.0.12"])
    tell(scene, put(c), ["hv1"], revalidated=True)
    hv1.stop_switch()
    waiting = agent.webhook.send_signed(standard("put", newer(c)), wait=30,
                                        revalidated=True)
    hv1.start_switch()
    assert waiting.answer().status == 204
    assert [line for line in hv1.flows() if c["mac"] in line]
    tell(scene, delete(c), ["hv1"], revalidated=True)


def test_wait_for_cached_flows_that_nobody_tells_of(scene: Scene) -> None:
    """ovs-vswitchd's control socket cannot be found."""
    a, b = scene.pair()
    agent = scene.agents["hv1"]
    c = cloud.endpoint("c", "blue", "hv2", "02:00:00:00:0c:0c", ["10.0.0.12"])
    pidfile = scene.hv["hv1"].folder / "ovs-vswitchd.pid"
    hidden = pidfile.with_suffix(".hidden")
    log = agent.log_size()
    pidfile.rename(hidden)
    try:
        agent.restart()         # It may have had a connection.
        wait_until(lambda: agent.webhook.request("GET", "/readyz").status,
                   "hv1 is ready", until=lambda status: status == 200)
        answer = agent.webhook.post(standard("put", newer(c)), wait=1,
                                    revalidated=True)
        assert answer.status == 202
        assert answer.headers["preference-applied"] == "wait=1"
        assert "ovs-vswitchd.pid" in agent.wait_logged("revalidated", log)
        assert agent.webhook.put(newer(c)).status == 204
        waiting = agent.webhook.send_signed(standard("put", newer(c)),
                                            wait=30, revalidated=True)
    finally:
        hidden.rename(pidfile)
    answer = waiting.answer()
    assert answer.status == 204
    assert answer.headers["preference-applied"] == "wait=30, revalidated"


def test_wait_for_nothing(scene: Scene) -> None:
    """Preferences that are none, and what needs no change, at once."""
    scene.pair()
    webhook = scene.agents["hv1"].webhook
    c = newer(cloud.endpoint("c", "blue", "hv2", "02:00:00:00:0c:0c",
                             ["10.0.0.12"]))
    for preference, status in (("wait=5", 204), ("wait=5", 204),
                               ("respond-async, wait=10", 204),
                               ("Wait=\"5\"", 204), ("wait=x", 202),
                               ("return=minimal", 202), ("wait=-1", 202)):
        answer = webhook.post(standard("put", c),
                              headers={"Prefer": preference})
        assert answer.status == status, preference
    if answer := webhook.put(c, wait=5):
        assert answer.headers.get("preference-applied", "wait=5") \
            .startswith("wait")
