# SPDX-License-Identifier: Apache-2.0
"""The steps of the chaos test: each changes one thing, or breaks one."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass

from chaos_world import FAR_HOSTS, N_VMS, World
from lab import cloud, webhook
from lab.hypervisor import INTEGRATION_BRIDGE
from lab.processes import CommandError

OTHER_BRIDGE = "br-new"

# Does the step; returns what it did, or None if there was nothing to do.
Step = Callable[["Chaos"], "str | None"]

STEPS: list[tuple[Step, float]] = []


def step(weight: float) -> Callable[[Step], Step]:
    """'weight': how often it comes, among the others."""
    def add(function: Step) -> Step:
        STEPS.append((function, weight))
        return function
    return add


@dataclass
class Repair:
    what: str
    hypervisor: str             # "": the API's.
    due: int                    # Number of the step after which it is done.
    do: Callable[[], None]


class Chaos:
    """Takes the steps.  Which step comes and what it does depends on the
    seed, its number and the world alone, so that a run can be repeated and
    steps can be left out of it."""

    def __init__(self, world: World, seed: int):
        self.world = world
        self.seed = seed
        self.rng = random.Random()
        self.number = 0
        self.repairs: list[Repair] = []

    def take(self, number: int) -> str:
        """Takes step 'number'."""
        self.number = number
        self._repair(lambda repair: repair.due <= number)
        self.rng.seed(f"{self.seed}:{number}")
        functions, weights = zip(*STEPS)
        while True:
            function, = self.rng.choices(functions, weights)
            done = function(self)
            if done is not None:
                self.world.note()
                if self.rng.random() < 0.3:
                    self.world.post_late()
                return done

    def pause(self) -> float:
        """How long until the next step, in seconds."""
        return self.rng.choice([0, 0, 0.01, 0.05, 0.2, 0.5])

    def later(self, what: str, hypervisor: str, do: Callable[[], None]
              ) -> None:
        """Something is out of order, for some steps."""
        self.repairs.append(Repair(what, hypervisor,
                                   self.number + self.rng.randint(1, 5), do))

    def postpone(self, what: str, hypervisor: str, do: Callable[[], None]
                 ) -> None:
        """Something else has to be in order first."""
        self.repairs.append(Repair(what, hypervisor, self.number + 1, do))

    def _repair(self, is_due: Callable[[Repair], bool]) -> None:
        due = [repair for repair in self.repairs if is_due(repair)]
        self.repairs = [repair for repair in self.repairs
                        if repair not in due]
        for repair in due:
            repair.do()

    def heal(self) -> None:
        """Everything is in order again, as far as others than vtepd have to
        do it."""
        while self.repairs:
            self._repair(lambda repair: True)
        self.world.post_late()
        for name in self.world.lab.hypervisors:
            self.world.replug(name)

    # Choosing.

    def hypervisor(self, *working: str) -> str | None:
        """One on which these work."""
        return self.pick([name for name in self.world.lab.hypervisors
                          if self.world.has(name, *working)])

    def pick(self, choices: list) -> object:
        return self.rng.choice(choices) if choices else None

    def plugged(self, plugged: bool = True) -> int | None:
        """A VM whose port's row can be changed."""
        world = self.world
        return self.pick([
            number for number, place in enumerate(world.place)
            if (place is not None) == plugged
            and (place is None or world.has(place, "database", "bridge"))])

    def telling(self) -> tuple[str, list[str]]:
        """How a change is told, and to whom besides."""
        names = list(self.world.lab.hypervisors)
        return (self.rng.choices(["api", "webhook", "after", "late"],
                                 [50, 20, 15, 15])[0],
                self.rng.sample(names, self.rng.randint(1, len(names))))

    def any_host(self) -> str:
        return self.rng.choice([*self.world.lab.hypervisors, *FAR_HOSTS,
                                "zebra", "nowhere"])

    def change(self, kind: str, name: str, **members: object) -> str:
        how, hosts = self.telling()
        self.world.change(kind, name, how, hosts, **members)
        return (f"{kind} {name} becomes {json.dumps(members)}, by {how}"
                f" {' '.join(hosts)}")


# The inventory.

def ghosts(chaos: Chaos) -> list[str]:
    return [name for name in chaos.world.ids("endpoint")
            if name.startswith("ghost")]


@step(4)
def add_endpoint(chaos: Chaos) -> str | None:
    missing = sorted({f"ghost{n}" for n in range(24)} - set(ghosts(chaos)))
    name = chaos.pick(missing)
    segment = chaos.pick(chaos.world.ids("segment"))
    if name is None or segment is None:
        return None
    obj = chaos.world.ghost(int(name.removeprefix("ghost")), segment,
                            chaos.any_host())
    how, hosts = chaos.telling()
    chaos.world.put(obj, how, hosts)
    return f"{name} appears on {obj['host']} in {segment}, by {how} {hosts}"


@step(4)
def delete_endpoint(chaos: Chaos) -> str | None:
    name = chaos.pick(ghosts(chaos))
    if name is None:
        return None
    how, hosts = chaos.telling()
    chaos.world.delete("endpoint", name, how, hosts)
    return f"{name} is deleted, by {how} {hosts}"


@step(6)
def change_endpoint(chaos: Chaos) -> str | None:
    name, rng = chaos.pick(ghosts(chaos)), chaos.rng
    if name is None:
        return None
    number = rng.randrange(1, 200)
    endpoints = chaos.world.objects
    segment = endpoints["endpoint", name]["segment"]
    other = rng.choice([obj for (kind, _), obj in sorted(endpoints.items())
                        if kind == "endpoint" and obj["segment"] == segment])
    members = rng.choice([
        # What another of the segment has: a conflict.
        {"mac": other["mac"]}, {"ips": other["ips"]},
        {"mac": other["mac"], "ips": other["ips"]},
        {"allowed_pairs": [{"mac": other["mac"], "ip": "10.0.0.212"}]},
        {"host": chaos.any_host()}, {"host": chaos.any_host()},
        {"segment": chaos.pick(chaos.world.ids("segment")) or "red"},
        {"mac": f"02:ee:00:00:01:{number:02x}"},
        {"mac": f"02:ee:00:00:00:{rng.randrange(24):02x}"},
        {"ips": [f"10.0.0.{number}"]},
        {"ips": [f"10.0.0.{rng.randrange(1, 6)}", f"fd00::{number:x}"]},
        {"allowed_pairs": [{"ip": f"10.0.0.{200 + rng.randrange(4)}"}]},
        {"allowed_pairs": [{"ip": "10.0.0.210",
                            "mac": f"02:ef:00:00:00:{number:02x}"}]},
        {"allowed_pairs": []}])
    return chaos.change("endpoint", name, **members)


@step(4)
def change_vm_endpoint(chaos: Chaos) -> str:
    """The inventory says something else about a VM than is the case."""
    rng, number = chaos.rng, chaos.rng.randrange(N_VMS)
    vm = chaos.world.vms[number]
    if ("endpoint", vm.name) not in chaos.world.objects:
        host = chaos.world.place[number] or chaos.any_host()
        how, hosts = chaos.telling()
        chaos.world.put(cloud.endpoint(vm.name, vm.segment, host, vm.mac,
                                       vm.ips), how, hosts)
        return f"{vm.name} is on {host}, by {how} {hosts}"
    what = rng.choice(["host", "home", "segment", "security", "pairs",
                       "delete"])
    if what == "delete":
        how, hosts = chaos.telling()
        chaos.world.delete("endpoint", vm.name, how, hosts)
        return f"{vm.name} is deleted, by {how} {hosts}"
    members = {
        "host": {"host": chaos.any_host()},
        "home": {"host": chaos.world.place[number] or "nowhere"},
        "segment": {"segment": chaos.pick(chaos.world.ids("segment"))
                    or vm.segment},
        "security": {"port_security": rng.random() < 0.6},
        "pairs": {"allowed_pairs": rng.choice([
            [], [{"ip": "10.0.0.64/26"}], [{"ip": "10.0.0.211"}]])},
    }[what]
    return chaos.change("endpoint", vm.name, **members)


@step(4)
def change_segment(chaos: Chaos) -> str | None:
    rng, world = chaos.rng, chaos.world
    name = chaos.pick(world.ids("segment"))
    if name is None:
        return None
    policy = rng.choice(["broadcast", "unknown_unicast", "multicast"])
    members = rng.choice([
        {policy: rng.choice(["drop", "replicate"])},
        {policy: rng.choice(["drop", "replicate"])},
        {"encap": rng.choice(["vxlan", "gre", "geneve"])},
        {"vni": None},
        {"mtu": rng.randrange(1000, 1500)}])
    if "vni" in members or "encap" in members:
        # Under a new number, so that nobody takes it for what it was.
        members["vni"] = world.fresh_vni()
    return chaos.change("segment", name, **members)


@step(2)
def segment_goes_or_comes(chaos: Chaos) -> str | None:
    world = chaos.world
    name = chaos.rng.choice(["blue", "green", "red", "white", "violet",
                             "brown"])
    how, hosts = chaos.telling()
    if ("segment", name) in world.objects:
        world.delete("segment", name, how, hosts)
        return f"segment {name} is deleted, by {how} {hosts}"
    obj = cloud.segment(name, world.fresh_vni())
    encap = chaos.rng.choice([None, "vxlan", "gre"])
    if encap:
        obj["encap"] = encap
    world.put(obj, how, hosts)
    return f"segment {name} comes, {obj}, by {how} {hosts}"


@step(2)
def number_is_taken(chaos: Chaos) -> str | None:
    """Of two segments with one number, the lower id is served."""
    world = chaos.world
    name = chaos.pick([name for name in world.ids("segment")
                       if name != "brown"])
    if name is None:
        return None
    other = world.objects["segment", name]
    obj = cloud.segment("brown", other["vni"], broadcast="replicate")
    if "encap" in other:
        obj["encap"] = other["encap"]
    how, hosts = chaos.telling()
    world.put(obj, how, hosts)
    return f"segment brown has the number of {name}, by {how} {hosts}"


@step(3)
def address_is_taken(chaos: Chaos) -> str | None:
    """Of two hosts with one address, the lower id has it: far1, or a name
    that comes after all others'."""
    rng, hypervisors = chaos.rng, chaos.world.lab.hypervisors
    name = rng.choice(["far1", "zebra"])
    whose = rng.choice([*hypervisors.values()])
    how, hosts = chaos.telling()
    chaos.world.put(cloud.host(name, whose.addresses), how, hosts)
    return f"host {name} has the addresses of {whose.name}, by {how} {hosts}"


@step(4)
def change_host(chaos: Chaos) -> str | None:
    rng, world = chaos.rng, chaos.world
    name = chaos.pick(world.ids("host"))
    if name is None:
        return None
    if name in world.lab.hypervisors:
        addresses = list(world.lab.hypervisors[name].addresses)
        addresses = rng.choice([addresses, addresses[:1], addresses[1:]])
    else:
        # Somebody else's, now and then.
        addresses = [f"192.0.2.{100 + rng.randrange(4)}"]
    types = rng.sample(["vxlan", "gre", "geneve"], rng.randint(1, 3))
    tunnels = cloud.host(name, addresses, " ".join(types))["tunnels"]
    for tunnel in tunnels:
        if tunnel["type"] == "vxlan" and rng.random() < 0.2:
            tunnel["port"] = 4790
    return chaos.change("host", name, tunnels=tunnels)


@step(2)
def host_goes_or_comes(chaos: Chaos) -> str:
    world = chaos.world
    names = [*world.lab.hypervisors, *FAR_HOSTS, "zebra"]
    name = chaos.rng.choice(names)
    how, hosts = chaos.telling()
    if ("host", name) in world.objects:
        world.delete("host", name, how, hosts)
        return f"host {name} is deleted, by {how} {hosts}"
    addresses = (world.lab.hypervisors[name].addresses
                 if name in world.lab.hypervisors
                 else [f"192.0.2.{100 + names.index(name)}"])
    world.put(cloud.host(name, addresses), how, hosts)
    return f"host {name} comes, by {how} {hosts}"


@step(1)
def tell_a_lie(chaos: Chaos) -> str:
    """A webhook with what the API never says; the next list is right."""
    world, rng = chaos.world, chaos.rng
    obj = {**world.ghost(40 + rng.randrange(10), "red",
                         rng.choice(FAR_HOSTS)), "revision": 1}
    world.history[world.round].homes[obj["mac"]].add(("red", obj["host"]))
    hosts = chaos.telling()[1]
    world.post(hosts, [webhook.cloudevent("put", obj)])
    return f"{hosts} hear of {obj['id']}, which there is not"


@step(8)
def mend(chaos: Chaos) -> str | None:
    """A VM is as it should be, or else soon nobody would reach anybody."""
    world, number = chaos.world, chaos.rng.randrange(N_VMS)
    vm, place = world.vms[number], world.place[number]
    if place is None or not world.has(place, "database", "bridge"):
        return None
    how, hosts = chaos.telling()
    world.put(cloud.endpoint(vm.name, vm.segment, place, vm.mac, vm.ips), how,
              hosts)
    if ("segment", vm.segment) not in world.objects:
        world.put(cloud.segment(vm.segment, world.fresh_vni()), how, hosts)
    if ("host", place) not in world.objects:
        world.put(cloud.host(place, world.lab.hypervisors[place].addresses),
                  how, hosts)
    world.iface_id[number], world.extra_ids[number] = vm.name, {}
    world.note()
    world.set_port_ids(number)
    return f"{vm.name} is in order on {place}, by {how} {hosts}"


@step(3)
def restore(chaos: Chaos) -> str:
    """All hosts, segments and VMs as in the beginning, in one version."""
    world = chaos.world
    for number in range(N_VMS):
        place = world.place[number] or world.first_place[number]
        if not world.has(place, "database", "bridge"):
            continue
        world.iface_id[number] = world.vms[number].name
        world.extra_ids[number] = {}
        if world.place[number] is None:
            world.place[number] = place
            world.plug(number)
        else:
            world.set_port_ids(number)
        world.note()
    world.put_all(world.first_objects())
    return "hosts, segments and VMs are as in the beginning"


# VMs and ports.

@step(5)
def migrate(chaos: Chaos) -> str | None:
    world, rng = chaos.world, chaos.rng
    number = chaos.plugged()
    target = chaos.hypervisor("database", "bridge")
    if number is None or target is None:
        return None
    name = world.vms[number].name
    acts = [lambda: move_port(world, number, target)]
    if ("endpoint", name) in world.objects:
        how, hosts = chaos.telling()
        acts.append(lambda: world.change("endpoint", name, how, hosts,
                                         host=target))
    rng.shuffle(acts)
    for act in acts:
        act()
    return f"{name} migrates to {target}"


def move_port(world: World, number: int, target: str) -> None:
    world.unplug(number)
    world.place[number] = target
    world.note()
    world.plug(number)


@step(3)
def unplug(chaos: Chaos) -> str | None:
    number = chaos.plugged()
    if number is None:
        return None
    chaos.world.unplug(number)
    chaos.world.place[number] = None
    return f"{chaos.world.vms[number].name} is unplugged"


@step(6)
def plug(chaos: Chaos) -> str | None:
    number = chaos.plugged(False)
    target = chaos.hypervisor("database", "bridge")
    if number is None or target is None:
        return None
    chaos.world.place[number] = target
    chaos.world.note()
    chaos.world.plug(number)
    return f"{chaos.world.vms[number].name} is plugged in on {target}"


@step(3)
def plug_again(chaos: Chaos) -> str | None:
    """At once, so that it has another number."""
    number = chaos.plugged()
    if number is None:
        return None
    chaos.world.unplug(number)
    chaos.world.plug(number)
    return f"{chaos.world.vms[number].name} is plugged in anew"


@step(2)
def renumber(chaos: Chaos) -> str | None:
    number = chaos.plugged()
    if number is None:
        return None
    vm, ofport = chaos.world.vms[number], chaos.rng.randrange(500, 510)
    chaos.world.hypervisor_of(number).vsctl(
        "--no-wait", "--if-exists", "set", "interface", vm.port,
        f"ofport_request={ofport}")
    return f"{vm.name} is to have the OpenFlow port {ofport}"


@step(4)
def change_port_ids(chaos: Chaos) -> str | None:
    world, rng = chaos.world, chaos.rng
    number = chaos.plugged()
    if number is None:
        return None
    vm = world.vms[number]
    what = rng.choice(["own", "own", "other", "unknown", "status", "mac"])
    if what == "status":
        world.extra_ids[number] = {"iface-status": rng.choice(
            ["inactive", "active"])}
    elif what == "mac":
        world.extra_ids[number] = {"attached-mac": rng.choice(
            [vm.mac, "02:00:00:00:99:99"])}
    else:
        world.extra_ids[number] = {}
        world.iface_id[number] = {
            "own": vm.name, "other": f"vm{rng.randrange(N_VMS)}",
            "unknown": "stranger"}[what]
    world.note()
    world.set_port_ids(number)
    return f"{vm.name}'s port says {world.port_ids(number)}"


# Settings.

@step(3)
def change_setting(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database")
    if name is None:
        return None
    rng, agent = chaos.rng, chaos.world.agent(name)
    key, value = rng.choice([
        ("tunnel-key", "segment"), ("tunnel-key", "segment"),
        ("tunnel-key", "flow"), ("tunnel-key", "flow"),
        ("linger", "0"), ("linger", "1"), ("linger", "3"),
        ("bfd", "true"), ("bfd", "false"),
        ("encap-type", "gre,vxlan"), ("encap-type", "vxlan"),
        ("max-delete", "20"), ("max-delete", "100")])
    agent.settings[key] = value
    vsctl_set(chaos, name, {f"vtepd-{key}": value})
    return f"{name}: {key} becomes {value}"


@step(2)
def change_setting_for_a_while(chaos: Chaos) -> str | None:
    """Where it serves nobody, or not everybody."""
    name = chaos.hypervisor("database", "switch", "bridge", "settings")
    if name is None:
        return None
    world, agent = chaos.world, chaos.world.agent(name)
    hypervisor = world.lab.hypervisors[name]
    key, value = chaos.rng.choice([
        ("bridge", OTHER_BRIDGE), ("bridge", OTHER_BRIDGE),
        ("encap-ip", hypervisor.ipv4), ("encap-ip", hypervisor.ipv6),
        ("inventory", "http://198.51.100.1:9"),
        ("inventory", "file:/nonexistent"),
        ("webhook-listen", "127.0.0.1:8443")])
    before = agent.settings.get(key)
    agent.settings[key] = value
    vsctl_set(chaos, name, {f"vtepd-{key}": value})
    world.down.add((name, "settings"))

    def reset() -> None:
        if not world.has(name, "database"):
            chaos.postpone("settings", name, reset)
            return
        agent.settings[key] = before or INTEGRATION_BRIDGE
        vsctl_set(chaos, name, {f"vtepd-{key}": agent.settings[key]})
        world.down.discard((name, "settings"))

    chaos.later("settings", name, reset)
    return f"{name}: {key} becomes {value} for a while"


def vsctl_set(chaos: Chaos, name: str, ids: dict[str, str]) -> None:
    chaos.world.lab.hypervisors[name].vsctl(
        "--no-wait", "set", "Open_vSwitch", ".",
        *(f'external_ids:{key}="{value}"' for key, value in ids.items()))


# The agent.

@step(4)
def restart_agent(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("agent", "database")
    if name is None:
        return None
    agent, rng = chaos.world.agent(name), chaos.rng
    how = rng.choice([signal.SIGTERM, signal.SIGKILL])
    agent.stop(how)
    spoiled = spoil_state(chaos, name) if rng.random() < 0.4 else ""
    if rng.random() < 0.5:
        agent.start()
        return f"{name}: vtepd restarted by {how.name}{spoiled}"
    mark_down(chaos, name, "agent", agent.start)
    return f"{name}: vtepd ended by {how.name}{spoiled}"


def mark_down(chaos: Chaos, name: str, part: str,
              start: Callable[[], None]) -> None:
    """'part' does not work until it is started again."""
    entry = (name, part)
    chaos.world.down.add(entry)

    def undo() -> None:
        if part == "agent" and not chaos.world.has(name, "database"):
            # It takes its settings from there.
            chaos.postpone("agent", name, undo)
            return
        start()
        chaos.world.down.discard(entry)

    chaos.later(part, name, undo)


def spoil_state(chaos: Chaos, name: str) -> str:
    folder = chaos.world.lab.hypervisors[name].folder / "vtepd-state"
    what = chaos.rng.choice(["removed", "torn", "empty", "garbage"])
    for path in sorted(folder.glob("inventory-*.json")):
        data = path.read_bytes()
        if what == "removed":
            path.unlink()
        else:
            path.write_bytes({"torn": data[:len(data) * 2 // 3], "empty": b"",
                              "garbage": b"\xff{" * 100}[what])
    return f", its state file {what}"


@step(1)
def suspend_agent(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("agent")
    if name is None:
        return None
    pid = chaos.world.agent(name).pid
    os.kill(pid, signal.SIGSTOP)
    # It does not answer, so nobody is to ask it.
    mark_down(chaos, name, "agent",
              lambda: os.kill(pid, signal.SIGCONT))
    return f"{name}: vtepd is suspended"


@step(1)
def resync(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("agent")
    if name is None:
        return None
    chaos.world.agent(name).resync()
    return f"{name}: vtepd/resync"


# Open vSwitch.

@step(2)
def restart_switch(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch")
    if name is None:
        return None
    hypervisor, rng = chaos.world.lab.hypervisors[name], chaos.rng
    how = rng.choice([signal.SIGTERM, signal.SIGKILL])
    hypervisor.stop_switch(how)
    if rng.random() < 0.5:
        hypervisor.start_switch()
        return f"{name}: ovs-vswitchd restarted by {how.name}"
    # The database stays meanwhile: the switch needs it to start.
    chaos.world.down.add((name, "switch"))

    def start() -> None:
        hypervisor.start_switch()
        chaos.world.down.discard((name, "switch"))

    chaos.later("switch", name, start)
    return f"{name}: ovs-vswitchd ended by {how.name}"


@step(1)
def suspend_switch(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch")
    if name is None:
        return None
    stack = contextlib.ExitStack()
    stack.enter_context(chaos.world.lab.hypervisors[name].switch_suspended())
    chaos.world.down.add((name, "switch"))

    def resume() -> None:
        stack.close()
        chaos.world.down.discard((name, "switch"))

    chaos.later("switch", name, resume)
    return f"{name}: ovs-vswitchd is suspended"


@step(3)
def restart_database(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch")
    if name is None:
        return None
    hypervisor, rng = chaos.world.lab.hypervisors[name], chaos.rng
    how = rng.choice([signal.SIGTERM, signal.SIGKILL])
    hypervisor.stop_database(how)
    if rng.random() < 0.5:
        hypervisor.start_database()
        return f"{name}: ovsdb-server restarted by {how.name}"
    chaos.world.down.add((name, "database"))

    def start() -> None:
        hypervisor.start_database()
        chaos.world.down.discard((name, "database"))

    chaos.later("database", name, start)
    return f"{name}: ovsdb-server ended by {how.name}"


@step(2)
def delete_bridge(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch", "bridge", "settings")
    if name is None:
        return None
    hypervisor = chaos.world.lab.hypervisors[name]
    if chaos.rng.random() < 0.5:
        hypervisor.vsctl(
            "--no-wait", "--if-exists", "del-br", INTEGRATION_BRIDGE, "--",
            "add-br", INTEGRATION_BRIDGE, "--", "set", "bridge",
            INTEGRATION_BRIDGE, "datapath_type=netdev", "fail_mode=secure")
        chaos.world.replug(name)
        return f"{name}: {INTEGRATION_BRIDGE} is made anew by somebody"
    hypervisor.vsctl("--no-wait", "--if-exists", "del-br", INTEGRATION_BRIDGE)
    chaos.world.down.add((name, "bridge"))
    chaos.later("bridge", name, lambda: plug_all_again(chaos, name))
    return f"{name}: {INTEGRATION_BRIDGE} is deleted"


def plug_all_again(chaos: Chaos, name: str) -> None:
    """As soon as vtepd can have made the bridge again."""
    if chaos.world.has(name, "agent", "database", "settings"):
        chaos.world.replug(name)
        chaos.world.down.discard((name, "bridge"))
    else:
        chaos.postpone("bridge", name, lambda: plug_all_again(chaos, name))


@step(2)
def cut_connections(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch")
    if name is None:
        return None
    hypervisor = chaos.world.lab.hypervisors[name]
    target, command = chaos.rng.choice([
        ("ovsdb-server", ["ovsdb-server/reconnect"]),
        ("ovs-vswitchd", ["bridge/reconnect"])])
    with contextlib.suppress(CommandError):
        hypervisor.appctl(target, *command)
    return f"{name}: {' '.join(command)}"


# The API.

API_FAULTS: list[tuple[str, dict]] = [
    ("answers 500", {"status": 500, "body": "no"}),
    ("answers 503", {"status": 503, "headers": {"Retry-After": "1"},
                     "body": "{}"}),
    ("answers 401", {"status": 401, "body": "{}"}),
    ("shows a login page", {"content_type": "text/html",
                            "body": "<html>Log in</html>"}),
    ("says nothing that is JSON", {"body": "{\"version\": \"1\", \"ite"}),
    ("hangs", {"delay": 3, "pass_through": True}),
    ("is cut short", {"pass_through": True, "truncate": 300,
                      "headers": {"Content-Length": "100000"}}),
    ("hangs up", {"raw": True}),
]


@step(5)
def api_fault(chaos: Chaos) -> str | None:
    world, rng = chaos.world, chaos.rng
    if world.api_down:
        return None
    what, fault = rng.choice(API_FAULTS)
    watch = rng.random() < 0.3 and "pass_through" not in fault
    world.cloud.inject(count=rng.choice([1, 3, -1]), watch=watch, **fault)
    clear_later(chaos)
    return f"the API's {'watch' if watch else 'list'} {what}"


def clear_later(chaos: Chaos) -> None:
    def clear() -> None:
        if not chaos.world.api_down:
            chaos.world.cloud.clear_faults()

    chaos.later("API", "", clear)


@step(1.5)
def api_lists_less(chaos: Chaos) -> str | None:
    """Nothing, or half of what there is."""
    world, rng = chaos.world, chaos.rng
    if world.api_down:
        return None
    share = rng.choice([0, 0.5])
    items = [obj for _, obj in sorted(world.objects.items())
             if rng.random() < share]
    world.cloud.inject(count=rng.choice([1, 2]), body=json.dumps(
        {"version": "1", "items": items}))
    clear_later(chaos)
    return f"the API lists {len(items)} objects only"


@step(2)
def stop_api(chaos: Chaos) -> str | None:
    world = chaos.world
    if world.api_down:
        return None
    world.stop_api()
    if chaos.rng.random() < 0.4:
        world.start_api()
        return "the API is restarted"
    chaos.later("API", "", world.start_api)
    return "the API is down"


@step(2)
def watch_trouble(chaos: Chaos) -> str | None:
    world, rng = chaos.world, chaos.rng
    if world.api_down:
        return None
    what = rng.choice(["close", "garbage", "gone", "off", "on", "forget"])
    if what in ("close", "garbage", "gone"):
        text = {"close": "", "garbage": "{]\n", "gone": '{"type":"gone"}\n'}
        world.cloud.say(text[what], close=what != "garbage")
    else:
        world.watched = what != "off"
        world.cloud.watch_mode(enabled=world.watched, heartbeat=2,
                               forget=what == "forget")
        if not world.watched:
            world.cloud.say("", close=True)
    return f"the watch: {what}"


@step(1)
def page_size(chaos: Chaos) -> str | None:
    if chaos.world.api_down:
        return None
    size = chaos.rng.choice([1000, 1000, 7, 20])
    chaos.world.cloud.set_page_size(size)
    return f"pages of {size}"


# What somebody changes by hand.

@step(3)
def change_flows(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch", "bridge")
    if name is None:
        return None
    hypervisor, rng = chaos.world.lab.hypervisors[name], chaos.rng
    table = rng.choice([0, 1, 10, 20, 40, 51, 60])
    command = rng.choice([
        ["del-flows", INTEGRATION_BRIDGE],
        ["del-flows", INTEGRATION_BRIDGE, f"table={table}"],
        ["del-groups", INTEGRATION_BRIDGE],
        ["mod-flows", INTEGRATION_BRIDGE, f"table={table},actions=drop"],
        ["add-flow", INTEGRATION_BRIDGE,
         f"table={table},priority=7,dl_src=02:dd:00:00:00:01,actions=drop"]])
    with contextlib.suppress(CommandError):
        hypervisor.ofctl(*command)
    return f"{name}: ovs-ofctl {' '.join(command)}"


@step(3)
def change_rows(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch", "bridge")
    if name is None:
        return None
    hypervisor, rng = chaos.world.lab.hypervisors[name], chaos.rng
    rows = sorted(row["name"] for row in hypervisor.tunnels())
    port = rng.choice(rows) if rows else None
    if port is None:
        return None
    command = rng.choice([
        ["del-port", port],
        ["set", "interface", port, "options:remote_ip=192.0.2.200"],
        ["set", "interface", port, "options:key=4711"],
        ["set", "interface", port, "external_ids:vtepd-peer=nobody"],
        ["set", "interface", port, "type=geneve"],
        ["remove", "port", port, "external_ids", "vtepd-owner"],
        ["set", "interface", port, "ofport_request=600"]])
    hypervisor.vsctl("--no-wait", "--if-exists", *command)
    return f"{name}: ovs-vsctl {' '.join(command)}"
