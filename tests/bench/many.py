# SPDX-License-Identifier: Apache-2.0
"""Many hypervisors on one machine, and one API: an endpoint more, told to all
of them by their watch streams, until the last switch has it.

Nothing is shared but the processors: each host has an ovsdb-server, an
ovs-vswitchd and a vtepd of its own, a VM in the same segment as all others,
and so a tunnel to each of them.  The endpoint is on one host more that is
only in the inventory, so it is the same work for all.

The time is from before the first line is sent until the last switch has told
that it has the flow, without being asked (a flow monitor)."""

from __future__ import annotations

import contextlib
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from .daemons import cpu_seconds, settle, wait_for
from .events import NEW, SETTINGS, put
from .figures import Figure
from .host import Host
from .inventory import Shape, endpoint
from .openflow import FlowMonitor
from .static_api import StaticApi

CHANGES = 10                    # A run.
FLOWS = 2                       # Of a remote endpoint.


class Hosts:
    """Use with 'with': all of them run, with everything installed."""

    def __init__(self, n: int):
        self.hosts = [Host(number=i) for i in range(n)]
        self.shape = Shape(n + 1, n + 1)
        self.streams: list[socket.socket] = []
        self.monitors: list[FlowMonitor] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Hosts:
        with self._stack:
            api = self._stack.enter_context(StaticApi(self.shape))
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(self._start, self.hosts))
            for host in self.hosts:
                host.start_vtepd(api.url, **SETTINGS)
                self.streams.append(api.watch())
                self.stay_alive()
            self._wait_installed()
            self.list_bytes = api.bytes_of_list()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (*self.streams, *self.monitors):
            connection.close()
        self._stack.close()

    def _start(self, host: Host) -> None:
        self._stack.enter_context(host)

    def _wait_installed(self) -> None:
        """Hosts differ in nothing that has an effect on how many flows there
        are."""
        counters = [host.counter() for host in self.hosts]
        wanted = FLOWS * (self.shape.live - 1)

        def same() -> bool:
            self.stay_alive()
            flows = [counter.flows() for counter in counters]
            return min(flows) > wanted and len(set(flows)) == 1

        wait_for(same, "all hosts have everything", 0.5)
        for counter in counters:
            counter.close()
        self.monitors = [host.monitor() for host in self.hosts]
        settle(*self.pids())

    def pids(self) -> list[int]:
        return [host.pid for host in self.hosts]

    def stay_alive(self) -> None:
        """A watch stream is given up if nothing comes for long."""
        self.tell('{"type":"version","version":"1"}\n')

    def tell(self, line: str) -> None:
        for stream in self.streams:
            stream.sendall(line.encode())

    def seconds_until_everywhere(self, line: str) -> float:
        start = time.monotonic()
        self.tell(line)
        for monitor in self.monitors:
            monitor.wait()
        return time.monotonic() - start

    def cpu(self) -> tuple[float, float]:
        """Of all vtepds and of all switches so far, once vtepd has come to
        rest."""
        settle(*self.pids())
        return (sum(map(cpu_seconds, self.pids())),
                sum(cpu_seconds(host.switch_pid) for host in self.hosts))


def measure(n: int, runs: int) -> list[Figure]:
    size = f"{n:,} hosts"
    slowest = Figure("endpoint added, everywhere: p50", size, "ms",
                     aim="≤ 250")
    worst = Figure("endpoint added, everywhere: slowest", size, "ms",
                   aim="≤ 250")
    each = Figure("the p50, a host", size, "ms", aim="the same for all sizes")
    cpu = Figure("CPU of vtepd, a host and change", size, "ms")
    switch = Figure("CPU of ovs-vswitchd, a host and change", size, "ms")
    sent = Figure("the API sends, a host and change", size, "bytes")
    listed = Figure("the API sends, a host and list", size, "bytes")

    with Hosts(n) as hosts:
        listed.add(hosts.list_bytes)
        for run in range(runs):
            lines = [put(endpoint(NEW + run * CHANGES + i, n))
                     for i in range(CHANGES)]
            hosts.stay_alive()
            used = hosts.cpu()
            times = [hosts.seconds_until_everywhere(line) for line in lines]
            for figure, before, after in zip((cpu, switch), used, hosts.cpu()):
                figure.add((after - before) / n / CHANGES * 1e3)
            slowest.add(statistics.median(times) * 1e3)
            worst.add(max(times) * 1e3)
            each.add(statistics.median(times) / n * 1e3)
            sent.add(statistics.mean(map(len, lines)))
    return [slowest, worst, each, cpu, switch, sent, listed]
