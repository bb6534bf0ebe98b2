# SPDX-License-Identifier: Apache-2.0
"""Somebody changes by hand what vtepd has made."""

from __future__ import annotations

import re

from lab.hypervisor import INTEGRATION_BRIDGE

from .fault import DRIFT, fault
from .stage import Stage


def tunnel(stage: Stage, encap: str = "vxlan") -> dict:
    """The Interface row of hv1's tunnel to hv2."""
    return next(row for row in stage.hv1.tunnels() if row["type"] == encap
                and row["external_ids"]["vtepd-peer"] == "hv2")


def repaired(stage: Stage) -> None:
    stage.probes.wait_outage()
    stage.probes.wait_flow(5)


@fault("remote-ip-changed", "a tunnel's options:remote_ip is changed", "R10",
       DRIFT)
def remote_ip_changed(stage: Stage) -> None:
    stage.hv1.vsctl("set", "interface", tunnel(stage)["name"],
                    "options:remote_ip=192.0.2.250")
    repaired(stage)


@fault("tunnel-deleted", "a tunnel port is deleted", "", DRIFT, same=False)
def tunnel_deleted(stage: Stage) -> None:
    stage.hv1.vsctl("del-port", tunnel(stage)["name"])
    repaired(stage)


@fault("tunnel-type-changed", "a VXLAN port is made a GRE port", "", DRIFT)
def tunnel_type_changed(stage: Stage) -> None:
    stage.hv1.vsctl("set", "interface", tunnel(stage)["name"], "type=gre",
                    "options:remote_ip=192.0.2.251")
    repaired(stage)


@fault("tunnel-number-changed", "a tunnel's OpenFlow number is changed: vtepd"
       " follows", "R30", DRIFT, same=False)
def tunnel_number_changed(stage: Stage) -> None:
    stage.hv1.vsctl("set", "interface", tunnel(stage)["name"],
                    "ofport_request=33333")
    repaired(stage)


@fault("flow-deleted", "the flow to a remote endpoint is deleted", "", DRIFT)
def flow_deleted(stage: Stage) -> None:
    b = stage.lab.vms["b"]
    stage.hv1.ofctl("del-flows", INTEGRATION_BRIDGE,
                    f"table=40,dl_dst={b.mac}")
    repaired(stage)


@fault("flow-changed", "that flow is made to drop", "", DRIFT)
def flow_changed(stage: Stage) -> None:
    b = stage.lab.vms["b"]
    stage.hv1.ofctl("mod-flows", INTEGRATION_BRIDGE,
                    f"table=40,dl_dst={b.mac},actions=drop")
    repaired(stage)


@fault("flow-added", "a flow that drops everything is added", "", DRIFT)
def flow_added(stage: Stage) -> None:
    stage.hv1.ofctl("add-flow", INTEGRATION_BRIDGE,
                    "table=0,priority=60000,actions=drop")
    repaired(stage)


@fault("flows-deleted", "all flows are deleted", "R71", DRIFT)
def flows_deleted(stage: Stage) -> None:
    stage.hv1.ofctl("del-flows", INTEGRATION_BRIDGE)
    repaired(stage)


def group(stage: Stage) -> str:
    """The number of the group to hv2, by the flow to b."""
    b = stage.lab.vms["b"]
    flow, = stage.hv1.flows(f"table=40,dl_dst={b.mac}")
    found = re.search(r"group:(\d+)", flow)
    assert found, flow
    return found[1]


@fault("group-deleted", "a group is deleted, and with it all flows that lead"
       " to it", "R38", DRIFT)
def group_deleted(stage: Stage) -> None:
    stage.hv1.ofctl("del-groups", INTEGRATION_BRIDGE,
                    f"group_id={group(stage)}")
    repaired(stage)


@fault("groups-deleted", "all groups are deleted", "R38", DRIFT)
def groups_deleted(stage: Stage) -> None:
    stage.hv1.ofctl("del-groups", INTEGRATION_BRIDGE)
    repaired(stage)


@fault("group-changed", "a group is made to drop", "R38", DRIFT)
def group_changed(stage: Stage) -> None:
    stage.hv1.ofctl("mod-group", INTEGRATION_BRIDGE,
                    f"group_id={group(stage)},type=indirect,"
                    "bucket=actions=drop")
    repaired(stage)
