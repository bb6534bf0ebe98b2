# SPDX-License-Identifier: Apache-2.0
"""vtepd ends, in every way, and comes back."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from lab.agent import Agent
from lab.processes import CommandError, wait_until

from .fault import fault
from .stage import Stage

TIMES = 3


def restart(stage: Stage, how: signal.Signals) -> None:
    stage.agent.stop(how)
    stage.agent.start()
    stage.wait_listed()


@fault("agent-restarted", f"vtepd ends by SIGTERM and is started, {TIMES}"
       " times", "R41")
def agent_restarted(stage: Stage) -> None:
    for _ in range(TIMES):
        restart(stage, signal.SIGTERM)


@fault("agent-killed", f"the same by SIGKILL, {TIMES} times", "R41")
def agent_killed(stage: Stage) -> None:
    for _ in range(TIMES):
        restart(stage, signal.SIGKILL)


@fault("agent-twice", "a second vtepd is started beside the first", "R12")
def agent_twice(stage: Stage) -> None:
    first = stage.agent
    second = Agent(stage.hv1, stage.cloud.url,
                   {"encap-ip": first.settings["encap-ip"]}, name="again")
    with contextlib.suppress(RuntimeError):
        second.start(f"--state-dir={stage.hv1.folder}/vtepd-state",
                     f"--pidfile={stage.hv1.folder}/vtepd.pid")
    try:
        wait_until(lambda: not second.is_running(), "the second leaves")
    finally:
        if second.is_running():
            second.stop()
    assert "already running" in second.said() + second.log(), second.said()
    assert first.is_running()
    stage.wait_listed()


@contextlib.contextmanager
def api_down(stage: Stage) -> Iterator[None]:
    items = stage.cloud.objects()
    stage.cloud.stop()
    try:
        yield
    finally:
        stage.cloud.start()
        stage.cloud.replace(*items)


def wait_from_state_file(agent: Agent) -> None:
    wait_until(lambda: agent.show("status")["inventory"],
               "the state file is in use",
               until=lambda status: status["from_state_file"])


@fault("agent-killed-no-api", "vtepd is killed and started while there is no"
       " API", "R41 R50")
def agent_without_api(stage: Stage) -> None:
    with api_down(stage):
        stage.agent.stop(signal.SIGKILL)
        stage.agent.start()
        wait_from_state_file(stage.agent)
    stage.wait_listed()


@fault("agent-no-state", "the same, and the state file is gone", "R42 R50")
def agent_without_anything(stage: Stage) -> None:
    agent = stage.agent
    with api_down(stage):
        agent.stop(signal.SIGKILL)
        for path in (stage.hv1.folder / "vtepd-state").iterdir():
            path.unlink()
        agent.start()
        wait_until(lambda: agent.show("status")["inventory"]["failures"],
                   "the API was asked in vain", until=lambda n: n >= 2)
    stage.wait_listed()


@fault("agent-missed-changes", "endpoints come and go while vtepd is down",
       "R46 R54")
def agent_missed_changes(stage: Stage) -> None:
    spare = [obj for obj in stage.cloud.objects("endpoint")
             if obj["id"] in ("x0", "x1", "x2", "x3")]
    stage.agent.stop()
    for obj in spare:
        stage.cloud.delete("endpoint", obj["id"])
    stage.agent.start()
    wait_until(lambda: [flow for flow in stage.hv1.flows()
                        for obj in spare if obj["mac"] in flow],
               "no flow is left of what is gone", until=lambda f: not f)
    stage.agent.stop()
    stage.cloud.put(*spare)
    stage.agent.start()
    stage.wait_listed()
