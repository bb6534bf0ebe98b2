# SPDX-License-Identifier: Apache-2.0
"""Many peers at once: the VM is plugged in, and its segment has an endpoint on
each.  The floor is one OVSDB transaction with the very rows that vtepd has
made, until all ports have an OpenFlow port number."""

from __future__ import annotations

import time

from .daemons import cpu_seconds, settle, wait_for
from .figures import Figure
from .host import Host, status
from .install import final_flows, reach
from .inventory import Shape
from .ovsdb import PortWatch, insert_all, tunnel_rows
from .static_api import StaticApi

def floor(rows: list[dict]) -> tuple[float, float]:
    """Seconds, and of ovs-vswitchd's CPU."""
    with Host(plugged=False) as host:
        watch = PortWatch(host.folder / "db.sock")
        connection = host.database()
        before = cpu_seconds(host.switch_pid)
        start = time.monotonic()
        insert_all(connection, rows)
        watch.wait({row["name"] for row in rows})
        took = time.monotonic() - start
        settle(host.switch_pid)
        return took, cpu_seconds(host.switch_pid) - before


def measure(peers: int, runs: int) -> list[Figure]:
    shape = Shape(hosts=peers + 1, live=peers + 1)
    size = f"{peers:,}"
    which = "one OVSDB transaction"
    ports = Figure("peers at once: all have an ofport", size, "s",
                   floor_name=which, aim="≤ 1.3")
    everything = Figure("peers at once: all flows and groups", size, "s",
                        floor_name=which)
    cpu = Figure("peers at once: CPU of vtepd", size, "s")
    switch = Figure("peers at once: CPU of ovs-vswitchd", size, "s",
                    floor_name=which)
    with StaticApi(shape) as api:
        with Host() as host:
            host.start_vtepd(api.url)
            flows = final_flows(host, shape)
            rows = tunnel_rows(host.database())
            assert len(rows) == peers
        for _ in range(runs):
            base, base_cpu = floor(rows)
            with Host(plugged=False) as host:
                host.start_vtepd(api.url)
                control = host.control()
                wait_for(lambda: status(control)["openflow"]["state"]
                         == "synced", "vtepd has the inventory", 0.02)
                settle(host.pid, host.switch_pid)
                watch = PortWatch(host.folder / "db.sock")
                n = len(watch.numbered)
                before = cpu_seconds(host.pid), cpu_seconds(host.switch_pid)
                start = time.monotonic()
                host.plug()
                watch.wait_count(n + peers)
                ports.add(time.monotonic() - start, base)
                everything.add(reach(host, flows, "all flows") - start, base)
                settle(host.pid, host.switch_pid)
                cpu.add(cpu_seconds(host.pid) - before[0])
                switch.add(cpu_seconds(host.switch_pid) - before[1], base_cpu)
                control.close()
    return [ports, everything, cpu, switch]
