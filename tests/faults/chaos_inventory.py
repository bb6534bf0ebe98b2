# SPDX-License-Identifier: Apache-2.0
"""Steps of the chaos test: what changes in the inventory."""

from __future__ import annotations

from chaos_steps import Chaos, step
from chaos_world import FAR_HOSTS, N_VMS
from lab import cloud, webhook


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
    values = ["drop", "replicate"]
    if policy == "multicast":
        values.append("snoop")
    members = rng.choice([
        {policy: rng.choice(values)},
        {policy: rng.choice(values)},
        {"encap": rng.choice(["vxlan", "gre", "geneve"])},
        {"vni": None},
        {"mtu": rng.randrange(1000, 1500)},
        {"subnets": [{"cidr": cidr, "dhcp": rng.random() < 0.7}
                     for cidr in ("10.0.0.0/8", "fd00::/64")]}])
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
