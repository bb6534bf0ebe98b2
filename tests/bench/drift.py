# SPDX-License-Identifier: Apache-2.0
"""Somebody deletes flows and groups by hand, with everything else in place.

The time is from the end of ovs-ofctl until vtepd has counted the repair and
the switch has as many flows as before.  Everything is deleted three times at
most: who does so more often in a row has to wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from .daemons import cpu_seconds, settle, wait_for
from .figures import Figure
from .host import Host, status
from .install import final_flows
from .inventory import Shape
from .openflow import FORWARD
from .static_api import StaticApi

POLL = 0.003                    # Seconds between two looks.
AT_ONCE = 3


def mac(i: int) -> str:
    return ":".join(f"{b:02x}" for b in (2, 0, *i.to_bytes(4, "big")))


def measure(shape: Shape, runs: int) -> list[Figure]:
    size = f"{shape.live:,}"
    edits: list[tuple[str, int, Callable[[int], list[str]]]] = [
        ("one flow", runs, lambda i: [
            "del-flows", f"table={FORWARD},dl_dst={mac(i + 1)}"]),
        ("one group", runs, lambda i: ["del-groups", f"group_id={i + 1}"]),
        ("all flows", min(runs, AT_ONCE), lambda _: ["del-flows"]),
    ]
    figures: list[Figure] = []
    with StaticApi(shape) as api, Host() as host:
        host.start_vtepd(api.url)
        flows = final_flows(host, shape)
        control, counter = host.control(), host.counter()

        def repaired() -> int:
            s = status(control)["openflow"]
            return s["repaired_flows"] + s["repaired_groups"]

        for what, n, edit in edits:
            wall = Figure(f"drift, {what} deleted: repaired", size, "ms",
                          aim="≤ 1000")
            cpu = Figure(f"drift, {what} deleted: CPU of vtepd", size, "ms")
            for i in range(n):
                settle(host.pid, host.switch_pid)
                before, used = repaired(), cpu_seconds(host.pid)
                command, *which = edit(i)
                host.run(*host.ofctl(command, host.target, *which))
                start = time.monotonic()
                wait_for(lambda: (repaired() > before
                                  and counter.flows() == flows),
                         f"{what} is repaired", POLL)
                wall.add(1000 * (time.monotonic() - start))
                settle(host.pid, host.switch_pid)
                cpu.add(1000 * (cpu_seconds(host.pid) - used))
            figures += [wall, cpu]
        control.close()
        counter.close()
    return figures
