# SPDX-License-Identifier: Apache-2.0
"""The fixtures: one lab a module, a fresh scene a test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab import agent                               # noqa: E402
from lab.lab import Lab                             # noqa: E402
from scene import Scene                             # noqa: E402


def pytest_configure() -> None:
    if os.geteuid():
        pytest.exit("the system tests make network namespaces: run them as"
                    " root", 1)
    if not os.access(agent.program(), os.X_OK):
        pytest.exit(f"there is no {agent.program()}: run 'make' first", 1)


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab of a module, with as many hypervisors as its HYPERVISORS says
    and vtepd on each, set up with its SETTINGS."""
    module = request.module
    with Lab(getattr(module, "HYPERVISORS", 2),
             settings={"linger": "0", "max-delete": "100", "hold": "1",
                       **getattr(module, "SETTINGS", {})},
             watched=getattr(module, "WATCHED", True)) as made:
        yield made


@pytest.fixture
def scene(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Hosts in the inventory, no segments, no VMs; tidied up afterwards."""
    made = Scene(lab, getattr(request.module, "WATCHED", True))
    request.node.lab = lab
    made.begin()
    yield made
    made.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """A failed test shows each vtepd's log, the ports and the flows."""
    report = (yield).get_result()
    lab = getattr(item, "lab", None)
    if report.failed and isinstance(lab, Lab):
        report.sections.append(("the lab", lab.diagnosis()))
