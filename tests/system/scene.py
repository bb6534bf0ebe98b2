# SPDX-License-Identifier: Apache-2.0
"""What a test sets on the stage of a lab: segments and VMs, in the inventory
and on the hypervisors."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable

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
    def __init__(self, lab: Lab):
        self.lab = lab
        self.cloud = lab.cloud
        self.hv = lab.hypervisors
        self.agents = lab.agents
        self._n_in_segment: dict[str, itertools.count] = {}
        self._changed: dict[str, set[str]] = {}

    def begin(self) -> None:
        self.cloud.clear_faults()
        self.cloud.replace(*ANCHOR, *self.lab.host_objects())
        self.lab.resync()

    def end(self) -> None:
        """Back to an empty scene; fails if vtepd does not follow."""
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

    def pass_polls(self, host: str, n: int = 2) -> None:
        """Waits until vtepd has asked for n more lists, the first of which
        began after this call, and has been answered."""
        def asked() -> int:
            return sum(f"host={host}&" in request["path"] + "&"
                       for request in self.cloud.requests())

        before = asked()
        self.agents[host].resync()
        wait_until(asked, f"{host} has listed {n} times more",
                   until=lambda now: now > before + n)

    def state(self, host: str) -> str:
        """All that vtepd has made on a host, to compare: flows, groups,
        tunnel ports."""
        hypervisor = self.hv[host]
        tunnels = sorted(json.dumps(row, sort_keys=True)
                         for row in hypervisor.tunnels())
        return "\n".join([*hypervisor.flows(), *hypervisor.groups(), *tunnels])

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
        """Waits until the state stays the same over two polls; returns it."""
        while True:
            before = self.state(host)
            self.pass_polls(host)
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


def heard(source: Vm, sent: list[bytes], target: Vm) -> list[Frame]:
    """Sends frames from 'source', then an honest ping to 'target', and
    returns what the target heard before that ping (kernels' MLD reports
    apart, which come when they like).

    A switch keeps the order of packets on one path, so nothing of what was
    sent before can come later."""
    mark = echo(source, target, ident=0x4d4b)
    with source.raw() as out, target.raw() as port:
        out.send(*sent, mark)
        return _before(port, lambda frame: frame.raw == mark)


def _before(port: RawPort, is_mark: Callable[[Frame], object]) -> list[Frame]:
    seen = port.receive_until(is_mark)[:-1]
    return [frame for frame in seen if frame.kind != "mld"]


def answers(source: Vm, sent: list[bytes], target: Vm) -> list[Frame]:
    """Sends frames from 'source', then an honest ping to 'target', and
    returns what 'source' heard before the target's reply."""
    with source.raw() as port:
        port.send(*sent, echo(source, target, ident=0x4d4c))
        return _before(port, lambda frame: frame.kind == "icmp"
                       and frame.payload[:1] == b"\0"
                       and frame.payload[4:6] == b"\x4d\x4c")


def dropped(hypervisor: Hypervisor, bridge: str = INTEGRATION_BRIDGE) -> int:
    """How many packets flows that drop have counted."""
    total = 0
    for line in hypervisor.ofctl("dump-flows", bridge).splitlines():
        if line.endswith("actions=drop"):
            total += int(line.partition("n_packets=")[2].partition(",")[0])
    return total
