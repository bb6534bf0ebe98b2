# SPDX-License-Identifier: Apache-2.0
"""What a test sets on the stage of a lab: segments and VMs, in the inventory
and on the hypervisors."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable

from lab import cloud, frames
from lab.agent import Agent
from lab.frames import Frame
from lab.hypervisor import INTEGRATION_BRIDGE, Hypervisor
from lab.lab import Lab
from lab.processes import wait_until
from lab.vm import RawPort, Vm

# An endpoint far away in a segment that no VM is in.  With it no test ever
# deletes *all* endpoints, which vtepd would rightly take for an accident.
ANCHOR = [cloud.host("far-away", "203.0.113.1", "vxlan"),
          cloud.segment("anchor", 16_000_000),
          cloud.endpoint("anchor", "anchor", "far-away", "02:fa:00:00:00:01",
                         ["10.255.0.1"])]


class Scene:
    """Without 'watched' the cloud has no watch: what changes comes with a
    list, for tests that are about lists."""

    def __init__(self, lab: Lab, watched: bool = True):
        self.lab = lab
        self.watched = watched
        self.cloud = lab.cloud
        self.hv = lab.hypervisors
        self.agents = lab.agents
        self._n_in_segment: dict[str, itertools.count] = {}
        self._changed: dict[str, set[str]] = {}

    def begin(self) -> None:
        self.cloud.clear_faults()
        if self.watched:
            self.cloud.watch_mode()
        else:
            self.end_watches()
        self.cloud.replace(*ANCHOR, *self.lab.host_objects())
        self.lab.resync()

    def end(self) -> None:
        """Back to an empty scene; fails if vtepd does not follow."""
        for agent in self.agents.values():
            if not agent.is_running():
                agent.start()       # A test that failed half-way.
        for vm in list(self.lab.vms.values()):
            self.lab.remove_vm(vm)
        for name, keys in self._changed.items():
            agent = self.agents[name]
            agent.set(**{key: agent.settings.get(key.replace("_", "-"))
                         for key in keys})
        self.begin()
        for hypervisor in self.hv.values():
            wait_until(hypervisor.tunnels, f"{hypervisor.name}: no tunnel is"
                       " left", until=lambda rows: not rows)

    def end_watches(self) -> None:
        """There is no watch from now on: what changes after this comes with
        a list or not at all."""
        self.watched = False
        self.cloud.watch_mode(enabled=False)

        def watched() -> list[str]:
            # One that was asked for before may open only now.
            self.cloud.say("", close=True)
            return [name for name, agent in self.agents.items()
                    if agent.is_running() and agent.show("status")[
                        "inventory"]["watch"] in ("open", "opening")]

        wait_until(watched, "all watches have ended",
                   until=lambda names: not names)

    # Setting it up.

    def settings(self, agents: Iterable[Agent] | Agent | None = None,
                 **settings: str) -> None:
        """Changes settings of all vtepds (or those given) for this test."""
        if isinstance(agents, Agent):
            agents = [agents]
        for agent in agents or self.agents.values():
            agent.set(**settings)
            self._changed.setdefault(agent.hypervisor.name,
                                     set()).update(settings)

    def put(self, *objects: dict) -> None:
        """Puts objects into the inventory and has it read at once."""
        self.cloud.put(*objects)
        self.lab.resync()

    def patch(self, kind: str, name: str, **members: object) -> None:
        self.cloud.patch(kind, name, **members)
        self.lab.resync()

    def delete(self, kind: str, name: str) -> None:
        self.cloud.delete(kind, name)
        self.lab.resync()

    def segment(self, name: str, vni: int, **members: object) -> None:
        self.cloud.put(cloud.segment(name, vni, **members))

    def vm(self, name: str, segment: str, host: str, *,
           ips: list[str] | None = None, mac: str | None = None,
           plug: bool = True, **members: object) -> Vm:
        """A VM, plugged in and in the inventory, with addresses 10.0.0.N and
        fd00::N, N being the how-manieth it is in its segment."""
        number = next(self._n_in_segment.setdefault(segment,
                                                    itertools.count(1)))
        vm = self.lab.vm(name, segment,
                         ips or [f"10.0.0.{number}", f"fd00::{number:x}"], mac)
        if plug:
            vm.plug(self.hv[host])
        self.cloud.put(vm.endpoint(host=host, **members))
        return vm

    def pair(self, **members: object) -> tuple[Vm, Vm]:
        """a on hv1 and b on hv2, in segment blue (with 'members'), which reach
        each other."""
        self.segment("blue", 77, **members)
        a = self.vm("a", "blue", "hv1")
        b = self.vm("b", "blue", "hv2")
        self.connect(a, b)
        return a, b

    def remote(self, name: str, segment: str, host: str, **members: object
               ) -> None:
        """An endpoint that is in the inventory only."""
        number = next(self._n_in_segment.setdefault(segment,
                                                    itertools.count(1)))
        self.cloud.put(cloud.endpoint(
            name, segment, host, f"02:ee:00:00:{number >> 8:02x}"
            f":{number & 255:02x}", [f"10.0.0.{number}"], **members))

    def ready(self, *vms: Vm) -> None:
        """Waits until VMs (by default all that are plugged) are installed."""
        self.lab.resync()
        for vm in vms or self.lab.vms.values():
            if vm.hypervisor:
                wait_until(vm.is_installed, f"{vm.name} is installed on"
                           f" {vm.hypervisor.name}")

    def connect(self, *vms: Vm) -> None:
        """Waits until each of the VMs reaches each other on all addresses.
        After that neighbours are known, on the underlay too."""
        self.ready(*vms)
        for source, target in itertools.permutations(vms, 2):
            for address in target.ips:
                source.wait_reaches(address)

    # Watching.

    def wait_peers(self, host: str, *peers: str) -> list[dict]:
        """Waits until the host has tunnels to exactly these peers, each with
        an OpenFlow port, and returns the tunnels' rows."""
        rows = wait_until(
            self.hv[host].tunnels, f"{host} has tunnels to {peers}",
            until=lambda rows: sorted(
                row["external_ids"]["vtepd-peer"] for row in rows
                if row["ofport"]) == sorted(peers) and len(rows) == len(peers))
        return rows

    def pass_lists(self, host: str, n: int = 2) -> None:
        """Waits until vtepd has dealt with n more lists, the first of which
        it began after this call.  Each also compares everything with the
        switch."""
        agent = self.agents[host]

        def lists() -> int:
            return agent.show("status")["inventory"]["lists"]

        def list_once() -> None:
            before = lists()
            agent.resync()

            def has_listed() -> bool:
                nonlocal before
                now = lists()
                if now < before:
                    # A setting made a new source, which begins to count.
                    agent.resync()
                    before = now
                return now > before

            wait_until(has_listed, f"{host} lists again")

        # The first may have been under way.
        for _ in range(n + 1):
            list_once()

    def wait_idle(self) -> None:
        """Waits until no vtepd is listing or is about to: with a long poll,
        until something leads to a list."""
        def idle(agent: Agent) -> bool:
            now = agent.show("status")["inventory"]
            return (now["list_under_way_for_seconds"] is None
                    and now["next_list_in_seconds"] > 60)

        wait_until(lambda: all(map(idle, self.agents.values())),
                   "no list is under way")

    def state(self, host: str) -> str:
        """All that vtepd has made on a host, to compare: flows, groups,
        names of tables, tunnel ports."""
        hypervisor = self.hv[host]
        tunnels = sorted(json.dumps(row, sort_keys=True)
                         for row in hypervisor.tunnels())
        return "\n".join([*hypervisor.flows(), *hypervisor.groups(),
                          *hypervisor.table_names(), *tunnels])

    def wait_state(self, host: str, wanted: str) -> None:
        """Waits until state() is 'wanted'; shows what differs if not."""
        def difference() -> list[str]:
            have, want = (set(self.state(host).splitlines()),
                          set(wanted.splitlines()))
            return ([f"- {line}" for line in sorted(want - have)]
                    + [f"+ {line}" for line in sorted(have - want)])

        wait_until(difference, f"{host} is as it was before",
                   until=lambda lines: not lines)

    def settle(self, host: str) -> str:
        """Waits until the state stays the same over two lists; returns it."""
        while True:
            before = self.state(host)
            self.pass_lists(host)
            if self.state(host) == before:
                return before


# Frames that tests send.

def echo(source: Vm, target: Vm, ident: int = 0x7674, *,
         src: str | None = None, eth_src: str | None = None,
         eth_dst: str | None = None, vlan: int | None = None) -> bytes:
    """An IPv4 ping, by default an honest one."""
    packet = frames.ipv4(src or source.ipv4, target.ipv4, frames.PROTO_ICMP,
                         frames.icmp_echo(ident, 1))
    return frames.ether(eth_dst or target.mac, eth_src or source.mac,
                        frames.ETH_IPV4, packet, vlan)


def echo6(source: Vm, target: Vm, *, src: str | None = None,
          eth_src: str | None = None) -> bytes:
    src = src or source.ipv6
    packet = frames.ipv6(src, target.ipv6, frames.PROTO_ICMPV6,
                         frames.icmp6_echo(src, target.ipv6, 0x7674, 1))
    return frames.ether(target.mac, eth_src or source.mac, frames.ETH_IPV6,
                        packet)


def broadcast(source: Vm, size: int = 20) -> bytes:
    """A UDP broadcast, as an application would send it."""
    datagram = frames.udp(source.ipv4, "10.0.0.255", 4000, 4000, bytes(size))
    return frames.ether(frames.BROADCAST, source.mac, frames.ETH_IPV4,
                        frames.ipv4(source.ipv4, "10.0.0.255",
                                    frames.PROTO_UDP, datagram))


def heard_by(source: Vm, sent: list[bytes], *targets: Vm
             ) -> dict[str, list[Frame]]:
    """Sends frames from 'source', then honest pings to each target one by
    one, and returns what each heard before the last of them, by name
    (kernels' MLD reports apart, which come when they like).

    A switch may change the order of frames that it finds waiting together.
    But the second ping is sent when the first has arrived, so all frames are
    on their way by then, and the third when the second has: on two switches
    in a row nothing is left that could come later."""
    seen: dict[str, list[Frame]] = {}
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(source.raw())
        ports = {target.name: stack.enter_context(target.raw())
                 for target in targets}
        out.send(*sent)
        for target in targets:
            marks = [echo(source, target, 0x4d00 + n) for n in range(3)]
            got: list[Frame] = []
            for mark in marks:
                got += _receive_mark(out, ports[target.name], mark)
            seen[target.name] = [frame for frame in got if frame.kind != "mld"
                                 and frame.raw not in marks]
    return seen


def _receive_mark(out: RawPort, port: RawPort, mark: bytes) -> list[Frame]:
    """Sends a ping until it arrives: on a busy machine it may get lost."""
    got: list[Frame] = []

    def arrives() -> bool:
        out.send(mark)
        while frame := port.receive(1):
            got.append(frame)
            if frame.raw == mark:
                return True
        return False

    wait_until(arrives, "a ping arrives")
    return got


def heard(source: Vm, sent: list[bytes], target: Vm) -> list[Frame]:
    """The same for one target: the frames that it heard."""
    return heard_by(source, sent, target)[target.name]


def arrived(source: Vm, sent: list[bytes], target: Vm) -> list[bytes]:
    """Which of the frames sent the target heard, as often as it did, in the
    order of 'sent'."""
    raws = [frame.raw for frame in heard(source, sent, target)]
    return [frame for frame in dict.fromkeys(sent)
            for _ in range(raws.count(frame))]


def answers(source: Vm, sent: list[bytes], target: Vm) -> list[Frame]:
    """Sends frames from 'source', then honest pings to 'target' as heard()
    does, and returns what 'source' heard apart from the pings' replies."""
    seen: list[Frame] = []
    with source.raw() as port:
        port.send(*sent)
        for ident in range(0x4d00, 0x4d03):
            port.send(echo(source, target, ident))
            seen += port.receive_until(lambda frame: is_reply(frame, ident))
    return [frame for frame in seen
            if frame.kind != "mld" and not is_reply(frame)]


def is_reply(frame: Frame, ident: int | None = None) -> bool:
    """Is it an echo reply (to the ping with 'ident')?"""
    return (frame.kind == "icmp" and frame.icmp_type == 0
            and (ident is None
                 or frame.payload[4:6] == ident.to_bytes(2, "big")))


def dropped(hypervisor: Hypervisor, bridge: str = INTEGRATION_BRIDGE) -> int:
    """How many packets flows that drop have counted."""
    total = 0
    for line in hypervisor.ofctl("dump-flows", bridge).splitlines():
        if line.endswith("actions=drop"):
            total += int(line.partition("n_packets=")[2].partition(",")[0])
    return total
