# SPDX-License-Identifier: Apache-2.0
"""Whole install: everything into an empty switch, at vtepd's start and when
the first VM of a segment is plugged in.  The floor is 'ovs-ofctl bundle' with
the very flows and groups that vtepd has installed, into a switch as empty; or,
as vtepd makes the tunnels too, one OVSDB transaction with the rows of its
tunnel ports, and that bundle once they have their port numbers.

The end is seen in the switch: its number of flows (see openflow.py), asked for
every few ms, is the final one.  Last come the flows of the tunnel ports, in
the same bundle as the groups that lead to them."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .daemons import (Stuck, cpu_seconds, memory, run_measured, settle,
                      wait_for)
from .figures import Figure
from .host import Host, status
from .inventory import Shape
from .ovsdb import PortWatch, insert_all, tunnel_rows
from .static_api import StaticApi

POLL = 0.002                    # Seconds between two looks at the switch.


@dataclass
class Install:
    wall: float                 # Seconds until the last flow is there.
    cpu: float                  # vtepd's, until it came to rest.
    switch_cpu: float
    rss: float                  # MB, of vtepd.
    peak: float


def endpoint_flows(shape: Shape) -> int:
    """Flows of remote endpoints."""
    return (3 if shape.routed else 2) * (shape.live - 1)


def reach(host: Host, flows: int, what: str) -> float:
    """Waits until the switch has so many flows; returns when."""
    counter = host.counter()
    wait_for(lambda: counter.flows() == flows, what, POLL)
    end = time.monotonic()
    counter.close()
    return end


def final_flows(host: Host, shape: Shape) -> int:
    """How many flows there are once everything is there.  For the first,
    uncounted run: looks at vtepd all the time."""
    control = host.control()
    tunnels = min(shape.hosts, shape.live) - 1

    def is_there() -> bool:
        s = status(control)
        return (s["openflow"]["state"] == "synced"
                and s["here"]["installed_endpoints"] == shape.live
                and s["here"]["tunnels"] == tunnels)

    wait_for(is_there, "vtepd has told everything to the switch", 0.02)
    watch = PortWatch(host.folder / "db.sock")
    watch.wait_count(tunnels + 2)       # The bridge's own and the VM's.
    watch.close()
    settle(host.pid, host.switch_pid)
    control.close()
    counter = host.counter()
    flows = counter.flows()
    counter.close()
    if flows < endpoint_flows(shape):
        raise Stuck(f"only {flows} flows for {shape.live} endpoints")
    return flows


def at_start(api: StaticApi, flows: int) -> Install:
    """vtepd starts with the VM plugged in."""
    with Host() as host:
        switch = cpu_seconds(host.switch_pid)
        start = host.start_vtepd(api.url)
        end = reach(host, flows, "all flows are there")
        settle(host.pid, host.switch_pid)
        return Install(end - start, cpu_seconds(host.pid),
                       cpu_seconds(host.switch_pid) - switch,
                       *memory(host.pid))


def at_plug(api: StaticApi, flows: int) -> Install:
    """vtepd runs, and the first VM is plugged in."""
    with Host(plugged=False) as host:
        host.start_vtepd(api.url)
        control = host.control()
        wait_for(lambda: status(control)["openflow"]["state"] == "synced",
                 "vtepd has the inventory", 0.02)
        control.close()
        settle(host.pid, host.switch_pid)
        before, switch = cpu_seconds(host.pid), cpu_seconds(host.switch_pid)
        start = time.monotonic()
        host.plug()
        end = reach(host, flows, "all flows are there")
        settle(host.pid, host.switch_pid)
        return Install(end - start, cpu_seconds(host.pid) - before,
                       cpu_seconds(host.switch_pid) - switch,
                       *memory(host.pid))


def floor(installed: Path, rows: list[dict]) -> Install:
    """'rows' are those of the tunnel ports that come first; may be none."""
    with Host(plugged=False) as host:
        watch, connection = PortWatch(host.folder / "db.sock"), host.database()
        switch = cpu_seconds(host.switch_pid)
        start = time.monotonic()
        if rows:
            insert_all(connection, rows)
            watch.wait({row["name"] for row in rows})
        ports = time.monotonic() - start if rows else 0
        cost = run_measured(host.ofctl("bundle", host.target, str(installed)))
        settle(host.switch_pid)
        return Install(ports + cost.wall, cost.cpu,
                       cpu_seconds(host.switch_pid) - switch, 0, 0)


OFCTL, PORTS = "ovs-ofctl bundle", "OVSDB's ports, then ovs-ofctl bundle"


class Figures:
    """Of one way to install."""

    def __init__(self, name: str, size: str):
        def figure(what: str, unit: str, floor_name: str = "", aim: str = ""
                   ) -> Figure:
            return Figure(f"install at {name}: {what}", size, unit,
                          floor_name=floor_name, aim=aim)

        self.wall = figure("wall", "s", OFCTL, "≤ 1.5")
        self.wall_with_ports = figure("wall", "s", PORTS)
        self.cpu = figure("CPU of vtepd", "s", "ovs-ofctl's CPU", "≤ 1")
        self.switch = figure("CPU of ovs-vswitchd", "s",
                             f"the same from {OFCTL}")
        self.switch_with_ports = figure("CPU of ovs-vswitchd", "s",
                                        f"the same from {PORTS}")
        self.rss = figure("memory at rest", "MB")
        self.peak = figure("memory at most", "MB")

    def add(self, got: Install, base: Install, with_ports: Install) -> None:
        self.wall.add(got.wall, base.wall)
        self.wall_with_ports.add(got.wall, with_ports.wall)
        self.cpu.add(got.cpu, base.cpu)
        self.switch.add(got.switch_cpu, base.switch_cpu)
        self.switch_with_ports.add(got.switch_cpu, with_ports.switch_cpu)
        self.rss.add(got.rss)
        self.peak.add(got.peak)

    def figures(self) -> list[Figure]:
        return list(vars(self).values())


def measure(shape: Shape, runs: int) -> list[Figure]:
    size = f"{shape.live:,}" + (
        f" in {shape.routed} segments of a router" if shape.routed else "")
    ways = [(at_start, Figures("start", size)),
            (at_plug, Figures("plug", size))]
    with StaticApi(shape) as api, tempfile.TemporaryDirectory() as folder:
        with Host() as host:
            host.start_vtepd(api.url)
            flows = final_flows(host, shape)
            installed = Path(shutil.copy(host.installed(), folder))
            rows = tunnel_rows(host.database())
        floor(installed, [])
        for _ in range(runs):
            base, with_ports = floor(installed, []), floor(installed, rows)
            for install, figures in ways:
                figures.add(install(api, flows), base, with_ports)
    return [figure for _, figures in ways for figure in figures.figures()]
