# SPDX-License-Identifier: Apache-2.0
"""Steps of the chaos test: routers.  No VM sends to them, but the segments that
they join are live, and their flows and tunnels are compared with all others.
No VM has an address or a MAC of theirs, so they are in nobody's way."""

from __future__ import annotations

from chaos_steps import Chaos, step
from lab import cloud

ROUTERS = ["r1", "r2", "r3"]
SUBNETS = [cloud.subnet("10.0.0.0/24", "10.0.0.254"),
           cloud.subnet("10.0.0.0/25", "10.0.0.253"),
           cloud.subnet("fd00::/64", "fd00::fffe")]


def some_segments(chaos: Chaos) -> list[str]:
    names = [*chaos.world.ids("segment"), "nowhere"]
    return chaos.rng.sample(names, chaos.rng.randint(1, len(names)))


def some_routes(chaos: Chaos) -> list[dict]:
    """By addresses that VMs and ghosts have, or may have."""
    rng = chaos.rng
    return [{"cidr": cidr, "via": f"10.0.0.{rng.randrange(1, 124)}"}
            for cidr in rng.sample(["0.0.0.0/0", "172.16.0.0/12",
                                    "10.0.0.0/24"], rng.randint(0, 3))]


def some_mac(chaos: Chaos) -> str:
    return f"02:5e:00:00:00:{chaos.rng.randrange(1, 4):02x}"


@step(3)
def router_goes_or_comes(chaos: Chaos) -> str:
    name = chaos.rng.choice(ROUTERS)
    how, hosts = chaos.telling()
    if ("router", name) in chaos.world.objects and chaos.rng.random() < 0.4:
        chaos.world.delete("router", name, how, hosts)
        return f"router {name} is deleted, by {how} {hosts}"
    obj = cloud.router(name, some_mac(chaos), some_segments(chaos))
    obj["routes"] = some_routes(chaos)
    chaos.world.put(obj, how, hosts)
    return f"router {name} comes, {obj}, by {how} {hosts}"


@step(3)
def change_router(chaos: Chaos) -> str | None:
    name = chaos.pick(chaos.world.ids("router"))
    if name is None:
        return None
    members = chaos.rng.choice([{"segments": some_segments(chaos)},
                                {"routes": some_routes(chaos)},
                                {"mac": some_mac(chaos)}])
    return chaos.change("router", name, **members)


@step(2)
def change_subnets(chaos: Chaos) -> str | None:
    name = chaos.pick(chaos.world.ids("segment"))
    if name is None:
        return None
    return chaos.change("segment", name, subnets=chaos.rng.sample(
        SUBNETS, chaos.rng.randint(0, len(SUBNETS))))
