# SPDX-License-Identifier: Apache-2.0
"""How large vtepd is once it has come to rest, and how large it ever was."""

from __future__ import annotations

from .daemons import memory
from .figures import Figure
from .host import Host
from .install import final_flows
from .inventory import Shape
from .static_api import StaticApi


def measure(shape: Shape) -> list[Figure]:
    """One run: nothing here depends on time."""
    size = f"{shape.total():,}, {shape.live:,} live"
    allowed = 10 + 300 * shape.total() / 1e6
    rss = Figure("memory: at rest", size, "MB", aim=f"≤ {allowed:,.0f} MB")
    peak = Figure("memory: at most", size, "MB")
    with StaticApi(shape) as api, Host() as host:
        host.start_vtepd(api.url)
        final_flows(host, shape)
        now, most = memory(host.pid)
        rss.add(now)
        peak.add(most)
    return [rss, peak]
