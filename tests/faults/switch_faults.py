# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch's own processes end, and come back; its bridges and ports are
made again."""

from __future__ import annotations

import signal
import time

from lab import cloud
from lab.hypervisor import INTEGRATION_BRIDGE
from lab.processes import wait_until

from .cutting import ANSWER, between
from .fault import NO_BOUND, Bound, fault
from .stage import Acceptance, Stage

AFTER_ACCEPTING = Bound(500, "OpenFlow is accepted")


def database_restarted(stage: Stage, how: signal.Signals) -> None:
    stage.hv1.stop_database(how)
    stage.hv1.start_database()
    if stage.agent.is_running():
        stage.wait_listed()


@fault("ovsdb-restarted", "ovsdb-server ends by SIGTERM and is started")
def ovsdb_restarted(stage: Stage) -> None:
    database_restarted(stage, signal.SIGTERM)


@fault("ovsdb-killed", "the same by SIGKILL")
def ovsdb_killed(stage: Stage) -> None:
    database_restarted(stage, signal.SIGKILL)


@fault("ovsdb-killed-alone", "the same while there is no vtepd, to compare",
       bound=NO_BOUND)
def ovsdb_killed_alone(stage: Stage) -> None:
    stage.agent.stop()
    database_restarted(stage, signal.SIGKILL)
    stage.probes.wait_flow()
    stage.agent.start()
    stage.wait_listed()


@fault("ovsdb-away", "ovsdb-server ends, and is started seconds later")
def ovsdb_away(stage: Stage) -> None:
    stage.hv1.stop_database()
    stage.probes.wait_sent(15_000)
    stage.hv1.start_database()
    stage.wait_listed()


@fault("ovsdb-hangs-up", "ovsdb-server drops all connections")
def ovsdb_hangs_up(stage: Stage) -> None:
    stage.hv1.appctl("ovsdb-server", "ovsdb-server/reconnect")
    stage.wait_listed()


def switch_restarted(stage: Stage, how: signal.Signals) -> float:
    stage.hv1.stop_switch(how)
    acceptance = Acceptance(stage.hv1)
    stage.hv1.start_switch()
    since = acceptance.wait()
    stage.probes.wait_flow()
    return since


@fault("vswitchd-restarted", "ovs-vswitchd ends by SIGTERM and is started",
       "R44", AFTER_ACCEPTING)
def vswitchd_restarted(stage: Stage) -> float:
    return switch_restarted(stage, signal.SIGTERM)


@fault("vswitchd-killed", "the same by SIGKILL", "R44", AFTER_ACCEPTING)
def vswitchd_killed(stage: Stage) -> float:
    return switch_restarted(stage, signal.SIGKILL)


@fault("vswitchd-killed-no-api", "the same while there is no API", "R44 R50",
       AFTER_ACCEPTING)
def vswitchd_killed_no_api(stage: Stage) -> float:
    stage.cloud.inject(count=-1, status=503)
    stage.cloud.inject(count=-1, status=503, watch=True)
    stage.cloud.say("", close=True)
    since = switch_restarted(stage, signal.SIGKILL)
    stage.cloud.clear_faults()
    return since


@fault("vswitchd-hangs", "ovs-vswitchd does nothing for seconds", "R36")
def vswitchd_hangs(stage: Stage) -> None:
    with stage.hv1.switch_suspended():
        stage.probes.wait_sent(15_000)
    stage.wait_listed()


@fault("openflow-hung-up", "ovs-vswitchd drops all OpenFlow connections",
       "R38")
def openflow_hung_up(stage: Stage) -> None:
    offset = stage.agent.log_size()
    stage.hv1.appctl("ovs-vswitchd", "bridge/reconnect", INTEGRATION_BRIDGE)
    stage.agent.wait_logged("reading flows", offset)
    stage.wait_listed()


@fault("bridge-remade", "the bridge is deleted and made again", "R32",
       Bound(1000, "the last port is back"), same=False)
def bridge_remade(stage: Stage) -> float:
    hv1 = stage.hv1
    vms = stage.vms_of(hv1)
    hv1.vsctl("del-br", INTEGRATION_BRIDGE)
    wait_until(lambda: hv1.vsctl("br-exists", INTEGRATION_BRIDGE) == "",
               "vtepd has made it again")
    since = 0.0
    for vm in vms:
        since = time.time()
        vm.add_port(hv1)
    stage.probes.wait_flow()
    return since


@fault("port-number-changes", "a VM's port gets another OpenFlow number",
       "R30", Bound(1000))
def port_number_changes(stage: Stage) -> None:
    vm = stage.vms_of(stage.hv1)[0]
    before = stage.hv1.ofport(vm.port)
    for number in (301, before):
        stage.hv1.vsctl("set", "interface", vm.port,
                        f"ofport_request={number}")
        wait_until(lambda: stage.hv1.ofport(vm.port), f"it is {number}",
                   until=lambda now: now == number)
        stage.probes.wait_flow()


def new_endpoints() -> list[dict]:
    return [cloud.endpoint(f"new{n}", "blue", "hv2",
                           f"02:dd:00:00:{n >> 8:02x}:{n & 255:02x}",
                           [f"10.0.{9 + (n >> 8)}.{n & 255}"])
            for n in range(300)]


def has_flows(stage: Stage, wanted: bool) -> None:
    """Waits until all new endpoints have flows, or none."""
    macs = {obj["mac"] for obj in new_endpoints()}

    def n_served() -> int:
        flows = "\n".join(stage.hv1.flows("table=40"))
        return sum(mac in flows for mac in macs)

    wait_until(n_served, "the flows of new endpoints",
               until=lambda n: n == (len(macs) if wanted else 0))


def bundle_cut(stage: Stage, where: int) -> None:
    """Twice: when endpoints come, and when they go."""
    before = stage.cloud.objects()
    with between(stage.hv1) as cutter:
        openflow_hung_up(stage)
        for n_cut, come in ((1, True), (2, False)):
            cutter.cut(where)
            offset = stage.agent.log_size()
            if come:
                stage.cloud.put(*new_endpoints())
            else:
                stage.cloud.replace(*before)
            wait_until(lambda: cutter.n_cut, "a bundle was cut",
                       until=lambda n: n == n_cut)
            stage.agent.wait_logged("reading flows", offset)
            has_flows(stage, come)
    stage.wait_listed()


@fault("bundle-cut", "the OpenFlow connection ends in the middle of a bundle")
def bundle_cut_in_the_middle(stage: Stage) -> None:
    bundle_cut(stage, 100)


@fault("bundle-answer-lost", "it ends after the switch has applied a bundle,"
       " and before vtepd has heard of it")
def bundle_answer_lost(stage: Stage) -> None:
    bundle_cut(stage, ANSWER)
