# SPDX-License-Identifier: Apache-2.0
"""Nothing happens: how often vtepd wakes up all the same, and what it costs.
It listens for webhooks, has a client of them and a watch stream.  What it has
to look at unasked it looks at once a minute; libcurl wakes it once, ten
seconds after the stream was opened."""

from __future__ import annotations

import time

from .daemons import cpu_seconds, settle, wake_ups
from .figures import Figure
from .events import start_ready
from .host import Host
from .inventory import Shape
from .static_api import StaticApi

SECONDS = 2


def measure(shape: Shape, runs: int) -> list[Figure]:
    size = f"{shape.live:,}"
    wakes = Figure("idle: wake-ups a second", size, "", aim="timers only")
    cpu = Figure("idle: CPU of vtepd", size, "%", aim="0.0")
    with StaticApi(shape) as api, Host() as host:
        client, stream = start_ready(host, api, shape)
        settle(host.pid, host.switch_pid)
        for _ in range(runs):
            before, used = wake_ups(host.pid), cpu_seconds(host.pid)
            start = time.monotonic()
            time.sleep(SECONDS)
            took = time.monotonic() - start
            wakes.add(sum(n - before.get(task, 0) for task, n
                          in wake_ups(host.pid).items()) / took)
            cpu.add((cpu_seconds(host.pid) - used) / took * 100)
        client.close()
        stream.close()
    return [wakes, cpu]
