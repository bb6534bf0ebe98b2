# SPDX-License-Identifier: Apache-2.0
"""vtepd ends, in every way, and comes back."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator

from lab.agent import Agent
from lab.hypervisor import INTEGRATION_BRIDGE, Hypervisor
from lab.processes import wait_until

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


def second_leaves(stage: Stage, says: str, *options: str) -> None:
    """A second vtepd for the same bridge says so and ends with status 1."""
    second = Agent(stage.hv1, stage.cloud.url,
                   {"encap-ip": stage.agent.settings["encap-ip"]},
                   name="again")
    try:
        with contextlib.suppress(RuntimeError):     # It has left already.
            second.start(*options)
        wait_until(lambda: not second.is_running(), "the second has left")
    finally:
        status = second.stop()
    assert status == 1, status
    assert says in second.said(), second.said()
    assert stage.agent.is_running()
    stage.wait_listed()


@fault("agent-twice", "a second vtepd is started beside the first")
def agent_twice(stage: Stage) -> None:
    second_leaves(stage, "already running",
                  f"--pidfile={stage.hv1.folder}/vtepd.pid")


@fault("agent-twice-unseen", "the same, with a pidfile of its own")
def agent_twice_unseen(stage: Stage) -> None:
    second_leaves(stage, "another vtepd serves bridge br-int")


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


# What another release has left behind.

OTHERS_GROUPS = 100_000     # It numbered groups from here.


def as_another_release(hv1: Hypervisor) -> str:
    """A bundle after which the switch works as before, with groups of other
    numbers, flows of other cookies, and a table more."""
    def renumber(text: str) -> str:
        return re.sub(r"(group_id=|group:)(\d+)",
                      lambda m: f"{m[1]}{int(m[2]) + OTHERS_GROUPS}", text)

    groups, flows = hv1.groups(), hv1.flows()
    return "\n".join([
        *(f"group add {renumber(group)}" for group in groups),
        *("flow add " + re.sub(r"cookie=0x[0-9a-f]+", "cookie=0x99",
                               renumber(flow)) for flow in flows),
        "flow add table=200,priority=1,actions=drop",
        *(f"group delete {group.split(',')[0]}" for group in groups)])


@fault("agent-upgraded", "what is in the switch and in the state file is"
       " another release's", "R41 R54")
def agent_upgraded(stage: Stage) -> None:
    hv1, agent = stage.hv1, stage.agent
    agent.stop()
    hv1.ofctl("bundle", INTEGRATION_BRIDGE, "-",
              stdin=as_another_release(hv1))
    for path in (hv1.folder / "vtepd-state").iterdir():
        path.write_text(path.read_text().replace('"format":', '"format":9'))
    agent.start()
    stage.wait_listed()


@fault("agent-upgraded-from", "another vtepd ran before (--previous), twice",
       "R41 R54")
def agent_upgraded_from(stage: Stage) -> None:
    agent = stage.agent
    previous = Agent(stage.hv1, stage.cloud.url,
                     {**agent.settings, "webhook-listen": None},
                     program_file=str(stage.previous))
    for _ in range(2):
        agent.stop()
        n_before = n_lists(stage)
        previous.start()
        wait_until(lambda: n_lists(stage), "it has listed",
                   until=lambda n: n >= n_before + 3)
        previous.stop()
        agent.start()
        stage.wait_listed()


def n_lists(stage: Stage) -> int:
    """How many lists hv1 has been given."""
    return sum("host=hv1" in request["path"]
               for request in stage.cloud.requests())
