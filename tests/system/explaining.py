# SPDX-License-Identifier: Apache-2.0
"""What vtepd/explain says."""

from __future__ import annotations

from lab.processes import wait_until
from scene import Scene


def explain(scene: Scene, *names: str, host: str = "hv1") -> str:
    """The last line."""
    return scene.agents[host].command("vtepd/explain",
                                      *names).strip().splitlines()[-1]


def wait_cause(scene: Scene, cause: str, *names: str, host: str = "hv1"
               ) -> str:
    """Waits until it gives this cause; returns the last line."""
    agent = scene.agents[host]
    wait_until(lambda: agent.show_explanation(*names)["cause"],
               f"{names} are explained by {cause}",
               until=lambda found: found == cause)
    return explain(scene, *names, host=host)


def wait_passes(scene: Scene, *names: str, host: str = "hv1") -> str:
    """The last line, once it says so."""
    return wait_until(lambda: explain(scene, *names, host=host),
                      f"a packet passes between {names}",
                      until=lambda line: line.startswith("It passes:"))
