#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Chaos: random faults and changes, while VMs send to all sorts of addresses.

    chaos.py [--seed N] [--seconds S | --rounds N]

After each round of some steps everything is put in order again, and then

  - each switch has to equal what a fresh vtepd makes of an empty one;
  - no packet may have crossed segments, nor gone to who is not there;
  - vtepd has not ended, not grown, not logged an error, and is quiet.

The steps follow from the seed alone; the moments at which they meet with
something do not.  --only repeats some steps of a round, to find those that
matter."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import chaos_faults                                 # noqa: E402, F401
import chaos_inventory                              # noqa: E402, F401
import chaos_routers                                # noqa: E402, F401
from chaos_ports import OTHER_BRIDGE                # noqa: E402
from chaos_reference import (                       # noqa: E402
    NotComparable, Reference, SwitchView, difference)
from chaos_steps import Chaos                       # noqa: E402
from chaos_traffic import Traffic                   # noqa: E402
from chaos_world import World, stranger_rows        # noqa: E402
from lab.agent import Agent                         # noqa: E402
from lab.lab import FABRIC, Lab                     # noqa: E402
from lab.netns import Namespace                     # noqa: E402
from lab.processes import CommandError, wait_until  # noqa: E402

# How long vtepd may take until everything is as it should be: its longest
# pause, after a row that somebody else kept changing, is 30 s.
CONVERGED_WITHIN = 60
MAX_GROWTH = 8 << 20            # Bytes from a vtepd's first round to its last.
MAX_FDS = 40
SETTINGS = {"linger": "0", "max-delete": "100", "poll": "1"}


class Failure(Exception):
    """What vtepd must not do."""


def say(text: str) -> None:
    print(text, flush=True)


class Watcher:
    """How a vtepd is: it lives, does not grow and has nothing to complain
    of."""

    def __init__(self, agent: Agent):
        self.agent = agent
        self._pid = 0
        self._resident = 0
        self._log_read = 0

    def resident(self) -> int:
        statm = Path(f"/proc/{self.agent.pid}/statm").read_text()
        return int(statm.split()[1]) * os.sysconf("SC_PAGESIZE")

    def check(self) -> None:
        agent, name = self.agent, self.agent.hypervisor.name
        if not agent.is_running():
            raise Failure(f"{name}: vtepd has ended: {agent.said()}")
        if agent.said():
            raise Failure(f"{name}: vtepd says {agent.said()}")
        for line in self._new_log().splitlines():
            if re.search(r"\|(ERR|EMER)\|", line):
                raise Failure(f"{name}: vtepd logs {line}")
        n_fds = len(os.listdir(f"/proc/{agent.pid}/fd"))
        if n_fds > MAX_FDS:
            raise Failure(f"{name}: vtepd has {n_fds} file descriptors")
        resident = self.resident()
        if agent.pid != self._pid:
            self._pid, self._resident = agent.pid, resident
        elif resident - self._resident > MAX_GROWTH and not sanitized(agent):
            raise Failure(f"{name}: vtepd has grown by"
                          f" {resident - self._resident} bytes")

    def _new_log(self) -> str:
        text = self.agent.log_since(self._log_read)
        self._log_read += len(text.encode(errors="replace"))
        return text


def sanitized(agent: Agent) -> bool:
    """A sanitizer has a memory of its own that grows."""
    return b"libasan" in Path(f"/proc/{agent.pid}/maps").read_bytes()


class Run:
    def __init__(self, lab: Lab, options: argparse.Namespace):
        self.lab = lab
        self.world = World(lab)
        self.chaos = Chaos(self.world, options.seed)
        self.options = options
        self.watchers = {}
        self.n_steps = 0
        self.round = 0
        self.slowest = 0.0

    def set_up(self) -> None:
        self.world.set_up()
        self.traffic = Traffic(self.world.vms, self.lab.fabric, FABRIC,
                               self.options.seed)
        self.traffic.start()
        self.watchers = {name: Watcher(agent)
                         for name, agent in self.lab.agents.items()}
        self.reference_ns = Namespace(f"{self.lab.name}-ref")
        self.reference_ns.create()
        self.strangers = {name: stranger_rows(hypervisor) for name, hypervisor
                          in self.lab.hypervisors.items()}
        self.check()

    # A round.

    def take_round(self) -> None:
        self.world.begin_round(self.round + 1)
        self.traffic.round = self.round = self.round + 1
        self.traffic.targets = self.world.targets()
        self._clear_history()
        n_steps = random.Random(f"{self.options.seed}/{self.round}"
                                ).randint(4, 24)
        for number in range(self.n_steps + 1, self.n_steps + n_steps + 1):
            if self.options.only and number not in self.options.only:
                continue
            say(f"  {number:4}  {self.chaos.take(number)}")
            self.traffic.targets = self.world.targets()
            time.sleep(self.chaos.pause())
        self.n_steps += n_steps
        self.chaos.number = self.n_steps
        self.chaos.heal()
        self.check()

    def _clear_history(self) -> None:
        for number in [number for number in self.world.history
                       if number < self.round - 3]:
            del self.world.history[number]

    def check(self) -> None:
        begun = time.monotonic()
        wait_until(self._unsettled, "all is quiet", CONVERGED_WITHIN,
                   until=lambda reasons: not reasons, interval=0.1)
        settled = time.monotonic() - begun
        self._compare(begun)
        converged = time.monotonic() - begun
        self.slowest = max(self.slowest, converged)
        n_pairs = self._probe()
        self._check_quiet()
        self._check_strangers()
        self._check_other_bridge()
        for watcher in self.watchers.values():
            watcher.check()
        self._judge()
        say(f"round {self.round}: settled after {settled:.1f} s, equal after"
            f" {converged:.1f} s, {n_pairs} pairs reach each other,"
            f" {self.traffic.n_sent} frames sent,"
            f" {self.traffic.n_crossed} on the fabric")

    # Has it converged?

    def _unsettled(self) -> list[str]:
        """Why nothing is to be expected yet of comparing."""
        version = str(self.world.cloud.request("GET", "/v1/objects"
                                               )["version"])
        reasons = []
        for name, agent in self.lab.agents.items():
            if not agent.is_running():
                raise Failure(f"{name}: vtepd has ended: {agent.said()}")
            status = agent.show("status")
            inventory = status["inventory"]
            if inventory["held_deletions"] and inventory["version"] == version:
                agent.command("vtepd/approve-deletions")
            for is_so, reason in (
                    (status["state"] == "working", status["waiting_for"]),
                    (status["openflow"]["state"] == "synced", "OpenFlow"),
                    (not status["ovsdb"]["in_flight"], "a transaction"),
                    (inventory["version"] == version,
                     f"version {version}, has {inventory['version']}"),
                    (not inventory["held_deletions"], "held deletions"),
                    (not inventory["error"], inventory["error"]),
                    (inventory["state_file_saved"], "the state file")):
                if not is_so:
                    reasons.append(f"{name}: {reason}")
        return reasons

    def _compare(self, begun: float) -> None:
        with contextlib.ExitStack() as stack:
            references = {name: stack.enter_context(self._reference(name))
                          for name in self.lab.agents}
            for name, reference in references.items():
                left = CONVERGED_WITHIN - (time.monotonic() - begun)
                self._compare_one(name, reference, max(left, 15))

    def _reference(self, name: str) -> Reference:
        return Reference(self.lab.agents[name],
                         list(self.world.objects.values()),
                         self.world.port_rows(name), self.reference_ns,
                         self.lab.folder / f"reference-{name}")

    def _compare_one(self, name: str, reference: Reference, timeout: float
                     ) -> None:
        hypervisor = self.lab.hypervisors[name]
        real = SwitchView(hypervisor.folder, name)

        def differences() -> list[str]:
            try:
                return difference(real.state(), reference.view.state())
            except NotComparable as error:
                return [str(error)]

        try:
            wait_until(differences, name, timeout,
                       until=lambda lines: not lines, interval=0.1)
        except TimeoutError:
            lines = differences()
            raise Failure(f"{name} is not what a fresh vtepd makes (- what is"
                          " missing, + what is too much):\n"
                          + "\n".join(lines[:60])) from None

    def _check_quiet(self) -> None:
        """After two more lists and comparisons nothing was sent."""
        for name, agent in self.lab.agents.items():
            before = self._sent(agent)
            for _ in range(3):
                n = self._lists(agent)
                agent.resync()
                wait_until(lambda: self._lists(agent), f"{name} lists",
                           until=lambda now: now > n)
            wait_until(lambda: agent.show("status")["state"] == "working",
                       f"{name} works")
            after = self._sent(agent)
            if after != before:
                raise Failure(f"{name} does not come to rest: {before} became"
                              f" {after}")

    def _check_other_bridge(self) -> None:
        """Where vtepd was for a while, nothing is left."""
        for name, hypervisor in self.lab.hypervisors.items():
            for row in hypervisor.rows("Bridge", f"name={OTHER_BRIDGE}",
                                       columns="ports"):
                view = SwitchView(hypervisor.folder, name)
                wait_until(lambda: [
                    *view.ofctl("--no-stats", "dump-flows", OTHER_BRIDGE),
                    *view.ofctl("dump-groups", OTHER_BRIDGE)[1:]],
                    f"{name}: {OTHER_BRIDGE} has no flows and groups",
                    until=lambda lines: not lines)
                if not isinstance(row["ports"], str):
                    raise Failure(f"{name}: {OTHER_BRIDGE} has ports left")

    def _check_strangers(self) -> None:
        for name, before in self.strangers.items():
            now = stranger_rows(self.lab.hypervisors[name])
            if now != before:
                raise Failure(f"{name}: what is not vtepd's has changed:"
                              f" {before} became {now}")

    @staticmethod
    def _lists(agent: Agent) -> int:
        inventory = agent.show("status")["inventory"]
        return inventory["lists"] + inventory["not_modified"]

    @staticmethod
    def _sent(agent: Agent) -> dict[str, int]:
        status = agent.show("status")
        return {"committed": status["ovsdb"]["committed"],
                "flow mods": status["openflow"]["flow_mods"],
                "group mods": status["openflow"]["group_mods"]}

    # Packets.

    def _probe(self) -> int:
        """Those who should, do reach each other.  Returns how many do."""
        pairs = [(a, b) for a in self._served() for b in self._served()
                 if a != b and self.connected(a, b)]
        waiting = {pair: -1 for pair in pairs}

        def arrived() -> list[tuple[int, int]]:
            for pair, number in list(waiting.items()):
                if number >= 0 and self.traffic.arrived(number):
                    del waiting[pair]
                else:
                    waiting[pair] = self.traffic.probe(*pair)
            return list(waiting)

        wait_until(arrived, "frames arrive", 20,
                   until=lambda left: not left, interval=0.1)
        return len(pairs)

    def _served(self) -> list[int]:
        """VMs whose ports have the flows of their own endpoint."""
        marked = {name: {row["name"] for row in hypervisor.rows(
            "Interface", "external_ids:vtepd-installed=true",
            columns="name")}
            for name, hypervisor in self.lab.hypervisors.items()}
        return [number for number, vm in enumerate(self.world.vms)
                if self.world.place[number]
                and self.world.iface_id[number] == vm.name
                and vm.port in marked[self.world.place[number]]]

    def connected(self, a: int, b: int) -> bool:
        """Should b hear a?"""
        world = self.world
        one, other = (world.objects["endpoint", world.vms[n].name]
                      for n in (a, b))
        if (one["segment"] != other["segment"]
                or one["mac"] != world.vms[a].mac
                or other["mac"] != world.vms[b].mac):
            return False
        if world.place[a] == world.place[b]:
            return True
        encap = world.objects["segment", one["segment"]].get("encap")
        offers = [{(t["type"], ":" in t["ip"])
                   for t in world.offers(world.place[n])
                   if encap in (None, t["type"])} for n in (a, b)]
        return bool(offers[0] & offers[1])

    def _judge(self) -> None:
        if self.traffic.failure:
            raise self.traffic.failure
        wrong = self.world.judge(self.traffic.take_events())
        wrong += self.world.complaints
        if wrong:
            raise Failure("\n".join(sorted(wrong)[:40]))

    def finish(self) -> None:
        """Every vtepd ends in order."""
        for name, agent in self.lab.agents.items():
            status = agent.exit()
            if status or agent.said():
                raise Failure(f"{name}: vtepd ended with status {status}:"
                              f" {agent.said()}")
        missed = self.traffic.n_missed()
        if missed:
            say(f"{missed} frames on the fabric were not looked at")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--seconds", type=float, default=150,
                        help="no round begins later (default: 150)")
    parser.add_argument("--rounds", type=int, default=0,
                        help="so many, however long they take")
    parser.add_argument("--only", type=lambda text: set(
        map(int, text.split(","))), metavar="N,N", help="these steps only")
    parser.add_argument("--hypervisors", type=int, default=3)
    parser.add_argument("--log-lines", type=int, default=60, metavar="N",
                        help="of each vtepd's log, after a failure")
    parser.add_argument("--keep", action="store_true",
                        help="leave the lab running after a failure")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


def main() -> int:
    options = parse()
    begun = time.monotonic()
    say(f"chaos: --seed {options.seed}")
    with Lab(options.hypervisors, settings=SETTINGS) as lab:
        run = Run(lab, options)
        try:
            run.set_up()
            while (run.round < options.rounds if options.rounds
                   else time.monotonic() - begun < options.seconds):
                run.take_round()
            run.finish()
        except (Failure, TimeoutError, CommandError, RuntimeError) as error:
            for name, agent in lab.agents.items():
                say(f"--- {name}: vtepd.log (end)")
                say("\n".join(agent.log().splitlines()[-options.log_lines:]))
            say(f"\nFAILED in round {run.round}, step {run.chaos.number}"
                f" (chaos --seed {options.seed}): {error}")
            if options.keep:
                lab.keep()
                say(f"{lab.name} is kept; lab.py removes it")
            return 1
    say(f"chaos: {run.n_steps} steps in {run.round} rounds, seed"
        f" {options.seed}: nothing wrong; at most {run.slowest:.1f} s to"
        " converge")
    return 0


if __name__ == "__main__":
    sys.exit(main())
