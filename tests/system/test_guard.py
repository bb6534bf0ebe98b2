# SPDX-License-Identifier: Apache-2.0
"""R52: a list that lacks too much is not believed at once."""

from __future__ import annotations

from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 2
WATCHED = False         # Deletions by events are not held.
GUARDED = {"max_delete": "20", "hold": "3600"}


def crowd(scene: Scene) -> tuple[Vm, Vm]:
    """blue with two VMs and 40 endpoints more, on hv2."""
    scene.settings(**GUARDED)
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    for n in range(40):
        scene.remote(f"x{n}", "blue", "hv2")
    scene.connect(a, b)
    return a, b


def held(scene: Scene) -> int:
    return scene.agents["hv1"].show("status")["inventory"]["held_deletions"]


def test_r52_many_deletions_are_held(scene: Scene) -> None:
    a, b = crowd(scene)
    before = scene.settle("hv1")
    offset = scene.agents["hv1"].log_size()
    objects = scene.cloud.objects()
    lost = {f"x{n}" for n in range(20)}
    scene.cloud.replace(*(obj for obj in objects if obj["id"] not in lost))
    scene.pass_lists("hv1", 3)
    assert held(scene) == 20
    scene.agents["hv1"].wait_logged("lacks 20 objects", offset)
    assert scene.state("hv1") == before
    # Additions and moves still apply.
    late = scene.vm("late", "blue", "hv2")
    scene.connect(a, b, late)
    assert held(scene) == 20
    # What was lost is back: nothing is held any more, nothing was deleted.
    scene.put(*(obj for obj in objects if obj["id"] in lost))
    wait_until(lambda: held(scene), "nothing is held", until=lambda n: not n)
    scene.delete("endpoint", "late")
    scene.wait_state("hv1", before)


def test_r52_a_few_deletions_are_not_held(scene: Scene) -> None:
    crowd(scene)
    flows = len(scene.hv["hv1"].flows())
    objects = scene.cloud.objects()
    scene.cloud.replace(*(obj for obj in objects
                          if obj["id"] not in {f"x{n}" for n in range(8)}))
    scene.pass_lists("hv1")
    assert held(scene) == 0
    assert len(scene.hv["hv1"].flows()) < flows


def test_r52_all_endpoints_are_held(scene: Scene) -> None:
    """Even where there are too few for the percentage to count, and released
    when lists say the same for long enough."""
    scene.settings(**GUARDED)
    scene.segment("blue", 77)
    a = scene.vm("a", "blue", "hv1")
    b = scene.vm("b", "blue", "hv2")
    scene.connect(a, b)
    before = scene.settle("hv1")
    scene.cloud.replace()
    scene.pass_lists("hv1", 3)
    assert held(scene) >= 3
    assert scene.state("hv1") == before
    assert a.ping(b.ipv4, count=5).received == 5
    # Which does not depend on what is logged.
    scene.agents["hv1"].command("vlog/set", "ANY:ANY:WARN")
    try:
        scene.settings(hold="1")
        wait_until(a.is_installed, "a is not served any more",
                   until=lambda installed: not installed)
    finally:
        scene.agents["hv1"].command("vlog/set", "ANY:FILE:INFO")
