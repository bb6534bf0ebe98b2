# SPDX-License-Identifier: Apache-2.0
"""Over and over, back to where it began."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.agent import program as agent_program
from lab.ovsdb import OvsdbConnection
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 2
CYCLES = 1000
WARM_UP = 100


@contextlib.contextmanager
def connection(scene: Scene, host: str) -> Iterator[OvsdbConnection]:
    with contextlib.closing(OvsdbConnection(
            scene.hv[host].folder / "db.sock")) as database:
        yield database


def wait_fast(probe: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 15
    while not probe():
        assert time.monotonic() < deadline, f"{what}: not within 15 s"
        time.sleep(0.001)


def cycle(database: OvsdbConnection, vm: Vm, n: int) -> None:
    """Detaches and attaches, waiting for vtepd's mark each time."""
    for attached in (False, True):
        database.set_external_id(vm.port, "iface-id",
                                 vm.name if attached else None)
        wait_fast(lambda: ("vtepd-installed" in database.external_ids(vm.port))
                  == attached, f"cycle {n}: attached is {attached}")


def resident(pid: int) -> int:
    """Bytes of memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_r05_thousand_cycles(scene: Scene) -> None:
    """Each makes the segment live and dead again, the tunnel comes and goes:
    tunnels, groups and flows are back, memory is flat."""
    scene.segment("blue", 77, broadcast="replicate")
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    for n in range(50):
        scene.remote(f"x{n}", "blue", "hv2")
    scene.connect(a, b)
    agent = scene.agents["hv1"]
    with connection(scene, "hv1") as database:
        for n in range(WARM_UP):
            cycle(database, a, n)
        before, memory = scene.settle("hv1"), resident(agent.pid)
        for n in range(CYCLES):
            cycle(database, a, n)
    after = scene.settle("hv1")
    assert without_row_ids(after) == without_row_ids(before)
    grown = resident(agent.pid) - memory
    scene.connect(a, b)
    # A sanitizer has a memory of its own that grows, and tells at the end.
    assert agent.exit() == 0, agent.said()
    sanitized = b"__asan_init" in Path(agent_program()).read_bytes()
    agent.start()
    assert sanitized or grown < 1 << 20, f"vtepd has grown by {grown} bytes"


def without_row_ids(state: str) -> list[str]:
    """A new tunnel port is another row, and that is all that may differ."""
    lines = []
    for line in state.splitlines():
        before, _, after = line.partition('"_uuid": "')
        lines.append(before + after[36:] if after else line)
    return sorted(lines)


def test_cycles_in_batches(scene: Scene) -> None:
    """Many ports at once, faster than vtepd follows: what counts is what is
    there in the end."""
    scene.segment("blue", 77)
    vms = [scene.vm(f"a{n}", "blue", "hv1") for n in range(6)]
    b = scene.vm("b", "blue", "hv2")
    scene.connect(vms[0], b)
    scene.ready()
    before = scene.settle("hv1")
    with connection(scene, "hv1") as database:
        for _ in range(100):
            for attached in (False, True):
                for vm in vms:
                    database.set_external_id(
                        vm.port, "iface-id", vm.name if attached else None)
    scene.ready()
    scene.settle("hv1")
    assert without_row_ids(scene.state("hv1")) == without_row_ids(before)
    scene.connect(*vms, b)


def test_inventory_cycles(scene: Scene) -> None:
    """The same by way of the inventory."""
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    before = scene.settle("hv1")
    b_object = b.endpoint()
    for _ in range(30):
        scene.delete("endpoint", "b")
        scene.wait_peers("hv1")
        scene.put(b_object)
        scene.wait_peers("hv1", "hv2")
    scene.connect(a, b)
    scene.settle("hv1")
    assert without_row_ids(scene.state("hv1")) == without_row_ids(before)
