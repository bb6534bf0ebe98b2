# SPDX-License-Identifier: Apache-2.0
"""A virtual machine: a namespace with eth0, whose other end is a port of a
hypervisor's integration bridge, set up there as nova would."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from . import cloud, frames, ping
from .frames import Frame
from .hypervisor import INTEGRATION_BRIDGE, Hypervisor
from .netns import Namespace
from .ping import PingResult
from .processes import Daemon, run, wait_until

# Fits into 1500 bytes with the largest overhead: Geneve or VXLAN over IPv6.
MTU = 1400
PACKET_OUTGOING = 4


class RawPort:
    """eth0 of a VM, for whole Ethernet frames."""

    def __init__(self, sock: socket.socket):
        self._sock = sock

    def send(self, *raw: bytes) -> None:
        for frame in raw:
            self._sock.send(frame)

    def receive_until(self, is_last: Callable[[Frame], object],
                      timeout: float = 10) -> list[Frame]:
        """All frames that came in, up to the first that 'is_last'.  Fails
        when none comes in time."""
        seen: list[Frame] = []
        deadline = time.monotonic() + timeout
        while not seen or not is_last(seen[-1]):
            frame = self.receive(max(0.001, deadline - time.monotonic()))
            if frame is None:
                raise TimeoutError(f"no such frame in {timeout:g} s, only"
                                   f" {seen}")
            seen.append(frame)
        return seen

    def pending(self) -> list[Frame]:
        """All frames that have come in by now."""
        seen: list[Frame] = []
        while frame := self.receive(0):
            seen.append(frame)
        return seen

    def receive(self, timeout: float) -> Frame | None:
        """The next frame that comes in, None if there is none in time."""
        self._sock.settimeout(timeout)
        while True:
            try:
                raw, address = self._sock.recvfrom(65535)
            except (TimeoutError, BlockingIOError):
                return None
            if address[2] != PACKET_OUTGOING:
                return frames.decode(raw)


class Vm:
    def __init__(self, name: str, namespace: Namespace, folder: Path,
                 segment: str, mac: str, ips: list[str]):
        self.name = name            # Also the endpoint's id.
        self.namespace = namespace
        self.folder = folder
        self.segment = segment
        self.mac = mac
        self.ips = ips
        self.port = f"tap-{name}"[:15]      # On the hypervisor.
        self.hypervisor: Hypervisor | None = None
        self._end_at: Hypervisor | None = None
        self._n_daemons = 0

    @property
    def ipv4(self) -> str:
        """The first address of its family; likewise 'ipv6'."""
        return next(ip for ip in self.ips if ":" not in ip)

    @property
    def ipv6(self) -> str:
        return next(ip for ip in self.ips if ":" in ip)

    def endpoint(self, **members: object) -> dict:
        """The inventory's object for this VM, where it is plugged now."""
        host = self.hypervisor.name if self.hypervisor else ""
        return {**cloud.endpoint(self.name, self.segment, host, self.mac,
                                 self.ips), **members}

    # Life.

    def plug(self, hypervisor: Hypervisor, bridge: str = INTEGRATION_BRIDGE
             ) -> None:
        """Connects eth0 to a hypervisor.  Waits for the OpenFlow port."""
        self.link(hypervisor)
        self.add_port(hypervisor, bridge)
        wait_until(lambda: hypervisor.ofport(self.port),
                   f"{self.name} has an OpenFlow port")

    def link(self, hypervisor: Hypervisor) -> None:
        """The first half of plug(): the network device."""
        if self._end_at is None:
            self._create(hypervisor)
        elif self._end_at is not hypervisor:
            self._end_at.namespace.ip(f"link set {self.port} netns"
                                      f" {hypervisor.namespace.name}")
        self._end_at = hypervisor
        hypervisor.namespace.ip(f"link set {self.port} up")

    def add_port(self, hypervisor: Hypervisor,
                 bridge: str = INTEGRATION_BRIDGE) -> None:
        """The other half: the port of the bridge."""
        self.hypervisor = hypervisor
        ids = {"iface-id": self.name, "attached-mac": self.mac,
               "iface-status": "active"}
        hypervisor.vsctl(
            "add-port", bridge, self.port, "--", "set", "interface", self.port,
            *(f'external_ids:{key}="{value}"' for key, value in ids.items()))

    def unplug(self) -> None:
        """Takes the port out of the bridge; the VM keeps its eth0."""
        if self.hypervisor:
            self.hypervisor.vsctl("--if-exists", "del-port", self.port)
            self.hypervisor = None

    def remove_link(self) -> None:
        """Removes eth0, if there is one, and with it the port's end, at once:
        with a namespace its links go only some time later, and a port of that
        name could not be made meanwhile."""
        run(["ip", "-n", self.namespace.name, "link", "del", "eth0"],
            check=False)

    def move(self, hypervisor: Hypervisor) -> None:
        """What a live migration does: the same VM, on another hypervisor."""
        self.unplug()
        self.plug(hypervisor)

    def is_installed(self) -> bool:
        """Has vtepd marked the port as having its flows?"""
        assert self.hypervisor is not None
        return bool(self.hypervisor.rows(
            "Interface", f"name={self.port}",
            "external_ids:vtepd-installed=true", columns="name"))

    def _create(self, hypervisor: Hypervisor) -> None:
        ns = self.namespace
        ns.create()
        ns.ip(f"link add eth0 address {self.mac} mtu {MTU} type veth"
              f" peer name {self.port} mtu {MTU}"
              f" netns {hypervisor.namespace.name}")
        # The user space switch does not complete unfinished checksums.
        ns.run(["ethtool", "-K", "eth0", "tx", "off"])
        for name, value in (("disable_ipv6", "0"), ("accept_dad", "0"),
                            ("router_solicitations", "0")):
            ns.sysctl(f"net/ipv6/conf/eth0/{name}", value)
        for family in ("ipv4", "ipv6"):
            # A lost ARP request is repeated after 0.1 s instead of 1 s.
            ns.sysctl(f"net/{family}/neigh/eth0/retrans_time_ms", "100")
        ns.ip("link set eth0 up", *map(self._add_address, self.ips))

    @staticmethod
    def _add_address(address: str) -> str:
        return (f"addr add {address}/64 dev eth0 nodad" if ":" in address
                else f"addr add {address}/24 dev eth0")

    # What it does.

    def run(self, *argv: str, check: bool = True, timeout: float = 60) -> str:
        return self.namespace.run(argv, check=check, timeout=timeout)

    def daemon(self, *argv: str) -> Daemon:
        """A program that runs on in the VM, its output in a file."""
        self._n_daemons += 1
        output = self.folder / (f"{self.name}-{Path(argv[0]).name}"
                                f"-{self._n_daemons}.out")
        output.unlink(missing_ok=True)      # Of an earlier VM of that name.
        return self.namespace.daemon(f"{argv[0]} in {self.name}", argv, output)

    def ping(self, target: str, count: int = 1, interval: float = 0.01,
             wait: float = 1) -> PingResult:
        """Pings; an answer may take as long as 'wait' after the last request.
        (ping(8) is less patient once it has had an answer: two round trips,
        or the interval.  On a busy machine that is not enough.)"""
        with contextlib.closing(self._echo_socket(target)) as sock:
            return ping.ping(sock, count, interval, wait)

    def _echo_socket(self, target: str) -> socket.socket:
        with self.namespace.entered():
            return ping.connect(target)

    def reaches(self, target: str) -> bool:
        return self.ping(target).received == 1

    def wait_reaches(self, target: str, timeout: float = 15) -> None:
        """Pings until an answer comes.  (The first packet of a new tunnel is
        lost while the underlay asks for the peer's MAC.)"""
        wait_until(lambda: self.ping(target, wait=0.3),
                   f"{self.name} reaches {target}", timeout,
                   until=lambda result: result.received == 1)

    @contextlib.contextmanager
    def pinging(self, target: str, interval: float = 0.01
                ) -> Iterator[Callable[[], PingResult]]:
        """Pings all the time; the function that 'with' gives ends it and
        says how it went.  It first waits until requests sent afterwards are
        answered, so that none that is only late counts as lost."""
        daemon = self.daemon("ping", "-n", "-i", str(interval), target)

        def answered() -> set[int]:
            return set(map(int, re.findall(r"bytes from .*icmp_seq=(\d+)",
                                           daemon.said())))

        def finish() -> PingResult:
            mark = max(answered(), default=0) + 1 + int(0.3 / interval)
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: max(answered(), default=0),
                           "pings are answered", 5,
                           until=lambda last: last >= mark)
            seen = answered()
            daemon.stop(signal.SIGINT)
            result = PingResult.parse(daemon.said())
            last = max(seen, default=0)
            if last < mark:
                return result       # Nothing comes through any more.
            return replace(result, sent=last, received=len(seen))

        daemon.wait_ready(lambda: "icmp_seq=" in daemon.said())
        try:
            yield finish
        finally:
            daemon.stop(signal.SIGINT)

    @contextlib.contextmanager
    def raw(self) -> Iterator[RawPort]:
        with contextlib.closing(self.namespace.packet_socket("eth0")) as sock:
            yield RawPort(sock)

    @contextlib.contextmanager
    def flooding(self, frame: bytes) -> Iterator[None]:
        """Sends one frame all the time, some 10,000 a second: a hundred times
        what a VM may send to the agent."""
        ended = threading.Event()

        def send() -> None:
            with self.raw() as port:
                while not ended.is_set():
                    port.send(*[frame] * 20)
                    time.sleep(0.002)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def mute(self) -> None:
        """Takes eth0's addresses away: from now on only raw frames come from
        this VM, and its kernel answers to none."""
        self.namespace.sysctl("net/ipv6/conf/eth0/disable_ipv6", "1")
        self.namespace.ip("addr flush dev eth0")

    def forget_neighbours(self) -> None:
        """Empties the ARP and ND caches."""
        self.namespace.ip("neigh flush all nud all")

    def neighbour(self, address: str) -> str:
        """What the VM knows of an address: "lladdr 02:... REACHABLE"."""
        return self.namespace.ip(f"neigh show {address}").strip()
