# SPDX-License-Identifier: Apache-2.0
"""What the chaos test has made of the world: the inventory, who is plugged in
where, what is out of order.  And what may be seen of it: what was true at any
moment of a round."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from chaos_traffic import Crossed, Heard, Targets
from lab import cloud, webhook
from lab.agent import Agent
from lab.hypervisor import INTEGRATION_BRIDGE, Hypervisor
from lab.lab import Lab
from lab.multicast import AGENT_MAC
from lab.ovsdb import OvsdbConnection
from lab.processes import wait_until
from lab.vm import Vm

Key = tuple[str, str]           # (kind, id).

# One number behind two encapsulations, both also behind none in particular.
SEGMENTS = [
    cloud.segment("blue", 77, encap="vxlan"),
    cloud.segment("green", 77, encap="gre"),
    cloud.segment("red", 78,        # Whose VMs' ports have meters.
                  subnets=[{"cidr": "10.0.0.0/8", "dhcp": True}]),
    cloud.segment("white", 79, broadcast="replicate",
                  unknown_unicast="replicate", multicast="replicate"),
    cloud.segment("violet", 80, encap="geneve", broadcast="replicate"),
]
STRANGER = "br-other"
BFD_MAC = "00:23:20:00:00:01"
FAR_HOSTS = ["far1", "far2"]
N_VMS = 9


@dataclass
class Possible:
    """What was true at some moment of a round."""

    segments: dict[int, set[str]] = field(
        default_factory=lambda: defaultdict(set))   # Of a VM's port.
    macs: dict[int, set[str]] = field(
        default_factory=lambda: defaultdict(set))   # Of a VM's port.
    insecure: set[int] = field(default_factory=set)  # VMs' ports.
    homes: dict[str, set[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(set))   # MAC: (segment, host).
    keys: dict[str, set[tuple[str | None, int]]] = field(
        default_factory=lambda: defaultdict(set))   # Segment: (encap, VNI).
    floods: dict[str, set[str]] = field(
        default_factory=lambda: defaultdict(set))   # Policy: segments.
    addresses: dict[str, set[str]] = field(
        default_factory=lambda: defaultdict(set))   # Host: tunnel addresses.


class World:
    def __init__(self, lab: Lab):
        self.lab = lab
        self.cloud = lab.cloud
        self.objects: dict[Key, dict] = {}
        self.revisions: dict[Key, int] = defaultdict(int)
        self.vms: list[Vm] = []
        # The hypervisor and the endpoint of each VM's port, None: not
        # plugged in.
        self.place: list[str | None] = []
        self.first_place: list[str] = []
        self.iface_id: list[str] = []
        self.extra_ids: list[dict[str, str]] = []
        self.api_down = False
        self.down: set[tuple[str, str]] = set()     # (hypervisor, what).
        self.late: list[tuple[str, list[dict]]] = []    # Webhooks to come.
        self.watched = True
        self.round = 0
        self.history: dict[int, Possible] = defaultdict(Possible)
        self.complaints: list[str] = []
        self.n_api_starts = 0
        self._vnis = itertools.count(100)

    # The beginning.

    def set_up(self) -> None:
        names = list(self.lab.hypervisors)
        segments = [segment["id"] for segment in SEGMENTS]
        for number in range(N_VMS):
            # Addresses are the same in several segments.
            vm = self.lab.vm(f"vm{number}", segments[number % 4],
                             [f"10.0.0.{number // 4 + 1}",
                              f"fd00::{number // 4 + 1:x}"])
            self.vms.append(vm)
            self.place.append(names[(number // 4 + number) % len(names)])
            self.iface_id.append(vm.name)
            self.extra_ids.append({})
        self.first_place = list(self.place)
        for obj in self.first_objects():
            self._know(obj)
        hosts = names + FAR_HOSTS
        for number in range(12):
            self._know(self.ghost(number, segments[number % len(segments)],
                                  hosts[number % len(hosts)]))
        self.cloud.replace(*self.objects.values())
        for hypervisor in self.lab.hypervisors.values():
            add_stranger(hypervisor)
        for number, vm in enumerate(self.vms):
            vm.link(self.hypervisor_of(number))
            vm.mute()
            self.plug(number)
        self.begin_round(0)

    def first_objects(self) -> list[dict]:
        """The hosts, the segments, and the VMs where they are."""
        return [*self.lab.host_objects(), *SEGMENTS,
                *(cloud.host(name, f"192.0.2.{100 + number}")
                  for number, name in enumerate(FAR_HOSTS)),
                *(cloud.endpoint(vm.name, vm.segment, place, vm.mac, vm.ips)
                  for vm, place in zip(self.vms, self.place) if place)]

    @staticmethod
    def ghost(number: int, segment: str, host: str) -> dict:
        """An endpoint without a VM."""
        return cloud.endpoint(f"ghost{number}", segment, host,
                              f"02:ee:00:00:00:{number:02x}",
                              [f"10.0.0.{100 + number}",
                               f"fd00::{100 + number:x}"])

    def fresh_vni(self) -> int:
        """One that no segment ever had: hosts that have not heard yet would
        take one segment for the other."""
        return next(self._vnis)

    def ids(self, kind: str) -> list[str]:
        return sorted(name for other, name in self.objects if other == kind)

    def hypervisor_of(self, number: int) -> Hypervisor:
        return self.lab.hypervisors[self.place[number]]

    def agent(self, name: str) -> Agent:
        return self.lab.agents[name]

    def has(self, hypervisor: str, *parts: str) -> bool:
        """Do these work: "database", "switch", "agent"?"""
        return not any((hypervisor, part) in self.down for part in parts)

    # The inventory.

    def _know(self, obj: dict) -> dict:
        key = obj["kind"], obj["id"]
        self.revisions[key] += 1
        self.objects[key] = {**obj, "revision": self.revisions[key]}
        return self.objects[key]

    def put(self, obj: dict, how: str = "api", hosts: Iterable[str] = ()
            ) -> None:
        """Puts an object into the inventory; 'how' and to which vtepds it is
        told besides: see _tell()."""
        self._tell("put", self._know(obj), how, hosts)

    def put_all(self, objects: list[dict]) -> None:
        """The same for many at once."""
        known = [self._know(obj) for obj in objects]
        self.note()
        if not self.api_down:
            self.cloud.put(*known)

    def change(self, kind: str, name: str, how: str = "api",
               hosts: Iterable[str] = (), **members: object) -> None:
        self.put({**self.objects[kind, name], **members}, how, hosts)

    def delete(self, kind: str, name: str, how: str = "api",
               hosts: Iterable[str] = ()) -> None:
        del self.objects[kind, name]
        self.revisions[kind, name] += 1
        gone = {"kind": kind, "id": name,
                "revision": self.revisions[kind, name]}
        self._tell("delete", gone, how, hosts)

    def _tell(self, verb: str, obj: dict, how: str, hosts: Iterable[str]
              ) -> None:
        """'how': "api" (by list or watch), "webhook" (first, then the API),
        "after" (the API first), "late" (some steps later)."""
        self.note()
        events = [webhook.cloudevent(verb, obj)]
        if how == "webhook":
            self.post(hosts, events)
        if not self.api_down:
            if verb == "put":
                self.cloud.put(obj)
            else:
                self.cloud.delete(obj["kind"], obj["id"])
        if how == "after":
            self.post(hosts, events)
        elif how == "late":
            self.late += [(host, events) for host in hosts]

    def post(self, hosts: Iterable[str], events: list[dict]) -> None:
        for host in hosts:
            if not self.has(host, "agent"):
                continue
            try:
                answer = self.agent(host).webhook.post(events, webhook.BATCH)
            except OSError:
                continue        # It is only starting to listen.
            # 503: there is no inventory yet.
            if answer.status not in (202, 503):
                self.complaints.append(
                    f"{host} answered {answer.status} to"
                    f" {json.dumps(events)}: {answer.body!r}")

    def post_late(self) -> None:
        late, self.late = self.late, []
        for host, events in late:
            self.post([host], events)

    # The API.

    def stop_api(self) -> None:
        self.cloud.stop()
        self.api_down = True

    def start_api(self) -> None:
        """Its versions begin elsewhere: one that is the same is to be the
        same."""
        self.n_api_starts += 1
        self.cloud.start("--first-version", str(10000 * self.n_api_starts))
        self.api_down = False
        self.cloud.watch_mode(enabled=self.watched, heartbeat=2)
        self.cloud.replace(*self.objects.values())

    # Ports.

    def plug(self, number: int) -> None:
        """Makes the port's row as it should be; the switch may be away."""
        vm, hypervisor = self.vms[number], self.hypervisor_of(number)
        vm.link(hypervisor)
        ids = self.port_ids(number)
        hypervisor.vsctl(
            "--no-wait", "--may-exist", "add-port", INTEGRATION_BRIDGE,
            vm.port, "--", "set", "interface", vm.port,
            *(f'external_ids:{key}="{value}"' for key, value in ids.items()))

    def port_ids(self, number: int) -> dict[str, str]:
        return {"iface-id": self.iface_id[number], **self.extra_ids[number]}

    def unplug(self, number: int) -> None:
        self.hypervisor_of(number).vsctl("--no-wait", "--if-exists",
                                         "del-port", self.vms[number].port)

    def set_port_ids(self, number: int) -> None:
        if self.place[number] is None:
            return
        hypervisor = self.hypervisor_of(number)
        wanted = self.port_ids(number)
        for key in ("attached-mac", "iface-status"):
            hypervisor.vsctl("--no-wait", "--if-exists", "remove",
                             "interface", self.vms[number].port,
                             "external_ids", key)
        hypervisor.vsctl(
            "--no-wait", "--if-exists", "set", "interface",
            self.vms[number].port,
            *(f'external_ids:{key}="{value}"'
              for key, value in wanted.items()))

    def port_rows(self, hypervisor: str) -> list[dict]:
        """The rows of the VMs' ports as they should be there."""
        return [{"name": self.vms[number].port,
                 "external_ids": self.port_ids(number)}
                for number, place in enumerate(self.place)
                if place == hypervisor]

    def replug(self, hypervisor: str) -> None:
        """After the bridge was made again: plugs in what was lost."""
        folder = self.lab.hypervisors[hypervisor].folder
        with contextlib.closing(OvsdbConnection(folder / "db.sock")) as db:
            wait_until(lambda: db.select("Bridge", ["name"], [
                "name", "==", INTEGRATION_BRIDGE]),
                f"{hypervisor} has its bridge again", 40)
            there = {row["name"] for row in db.select("Interface", ["name"])}
        for number, place in enumerate(self.place):
            if place == hypervisor and self.vms[number].port not in there:
                self.plug(number)

    # What may be seen.

    def begin_round(self, number: int) -> None:
        """Everything is in place: what was true before no longer counts."""
        self.round = number
        self.note()

    def offers(self, name: str) -> list[dict]:
        """A known host's tunnels, those left out whose address belongs to a
        host with a lower id."""
        taken = {tunnel["ip"] for (kind, other), obj in self.objects.items()
                 if kind == "host" and other < name
                 for tunnel in obj["tunnels"]}
        obj = self.objects.get(("host", name))
        return [tunnel for tunnel in (obj["tunnels"] if obj else [])
                if tunnel["ip"] not in taken]

    def targets(self) -> Targets:
        endpoints = [obj for (kind, _), obj in sorted(self.objects.items())
                     if kind == "endpoint"]
        ips = sorted({ip for obj in endpoints for ip in obj["ips"]})
        return Targets(sorted({obj["mac"] for obj in endpoints}
                              | {vm.mac for vm in self.vms}),
                       [ip for ip in ips if ":" not in ip] or ["10.0.0.1"],
                       [ip for ip in ips if ":" in ip] or ["fd00::1"])

    def note(self) -> None:
        """Adds what is true now to what may be seen in this round."""
        now = self.history[self.round]
        for (kind, name), obj in self.objects.items():
            if kind == "segment":
                now.keys[name].add((obj.get("encap"), obj["vni"]))
                for policy in ("broadcast", "unknown_unicast", "multicast"):
                    if obj.get(policy) == "replicate":
                        now.floods[policy].add(name)
                if obj.get("multicast") == "snoop":
                    now.floods["snoop"].add(name)
            elif kind == "host":
                now.addresses[name] |= {t["ip"] for t in obj["tunnels"]}
            elif kind == "endpoint":
                for mac in _macs(obj):
                    now.homes[mac].add((obj["segment"], obj["host"]))
        for number, name in enumerate(self.iface_id):
            obj = self.objects.get(("endpoint", name))
            if obj is None or self.place[number] is None:
                continue
            now.segments[number].add(obj["segment"])
            now.macs[number].update(_macs(obj))
            if not obj.get("port_security", True):
                now.insecure.add(number)

    def during(self, first: int, last: int) -> Possible:
        """What was true at some moment of these rounds."""
        merged = Possible()
        for number in range(first, last + 1):
            one = self.history[number]
            merged.insecure |= one.insecure
            for name in ("segments", "macs", "homes", "keys", "floods",
                         "addresses"):
                for key, values in getattr(one, name).items():
                    getattr(merged, name)[key] |= values
        return merged

    def judge(self, events: Iterable[Heard | Crossed]) -> list[str]:
        """What cannot be explained by anything that was true."""
        spans: dict[tuple[int, int], Possible] = {}
        wrong = []
        for event in events:
            last = (event.heard_in if isinstance(event, Heard)
                    else event.seen_in)
            if event.sender >= len(self.vms) or event.sent_in > last:
                wrong.append(f"a frame with a spoiled mark: {event}")
                continue
            first = event.sent_in if event.sender >= 0 else last - 1
            span = spans.setdefault((first, last), self.during(first, last))
            why = (_judge_heard(event, span) if isinstance(event, Heard)
                   else _judge_crossed(event, span))
            if why:
                wrong.append(f"{why}: {event}")
        return wrong


# What is not vtepd's.

def add_stranger(hypervisor: Hypervisor) -> None:
    """A bridge of somebody else, with a tunnel that looks like vtepd's."""
    hypervisor.vsctl(
        "add-br", STRANGER, "--", "set", "bridge", STRANGER,
        "datapath_type=netdev", "--", "add-port", STRANGER, "vx-0123456789",
        "--", "set", "interface", "vx-0123456789", "type=vxlan",
        "options:remote_ip=192.0.2.250", "options:key=5",
        "external_ids:vtepd-owner=somebody", "external_ids:vtepd-peer=hv1")


def stranger_rows(hypervisor: Hypervisor) -> list[str]:
    """All that is to be seen of it."""
    rows = [*hypervisor.rows("Bridge", f"name={STRANGER}",
                             columns="_uuid,ports,flow_tables,external_ids"),
            *hypervisor.rows("Interface", "name=vx-0123456789",
                             columns="_uuid,type,options,external_ids,bfd"),
            *hypervisor.rows("Port", "name=vx-0123456789",
                             columns="_uuid,interfaces,external_ids")]
    return [json.dumps(row, sort_keys=True) for row in rows]


def _macs(endpoint: dict) -> list[str]:
    return [endpoint["mac"], *(pair["mac"] for pair in
                               endpoint.get("allowed_pairs", [])
                               if "mac" in pair)]


# Who may hear what.

def _floods(span: Possible, dst: str) -> set[str]:
    """The segments in which a frame to 'dst' may go to everyone."""
    if dst == "ff:ff:ff:ff:ff:ff":
        return span.floods["broadcast"]
    if int(dst[:2], 16) & 1:
        return span.floods["multicast"]
    return span.floods["unknown_unicast"]


def _shared(span: Possible, these: set[str], those: set[str]) -> set[str]:
    """The segments of both, and those whose VNIs could meet: while one host
    has heard of it and another has not, each takes one of the two for it."""
    return {name for a in these for b in those if a == b or any(
        vni == other_vni and (encap == other or None in (encap, other))
        for encap, vni in span.keys[a] for other, other_vni in span.keys[b])
        for name in (a, b)}


def _judge_heard(event: Heard, span: Possible) -> str:
    mine = span.segments[event.receiver]
    if event.told:
        homes = {segment for segment, _ in span.homes[event.told]}
        if not _shared(span, homes, mine):
            return "a VM was told the MAC of another segment"
    if event.sender < 0:
        return ""
    shared = _shared(span, span.segments[event.sender], mine)
    if not shared:
        return "A FRAME CROSSED SEGMENTS"
    if event.forged and event.sender not in span.insecure:
        return "a forged frame was delivered"
    if (event.dst not in span.macs[event.receiver]
            and not shared & _floods(span, event.dst)):
        return "a frame was delivered that was for nobody there"
    return ""


def _judge_crossed(event: Crossed, span: Possible) -> str:
    if event.sender < 0:
        told = event.src == AGENT_MAC and any(
            vni == event.key and encap in (None, event.encap)
            for segment in span.floods["snoop"]
            for encap, vni in span.keys[segment])
        return ("" if told or event.dst == BFD_MAC else
                "something is on the fabric that no VM sent")
    mine = span.segments[event.sender]
    if not any(vni == event.key and encap in (None, event.encap)
               for segment in mine for encap, vni in span.keys[segment]):
        return "a frame is on the fabric under a number that is not its own"
    if event.forged and event.sender not in span.insecure:
        return "a forged frame is on the fabric"
    if mine & _floods(span, event.dst):
        return ""
    if not any(segment in mine and event.outer_dst in span.addresses[host]
               for segment, host in span.homes[event.dst]):
        return "a frame is on the fabric for an endpoint that is not there"
    return ""
