# SPDX-License-Identifier: Apache-2.0
"""Taking the steps of the chaos test: each changes one thing, or breaks one.
They stand in chaos_inventory.py, chaos_ports.py and chaos_faults.py."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from chaos_world import FAR_HOSTS, World

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
