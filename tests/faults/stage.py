# SPDX-License-Identifier: Apache-2.0
"""The stage for faults: two hypervisors, a segment on VXLAN and one on GRE
that share a number and addresses, a thousand endpoints, probes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from lab import cloud
from lab.agent import Agent
from lab.hypervisor import INTEGRATION_BRIDGE, Hypervisor
from lab.lab import Lab
from lab.netns import Namespace
from lab.processes import wait_until
from lab.vm import Vm
from system.scene import Scene

from . import probes
from .probes import CONTROL, End, Probes

VNI = 77
N_ENDPOINTS = 1000
N_FAR_HOSTS = 10


class Stage:
    """hv1 is where faults happen."""

    def __init__(self, lab: Lab, program: Path, previous: Path | None = None):
        """With the program that sends probes, and another vtepd."""
        self.lab = lab
        self.previous = previous
        self.scene = Scene(lab)
        self.cloud = lab.cloud
        self.hv1: Hypervisor = lab.hypervisors["hv1"]
        self.agent: Agent = lab.agents["hv1"]
        self._program = program
        self.probes: Probes

    # Setting it up.

    @contextlib.contextmanager
    def set_up(self) -> Iterator[None]:
        scene = self.scene
        scene.begin()
        for name in ("blue", "green"):
            scene.segment(name, VNI,
                          encap="vxlan" if name == "blue" else "gre")
        a, b, local = (scene.vm("a", "blue", "hv1"),
                       scene.vm("b", "blue", "hv2"),
                       scene.vm("local", "blue", "hv1"))
        c, d = scene.vm("c", "green", "hv1"), scene.vm("d", "green", "hv2")
        self.cloud.put(*self._far_away())
        scene.connect(a, b, local)
        scene.connect(c, d)
        with self._plain_namespaces() as plain, probes.probing(
                self._program, {
                    "vxlan-out": (_end(a), _end(b)),
                    "vxlan-in": (_end(b), _end(a)),
                    "gre-out": (_end(c), _end(d)),
                    "gre-in": (_end(d), _end(c)),
                    "local": (_end(a), _end(local)),
                    CONTROL: plain}) as self.probes:
            self.make_even()
            yield

    @staticmethod
    def _far_away() -> list[dict]:
        """Hosts that are in the inventory only, and what is on them."""
        hosts = [cloud.host(f"far{n}", f"192.0.2.{100 + n}", "vxlan gre")
                 for n in range(N_FAR_HOSTS)]
        return hosts + [cloud.endpoint(
            f"x{n}", ("blue", "green")[n % 2], f"far{n // 2 % N_FAR_HOSTS}",
            f"02:ee:00:00:{n >> 8:02x}:{n & 255:02x}",
            [f"10.0.{1 + (n >> 8)}.{n & 255}"]) for n in range(N_ENDPOINTS)]

    @contextlib.contextmanager
    def _plain_namespaces(self) -> Iterator[tuple[End, End]]:
        """Two with a cable between them, and no switch."""
        ends = [End(Namespace(f"{self.lab.name}-plain{n}"), "eth0",
                    f"02:cc:00:00:00:0{n}", f"10.9.0.{n}") for n in (1, 2)]
        with contextlib.ExitStack() as stack:
            for end in ends:
                end.namespace.create()
                stack.callback(end.namespace.destroy)
            one, two = ends
            one.namespace.ip(
                f"link add eth0 address {one.mac} type veth peer name eth0"
                f" address {two.mac} netns {two.namespace.name}")
            for end in ends:
                end.namespace.ip(f"addr add {end.address}/24 dev eth0",
                                 "link set eth0 up")
            yield one, two

    # Between faults.

    def make_even(self) -> None:
        """Everything runs, and is as it is to be before a fault."""
        self.cloud.clear_faults()
        for agent in self.lab.agents.values():
            if not agent.is_running():
                agent.start()
        self.lab.resync()
        for hypervisor in self.lab.hypervisors.values():
            self.prepare_switch(hypervisor)
        self.probes.wait_flow()

    def prepare_switch(self, hypervisor: Hypervisor) -> None:
        """No flow of the datapath serves more than one flow of packets, so
        that fresh probes are looked up in the flow tables."""
        hypervisor.appctl("ovs-vswitchd", "upcall/disable-megaflows")
        hypervisor.vsctl("set", "Open_vSwitch", ".",
                         "other_config:max-idle=1000")
        probes.deepen_queues(hypervisor.switch_pid)

    def state(self) -> dict[str, str]:
        """What vtepd has made of each hypervisor, once it does not change."""
        return {name: self.scene.settle(name) for name in self.lab.agents}

    def wait_state(self, state: dict[str, str]) -> None:
        for name, wanted in state.items():
            self.scene.wait_state(name, wanted)

    # For faults.

    def wait_listed(self, n: int = 1) -> None:
        """Waits until hv1's vtepd has dealt with n whole lists."""
        self.scene.pass_lists("hv1", n)

    def vms_of(self, hypervisor: Hypervisor) -> list[Vm]:
        return [vm for vm in self.lab.vms.values()
                if vm.hypervisor is hypervisor]


def _end(vm: Vm) -> End:
    return End(vm.namespace, "eth0", vm.mac, vm.ipv4)


class Acceptance:
    """Watches for the moment at which a switch accepts OpenFlow again, with
    a thread that knocks every millisecond."""

    def __init__(self, hypervisor: Hypervisor):
        self._path = hypervisor.folder / f"{INTEGRATION_BRIDGE}.mgmt"
        self.when: float | None = None
        self._stop = False
        self._thread = threading.Thread(target=self._knock, daemon=True)
        self._thread.start()

    def _knock(self) -> None:
        while not self._stop:
            with socket.socket(socket.AF_UNIX) as sock:
                with contextlib.suppress(OSError):
                    sock.connect(str(self._path))
                    self.when = time.time()
                    return
            time.sleep(0.001)

    def wait(self) -> float:
        """Seconds since the epoch."""
        try:
            wait_until(lambda: self.when, "the switch accepts OpenFlow")
        finally:
            self._stop = True
            self._thread.join()
        assert self.when is not None
        return self.when
