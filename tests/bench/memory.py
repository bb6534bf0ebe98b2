# SPDX-License-Identifier: Apache-2.0
"""How large vtepd is once it has come to rest, and how large it ever was: when
it has just been started, and when it has compared everything with a list and
with the switch again."""

from __future__ import annotations

from .daemons import memory_at_rest, shared_memory, wait_for
from .figures import Figure
from .host import Host, status
from .install import final_flows
from .inventory import Shape
from .static_api import StaticApi


def measure(shape: Shape) -> list[Figure]:
    """One run: nothing here depends on time."""
    size = f"{shape.total():,}, {shape.live:,} live"
    allowed = 10 + 300 * shape.total() / 1e6
    aim = f"≤ {allowed:,.0f} MB"
    rss = Figure("memory: at rest", size, "MB", aim=aim)
    shared = Figure("memory: of that, code shared with others", size, "MB")
    peak = Figure("memory: at most, until then", size, "MB")
    again = Figure("memory: at rest after vtepd/resync", size, "MB", aim=aim)
    with StaticApi(shape) as api, Host() as host:
        host.start_vtepd(api.url)
        final_flows(host, shape)
        now, most = memory_at_rest(host.pid)
        rss.add(now)
        shared.add(shared_memory(host.pid))
        peak.add(most)

        api.new_version()
        control = host.control()
        lists = status(control)["inventory"]["lists"]
        control.command("vtepd/resync")
        wait_for(lambda: status(control)["inventory"]["lists"] > lists,
                 "the list is whole", 0.05)
        again.add(memory_at_rest(host.pid)[0])
        control.close()
    return [rss, shared, peak, again]
