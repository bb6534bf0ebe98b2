# SPDX-License-Identifier: Apache-2.0
"""A restart of vtepd with everything in place and nothing changed.  The floor
is 'ovs-ofctl dump-flows' of the same table.

The end: vtepd/status says that all was compared with the switch."""

from __future__ import annotations

import time

from .daemons import cpu_seconds, memory, run_measured, settle, wait_for
from .figures import Figure
from .host import Host, status
from .install import final_flows
from .inventory import Shape
from .static_api import StaticApi


def measure(shape: Shape, runs: int) -> list[Figure]:
    size = f"{shape.live:,}"
    dump = "ovs-ofctl dump-flows"
    wall = Figure("restart: wall", size, "s", floor_name=dump, aim="≤ 1.5")
    cpu = Figure("restart: CPU of vtepd", size, "s",
                 floor_name="ovs-ofctl's CPU")
    switch = Figure("restart: CPU of ovs-vswitchd", size, "s",
                    floor_name="ovs-vswitchd, from ovs-ofctl")
    peak = Figure("restart: memory at most", size, "MB")
    mods = Figure("restart: changes sent to the switch", size, "", aim="0")
    with StaticApi(shape) as api, Host() as host:
        host.start_vtepd(api.url)
        final_flows(host, shape)
        argv = host.ofctl("dump-flows", host.target)
        for i in range(runs + 1):
            host.stop_vtepd()
            settle(host.switch_pid)
            before = cpu_seconds(host.switch_pid)
            floor = run_measured(argv)
            settle(host.switch_pid)
            between = cpu_seconds(host.switch_pid)
            start = host.start_vtepd(api.url)
            control = host.control()
            wait_for(lambda: status(control)["openflow"]["state"] == "synced",
                     "vtepd has compared everything", 0.003)
            took = time.monotonic() - start
            settle(host.pid, host.switch_pid)
            sent = status(control)["openflow"]
            control.close()
            if not i:
                continue        # The first is not counted.
            wall.add(took, floor.wall)
            cpu.add(cpu_seconds(host.pid), floor.cpu)
            switch.add(cpu_seconds(host.switch_pid) - between,
                       between - before)
            peak.add(memory(host.pid)[1])
            mods.add(sent["flow_mods"] + sent["group_mods"])
    return [wall, cpu, switch, peak, mods]
