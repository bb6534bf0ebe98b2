# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch's own processes end, hang and come back, and bridges with
them."""

from __future__ import annotations

import re
import signal
import time

import pytest
from lab import cloud
from lab.agent import Agent, program
from lab.processes import CommandError, wait_until
from lab.vm import Vm
from scene import Scene, arrived, echo

HYPERVISORS = 2


def three(scene: Scene) -> tuple[Vm, Vm, Vm]:
    """a and c on hv1, b on hv2, in a segment that replicates."""
    scene.segment("blue", 77, broadcast="replicate")
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    c = scene.vm("c", "blue", "hv1")
    scene.connect(a, b, c)
    return a, b, c


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_r44_switch_restarted(scene: Scene, how: signal.Signals) -> None:
    """Flows and groups are lost with ovs-vswitchd, and are back at once,
    whether the API answers or not."""
    a, b, c = three(scene)
    hv1 = scene.hv["hv1"]
    before = scene.settle("hv1")
    assert hv1.groups() and hv1.table_names()
    scene.cloud.inject(count=-1, status=503)
    hv1.stop_switch(how)
    assert a.ping(b.ipv4, wait=0.2).received == 0
    assert a.ping(c.ipv4, wait=0.2).received == 0
    hv1.start_switch()
    scene.wait_state("hv1", before)
    for source, target in ((a, b), (b, a), (a, c), (c, b)):
        for address in target.ips:
            source.wait_reaches(address, timeout=5)
    assert arrived(a, [echo(a, b, src="10.0.0.99")], b) == []
    for vm in (a, c):
        wait_until(vm.is_installed, f"{vm.name} is installed again")


def test_r48_mark_is_taken_back_with_the_flows(scene: Scene) -> None:
    """A port whose flows were lost has no mark until they are back."""
    a, b, c = three(scene)
    hv1 = scene.hv["hv1"]
    database = hv1.folder / "conf.db"
    hv1.stop_switch()
    offset = database.stat().st_size
    hv1.start_switch()

    def changes() -> int:
        """How often a mark was taken or given since."""
        return database.read_bytes()[offset:].count(b'"vtepd-installed"')

    wait_until(changes, "a and c have lost their marks and have them again",
               until=lambda n: n >= 4)
    for vm in (a, c):
        wait_until(vm.is_installed, f"{vm.name} is installed again")
    assert a.ping(c.ipv4).received == 1
    assert changes() == 4
    scene.connect(a, b, c)


def test_r38_everything_is_compared_after_a_reconnect(scene: Scene) -> None:
    """Not only the flows: groups and names of tables too."""
    a, b, c = three(scene)
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    before = scene.settle("hv1")
    scene.cloud.inject(count=-1, status=503)    # No list compares instead.
    offset = agent.log_size()
    group = re.search(r"group_id=(\d+)", hv1.groups()[0])[1]
    with agent.suspended():     # Or it would not wait for the reconnect.
        hv1.ofctl("del-flows", "br-int", "table=40")
        hv1.ofctl("add-flow", "br-int", "cookie=0x7674657000000001,table=40,"
                  "priority=7,actions=drop")
        hv1.ofctl("mod-group", "br-int", f"group_id={group},type=indirect,"
                  "bucket=actions=drop")
        hv1.ofctl("add-group", "br-int", "group_id=4242,type=indirect,"
                  "bucket=actions=drop")
        hv1.vsctl("clear", "bridge", "br-int", "flow_tables")
        assert scene.state("hv1") != before
        hv1.appctl("ovs-vswitchd", "bridge/reconnect", "br-int")
    agent.wait_logged("connected with OpenFlow15; reading flows", offset)
    scene.wait_state("hv1", before)
    assert a.ping(b.ipv4, count=5).received == 5


def answers_soon(scene: Scene) -> str:
    begun = time.monotonic()
    text = scene.agents["hv1"].command("vtepd/status")
    assert time.monotonic() - begun < 5
    return text


def follows_the_inventory(scene: Scene, number: int) -> None:
    """New objects are read while the switch does not answer."""
    agent = scene.agents["hv1"]
    name = f"new{number}"
    scene.put(cloud.endpoint(name, "blue", "hv2", f"02:dd:00:00:00:0{number}",
                             [f"10.0.0.20{number}"]))
    wait_until(lambda: agent.command("vtepd/endpoints"), f"{name} is known",
               until=lambda text: name in text)


def test_r36_switch_hangs_or_is_dead(scene: Scene) -> None:
    """vtepd waits for nobody: it answers, and takes in what changes."""
    a, b, c = three(scene)
    hv1 = scene.hv["hv1"]
    with hv1.switch_suspended():
        answers_soon(scene)
        follows_the_inventory(scene, 1)
        answers_soon(scene)
    scene.connect(a, b, c)
    hv1.stop_switch(signal.SIGKILL)
    try:
        answers_soon(scene)
        follows_the_inventory(scene, 2)
        answers_soon(scene)
    finally:
        hv1.start_switch()
    scene.connect(a, b, c)
    wait_until(hv1.flows, "the flows of what is new",
               until=lambda flows: all(
                   any(f"02:dd:00:00:00:0{n}" in flow for flow in flows)
                   for n in (1, 2)))


@pytest.mark.parametrize("shared", ["pid", "ctl"])
def test_r40_started_twice(scene: Scene, shared: str) -> None:
    """The second says so and leaves; the first does not notice.  When that
    was killed, what it left behind is no obstacle."""
    a, b, _ = three(scene)
    hv1 = scene.hv["hv1"]
    agent = Agent(hv1, scene.cloud.url, {"host": "hv1"}, name="again")
    scene.agents["hv1"].stop()
    agent.start()
    option = {"pid": "--pidfile", "ctl": "--unixctl"}[shared]
    n = agent.show("status")["ovsdb"]["committed"]
    second = [program(), "-vconsole:warn", "--host=hv1",
              f"{option}={hv1.folder}/again.{shared}",
              f"--state-dir={hv1.folder}/again-state",
              f"unix:{hv1.folder}/db.sock"]
    with pytest.raises(CommandError) as refused:
        hv1.namespace.run(second, env=hv1.env, timeout=20)
    assert refused.value.status == 1
    assert re.search("already running as pid|listens on this control socket",
                     refused.value.output), refused.value.output
    assert agent.is_running()
    assert agent.show("status")["ovsdb"]["committed"] == n
    agent.stop(signal.SIGKILL)
    assert (hv1.folder / f"again.{shared}").exists()
    agent.start()
    scene.connect(a, b)
    agent.stop()
    scene.agents["hv1"].start()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_database_restarted(scene: Scene, how: signal.Signals) -> None:
    """No flow changes, no row is written.  (Whether packets pass meanwhile is
    not vtepd's affair: the main thread of ovs-vswitchd, which the user space
    switch works in, waits for the database.)"""
    a, b, c = three(scene)
    hv1, agent = scene.hv["hv1"], scene.agents["hv1"]
    before = scene.settle("hv1")

    def n_transactions() -> int:
        return (hv1.folder / "conf.db").read_text().count('"_comment":"vtepd')

    n_before, n_packets = n_transactions(), hv1.packets("table=0")
    assert n_before and n_packets
    offset = agent.log_size()
    hv1.stop_database(how)
    answers_soon(scene)
    hv1.start_database()
    agent.wait_logged("db.sock: connected", offset)
    scene.pass_lists("hv1")
    assert scene.state("hv1") == before
    assert n_transactions() == n_before
    # A flow that is sent again counts from zero again.
    assert hv1.packets("table=0") >= n_packets
    assert a.ping(b.ipv4, count=5).received == 5
    # And it does follow the new one.
    c.unplug()
    c.plug(hv1)
    scene.connect(a, b, c)
    assert n_transactions() > n_before


def test_r32_bridge_deleted_and_made_again(scene: Scene) -> None:
    """By vtepd, when somebody deletes it; by somebody else, in one
    transaction: the name is the same, the bridge is another."""
    a, b, c = three(scene)
    hv1 = scene.hv["hv1"]
    scene.settle("hv1")
    groups, names = hv1.groups(), hv1.table_names()
    make = ("add-br", "br-int", "--", "set", "bridge", "br-int",
            "datapath_type=netdev", "fail_mode=secure", "--")
    for again in (make, ()):
        for vm in (a, c):
            vm.unplug()
        hv1.vsctl("del-br", "br-int", "--", *again)
        for vm in (a, c):
            wait_until(lambda: hv1.vsctl("br-exists", "br-int") == "",
                       "br-int is there again")
            vm.plug(hv1)
        scene.connect(a, b, c)
        scene.wait_peers("hv1", "hv2")
        wait_until(lambda: (hv1.groups(), hv1.table_names()),
                   "groups and names are back",
                   until=lambda now: now == (groups, names))
