# SPDX-License-Identifier: Apache-2.0
"""make check-failovers: keepalived moves an IPv4 and an IPv6 address between
VMs on two hosts, while a VM on a third host pings both a thousand times a
second.  How long does it take from the new master's announcement to its first
answer?

Exit status 1 if one took longer than the bound."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab import cloud, ping                                 # noqa: E402
from lab.frames import Frame, mac_bytes                     # noqa: E402
from lab.lab import Lab                                     # noqa: E402
from lab.processes import wait_until                        # noqa: E402
from lab.vm import Vm                                       # noqa: E402
from lab.vrrp import (Keepalived, Watched, is_announcement,  # noqa: E402
                      looks_like_announcement, sharing, watching)

BOUND = 0.020
SHARED = ["10.0.0.100", "fd00::100"]
INTERVAL = 0.001            # Seconds.


class Failover:
    """One change of the master, seen from the new one and from who pings."""

    def __init__(self, master: Keepalived, at_master: Watched,
                 at_pinger: Watched):
        self.master = master.vm
        self._at_master, self._at_pinger = at_master, at_pinger
        self._announced: dict[str, float] = {}
        self._answered: dict[str, float] = {}

    def look(self) -> bool:
        """Takes note of what has passed; returns true once all is seen."""
        mac = mac_bytes(self.master.mac)
        for when, frame in self._at_master.passed(True,
                                                  looks_like_announcement):
            for ip in SHARED:
                if is_announcement(frame, ip):
                    self._announced.setdefault(ip, when)
        for when, frame in self._at_pinger.passed(
                False, lambda raw: raw[6:12] == mac):
            if is_answer(frame):
                self._answered.setdefault(frame.ip_src, when)
        return all(ip in self._announced and ip in self._answered
                   for ip in SHARED)

    def gap(self, ip: str) -> float:
        """In seconds."""
        return self._answered[ip] - self._announced[ip]


def is_answer(frame: Frame) -> bool:
    return (frame.ip_src in SHARED
            and (frame.kind, frame.icmp_type) in (("icmp", 0),
                                                  ("icmp6", 129)))


def set_up(lab: Lab) -> list[Vm]:
    """a, b and c, each on a host of its own; a and b may share addresses."""
    pairs = [{"ip": ip} for ip in SHARED]
    vms = [lab.vm(name, "blue", [f"10.0.0.{n}", f"fd00::{n}"])
           for n, name in enumerate("abc", 1)]
    lab.cloud.replace(*lab.host_objects(), cloud.segment("blue", 77))
    for vm, hypervisor in zip(vms, lab.hypervisors.values()):
        vm.plug(hypervisor)
        lab.cloud.put(vm.endpoint(
            **({} if vm.name == "c" else {"allowed_pairs": pairs})))
    lab.resync()
    for vm in vms:
        wait_until(vm.is_installed, f"{vm.name} is installed")
    for vm in vms[:2]:
        vms[2].wait_reaches(vm.ipv4)
        vms[2].wait_reaches(vm.ipv6)
    vms[0].wait_reaches(vms[1].ipv4)
    return vms


def ping_on(sockets: list[socket.socket]) -> None:
    """Pings on each socket once an interval, for ever.  (ping(8) waits 10 ms
    while an answer is missing.)"""
    for n in itertools.count():
        for sock in sockets:
            ping.send(sock, 1, n & 0xffff)
        due = (time.monotonic() // INTERVAL + 1) * INTERVAL
        time.sleep(max(0, due - time.monotonic()))


@contextlib.contextmanager
def pinging(vm: Vm) -> Iterator[None]:
    with vm.namespace.entered():
        sockets = [ping.connect(ip) for ip in SHARED]
    process = multiprocessing.get_context("fork").Process(
        target=ping_on, args=(sockets,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()
        for sock in sockets:
            sock.close()


def fail_over(old: Keepalived, new: Keepalived, at_new: Watched,
              at_pinger: Watched) -> Failover:
    at_new.passed(True, lambda raw: False)
    at_pinger.passed(False, lambda raw: False)
    failover = Failover(new, at_new, at_pinger)
    old.stop()
    wait_until(failover.look, f"{new.vm.name} announces and answers", 20)
    old.start()
    return failover


def set_priority(task: int, priority: int) -> None:
    """Before all that is not realtime; 0: the calling thread, which hands it
    on to whom it starts."""
    os.sched_setscheduler(task, os.SCHED_RR, os.sched_param(priority))


def make_realtime(lab: Lab) -> None:
    """Everything of the lab goes before all else on this machine, and what is
    below the VMs before them."""
    set_priority(0, 1)
    for hypervisor in lab.hypervisors.values():
        for file in hypervisor.folder.glob("*.pid"):
            tasks = Path("/proc", file.read_text().strip(), "task")
            for task in tasks.iterdir():
                set_priority(int(task.name), 2)


def run(lab: Lab, count: int) -> list[Failover]:
    a, b, c = set_up(lab)
    failovers = []
    with sharing(a, b, SHARED) as pair, watching(a, b, c) as eyes:
        for ip in SHARED:
            c.wait_reaches(ip)
        with pinging(c):
            for n in range(count):
                old = n % 2
                failovers.append(fail_over(pair[old], pair[1 - old],
                                           eyes[1 - old], eyes[2]))
                show(n, failovers[-1])
                time.sleep(0.2)
    return failovers


def show(n: int, failover: Failover) -> None:
    gaps = [failover.gap(ip) for ip in SHARED]
    print(f"{n + 1:4}  to {failover.master.name}  "
          + "  ".join(f"{gap * 1000:7.1f} ms" for gap in gaps)
          + ("  TOO LONG" if max(gaps) > BOUND else ""), flush=True)


def summary(failovers: list[Failover]) -> str:
    lines = ["| address | failovers | shortest | median | 99 % | longest |",
             "| --- | --- | --- | --- | --- | --- |"]
    for ip in SHARED:
        gaps = sorted(failover.gap(ip) * 1000 for failover in failovers)
        cells = [gaps[0], statistics.median(gaps),
                 gaps[max(0, -(-len(gaps) * 99 // 100) - 1)], gaps[-1]]
        lines.append(f"| {ip} | {len(gaps)} | "
                     + " | ".join(f"{cell:.1f} ms" for cell in cells) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="check-failovers",
                                     description=__doc__)
    parser.add_argument("--count", type=int, default=100, metavar="N")
    parser.add_argument("--realtime", action="store_true",
                        help="the lab goes before all else on this machine,"
                        " as if it were its own")
    options = parser.parse_args()
    with Lab(3) as lab:
        if options.realtime:
            make_realtime(lab)
        failovers = run(lab, options.count)
    print(summary(failovers))
    slow = sum(failover.gap(ip) > BOUND for failover in failovers
               for ip in SHARED)
    print(f"{slow} of {len(failovers) * len(SHARED)} took longer than "
          f"{BOUND * 1000:.0f} ms")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
