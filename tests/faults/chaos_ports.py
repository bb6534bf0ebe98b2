# SPDX-License-Identifier: Apache-2.0
"""Steps of the chaos test: what changes on a hypervisor."""

from __future__ import annotations

from chaos_steps import Chaos, step
from chaos_world import N_VMS, World
from lab.hypervisor import INTEGRATION_BRIDGE

# Where vtepd is told to go for a while.
OTHER_BRIDGE = "br-new"


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
