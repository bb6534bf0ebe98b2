# SPDX-License-Identifier: Apache-2.0
"""Events: a webhook that waits until the switch has it, and a watch stream.

A webhook's time is from before it is sent, on a connection that stays open, to
its answer 204: the switch has confirmed the bundle.  A watch line's is from
before it is sent until the switch's flow counters (see openflow.py) show it,
asked for without a pause: the asking competes with what it measures, so this
is an upper bound."""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial

from .daemons import cpu_seconds, memory_at_rest, settle, wait_for
from .figures import Figure
from .host import Host, status
from .install import final_flows
from .inventory import OWN_ADDRESS, Shape, endpoint, endpoint_id
from .openflow import FlowCounter
from .ovsdb import PortWatch, insert_all
from .static_api import StaticApi

# No list is to disturb.
SETTINGS = {"poll": "86400"}
NEW = 0x800000                  # Numbers of endpoints that no list has.


def put(data: str) -> str:
    return f'{{"type":"put","object":{data}}}\n'


def delete(i: int, revision: int) -> str:
    return (f'{{"type":"delete","object":{{"kind":"endpoint",'
            f'"id":"{endpoint_id(i)}","revision":{revision}}}}}\n')


class Webhooks:
    """A client that keeps its connection."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(30)

    def close(self) -> None:
        self._socket.close()

    def send(self, kind: str, data: str) -> float:
        """Seconds until the switch has it."""
        body = (f'{{"type":"{kind}","timestamp":"2026-01-01T00:00:00Z",'
                f'"data":{data}}}')
        request = (f"POST /v1/events HTTP/1.1\r\nHost: vtepd\r\n"
                   f"Content-Type: application/json\r\nPrefer: wait=20\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n{body}").encode()
        start = time.monotonic()
        self._socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError(f"vtepd hung up: {answer!r}")
            answer += more
        took = time.monotonic() - start
        if not answer.startswith(b"HTTP/1.1 204"):
            raise RuntimeError(f"webhook: {answer.decode()}")
        return took


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_ready(host: Host, api: StaticApi, shape: Shape
                ) -> tuple[Webhooks, socket.socket]:
    """vtepd with everything installed, a webhook client, its watch stream."""
    port = free_port()
    host.start_vtepd(api.url, webhook_listen=f"127.0.0.1:{port}", **SETTINGS)
    stream = api.watch()
    final_flows(host, shape)
    return Webhooks(port), stream


def p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


class Kind:
    """One kind of event: its times, run by run."""

    def __init__(self, name: str, size: str, p50_aim: str, p99_aim: str = "",
                 cpu_aim: str = ""):
        self.p50 = Figure(f"{name}: p50", size, "ms", aim=p50_aim)
        self.p99 = Figure(f"{name}: p99", size, "ms", aim=p99_aim)
        self.cpu = Figure(f"{name}: CPU of vtepd", size, "ms", aim=cpu_aim)

    def run(self, host: Host, events: Iterable[Callable[[], float]]) -> None:
        used = cpu_seconds(host.pid)
        times = [event() for event in events]
        settle(host.pid, host.switch_pid)
        self.cpu.add((cpu_seconds(host.pid) - used) / len(times) * 1e3)
        self.p50.add(statistics.median(times) * 1e3)
        self.p99.add(p99(times) * 1e3)

    def figures(self) -> list[Figure]:
        return [self.p50, self.p99, self.cpu]


def seen(stream: socket.socket, counter: FlowCounter, line: str, change: int
         ) -> float:
    """Seconds from a watch line until the number of flows has changed."""
    wanted = counter.flows() + change
    start = time.monotonic()
    stream.sendall(line.encode())
    wait_for(lambda: counter.flows() == wanted, "the event is in the switch",
             0)
    return time.monotonic() - start


class Served:
    """A vtepd that has everything installed, and what its events come by.  Use
    with 'with'."""

    def __init__(self, size: int, hosts: int = 200):
        self.hosts = min(hosts, size)
        self._shape = Shape(self.hosts, size)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Served:
        api = self._stack.enter_context(StaticApi(self._shape))
        self.host = self._stack.enter_context(Host())
        self._webhooks, self._stream = start_ready(self.host, api,
                                                   self._shape)
        self._stack.callback(self._stream.close)
        self._stack.callback(self._webhooks.close)
        self._counter = self.host.counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def events(self, run: int, n: int) -> list[list[Callable[[], float]]]:
        """'n' events of each kind on known peers: endpoints are added, moved,
        deleted by webhooks, and added by watch lines."""
        numbers = [NEW + run * 1000 + i for i in range(n)]
        peers, send = self.hosts - 1, self._webhooks.send

        def added(i: int) -> float:
            return send("endpoint.put", endpoint(i, 1 + i % peers))

        def moved(i: int) -> float:
            return send("endpoint.put",
                        endpoint(i, 1 + (i + 1) % peers, revision=2))

        def deleted(i: int) -> float:
            return send("endpoint.delete", json.dumps(
                {"kind": "endpoint", "id": endpoint_id(i), "revision": 3}))

        def watched(i: int) -> float:
            return seen(self._stream, self._counter,
                        put(endpoint(i, 1 + i % peers, revision=4)), 2)

        return [[partial(event, i) for i in numbers]
                for event in (added, moved, deleted, watched)]


def kinds_of_events(size: str) -> list[Kind]:
    """In the order of Served.events()."""
    aims = ("≤ 1.5", "≤ 5", "≤ 0.15")
    return [*(Kind(f"webhook, endpoint {what}", size, *aims)
              for what in ("added", "moved", "deleted")),
            Kind("watch, endpoint added", size, "≤ 1.5", "≤ 5")]


def measure(size: int, runs: int, n: int = 100) -> list[Figure]:
    """'n' events of each kind a run, on known peers."""
    kinds, uncounted = kinds_of_events(f"{size:,}"), kinds_of_events("")
    with Served(size) as served:
        for run in range(runs + 1):
            for kind, events in zip(kinds if run else uncounted,
                                    served.events(run, n)):
                kind.run(served.host, events)
    return [figure for kind in kinds for figure in kind.figures()]


def measure_scale(size: int, runs: int, n: int = 100, small: int = 100
                  ) -> list[Figure]:
    """Does an event cost more because there are more endpoints?  A large and a
    small inventory by turns, so that both see the same machine, and on as many
    hosts, since ovs-vswitchd looks at every tunnel whenever it wakes up."""
    text = f"{size:,} against {small:,}"
    with Served(size, small) as large, Served(small, small) as other:
        counted = (kinds_of_events(text), kinds_of_events(text))
        uncounted = (kinds_of_events(""), kinds_of_events(""))
        for run in range(runs + 1):
            for i in range(len(counted[0])):
                for kinds, served in zip(counted if run else uncounted,
                                         (large, other)):
                    kinds[i].run(served.host, served.events(run, n)[i])
    figures = []
    for kind, base in zip(*counted):
        for figure, floor in zip(kind.figures(), base.figures()):
            figure.floor = floor.values
            figure.floor_name = f"the same with {small:,}"
            figure.aim = "ratio ≤ 1.3"
            figures.append(figure)
    return figures


def add_port(host: Host, number: int) -> float:
    """Seconds until a tunnel port, added by hand, has its ofport."""
    name = f"floor{number}"
    row = {"name": name, "type": "vxlan", "ofport_request": 40000 + number,
           "options": ["map", [["remote_ip", f"203.0.113.{number}"],
                               ["local_ip", OWN_ADDRESS], ["key", "flow"]]],
           "external_ids": ["map", []]}
    watch, connection = PortWatch(host.folder / "db.sock"), host.database()
    start = time.monotonic()
    insert_all(connection, [row])
    watch.wait({name})
    took = time.monotonic() - start
    watch.close()
    connection.close()
    return took


def measure_new_peer(tunnels: int, runs: int, n: int = 10) -> list[Figure]:
    """An endpoint on a host without a tunnel yet."""
    shape = Shape(tunnels + 2 + (runs + 1) * n, tunnels + 1)
    kind = Kind("webhook, endpoint on a new peer", f"{tunnels} tunnels",
                "≤ 8")
    kind.p50.floor_name = "one port more, by OVSDB"
    # Endpoints of the list are on the first hosts: the rest has none.
    with StaticApi(shape) as api, Host() as host:
        webhooks, stream = start_ready(host, api, shape)
        for run in range(runs + 1):
            first = tunnels + 1 + run * n
            (kind if run else Kind("", "", "")).run(host, (
                lambda i=i: webhooks.send("endpoint.put",
                                          endpoint(NEW + i, i))
                for i in range(first, first + n)))
            if run:
                kind.p50.floor.append(1e3 * statistics.median(
                    add_port(host, run * n + i) for i in range(n)))
        webhooks.close()
        stream.close()
    return kind.figures()


def wait_count(counter: FlowCounter, flows: int) -> None:
    wait_for(lambda: counter.flows() == flows, "all events are in the switch",
             0.002)


def burst(stream: socket.socket, counter: FlowCounter, lines: list[str],
          change: int) -> float:
    """Seconds until the number of flows has changed by so much."""
    data = "".join(lines).encode()
    wanted = counter.flows() + change
    start = time.monotonic()
    stream.sendall(data)
    wait_count(counter, wanted)
    return time.monotonic() - start


def measure_burst(size: int, runs: int, n: int = 10_000) -> list[Figure]:
    shape = Shape(200, size)
    text = f"{size:,}"
    rate = Figure(f"watch, {n:,} endpoints added", text, "/s",
                  aim="≥ 20,000")
    again = Figure(f"watch, {n // 10:,} endpoints moved ten times", text, "/s",
                   aim="≥ 20,000")
    mods = Figure("flow mods for each of these", text, "", aim="1")
    bundles = Figure("bundles for all of these", text, "")
    cpu = Figure("watch burst: CPU of vtepd an event", text, "µs")
    with StaticApi(shape) as api, Host() as host:
        webhooks, stream = start_ready(host, api, shape)
        control, counter = host.control(), host.counter()
        for run in range(runs):
            base = NEW + run * n
            settle(host.pid, host.switch_pid)
            used = cpu_seconds(host.pid)
            took = burst(stream, counter,
                         [put(endpoint(base + i, 1 + i % 199))
                          for i in range(n)], 2 * n)
            settle(host.pid, host.switch_pid)
            rate.add(n / took)
            cpu.add((cpu_seconds(host.pid) - used) / n * 1e6)

            before = status(control)["openflow"]
            lines = [put(endpoint(base + i, 1 + (i + turn) % 199,
                                  revision=1 + turn))
                     for i in range(n // 10) for turn in range(1, 11)]
            # One more flow says that all before it is done.
            last = base + n - 1
            lines.append(delete(last, 100))
            took = burst(stream, counter, lines, -2)
            after = status(control)["openflow"]
            again.add(n / took)
            mods.add((after["flow_mods"] - before["flow_mods"] - 2)
                     / (n // 10))
            bundles.add(after["bundles"] - before["bundles"])
            # As it was.
            burst(stream, counter, [delete(base + i, 100)
                                    for i in range(n - 1)], -2 * (n - 1))
        stream.close()
        webhooks.close()
    return [rate, cpu, again, mods, bundles]


def measure_growth(size: int) -> list[Figure]:
    """A million events; one run."""
    shape = Shape(200, size)
    text = f"{size:,}"
    growth = Figure("memory: growth over a million events", text, "MB",
                    aim="none")
    n, rounds = 10_000, 50
    with StaticApi(shape) as api, Host() as host:
        webhooks, stream = start_ready(host, api, shape)
        counter = host.counter()
        first = 0.0
        for turn in range(rounds):
            burst(stream, counter,
                  [put(endpoint(NEW + i, 1 + i % 199, revision=2 * turn + 1))
                   for i in range(n)], 2 * n)
            burst(stream, counter, [delete(NEW + i, 2 * turn + 2)
                                    for i in range(n)], -2 * n)
            if turn == 4:
                first = memory_at_rest(host.pid)[0]
        growth.add(memory_at_rest(host.pid)[0] - first)
        stream.close()
        webhooks.close()
    return [growth]
