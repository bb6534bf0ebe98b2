# SPDX-License-Identifier: Apache-2.0
"""A list: decoded and compared with what is known, all of it the same.

The server makes a new version of what it has, 'vtepd/resync' has it listed,
and vtepd/status counts the lists that are whole.  How long vtepd takes at most
to answer anything else meanwhile is seen with a command that does nothing."""

from __future__ import annotations

import time

from .daemons import cpu_seconds, settle, wait_for
from .figures import Figure
from .host import Host, status
from .install import final_flows
from .inventory import Shape
from .static_api import StaticApi


def measure(shape: Shape, runs: int) -> list[Figure]:
    size = f"{shape.total():,}"
    wall = Figure("list, unchanged: objects a second", size, "/s",
                  aim="≥ 200,000")
    cpu = Figure("list, unchanged: CPU of vtepd an object", size, "µs")
    mods = Figure("list, unchanged: changes sent to the switch", size, "",
                  aim="0")
    delay = Figure("list, unchanged: longest wait for an answer", size, "ms",
                   aim="≤ 20")
    with StaticApi(shape) as api, Host() as host:
        host.start_vtepd(api.url)
        final_flows(host, shape)
        control = host.control()
        for _ in range(runs):
            api.new_version()
            settle(host.pid, host.switch_pid)
            before, used = status(control), cpu_seconds(host.pid)
            start = time.monotonic()
            control.command("vtepd/resync")
            longest = 0.0

            def is_whole() -> bool:
                nonlocal longest
                asked = time.monotonic()
                control.command("version")
                longest = max(longest, time.monotonic() - asked)
                return lists(control) > lists_before

            lists_before = before["inventory"]["lists"]
            wait_for(is_whole, "the list is whole", 0.005)
            took = time.monotonic() - start
            settle(host.pid, host.switch_pid)
            after = status(control)
            wall.add(shape.objects() / took)
            cpu.add((cpu_seconds(host.pid) - used) / shape.objects() * 1e6)
            delay.add(longest * 1e3)
            mods.add(sum(after["openflow"][what] - before["openflow"][what]
                         for what in ("flow_mods", "group_mods")))
        control.close()
    return [wall, cpu, delay, mods]


def lists(control) -> int:
    return status(control)["inventory"]["lists"]
