# SPDX-License-Identifier: Apache-2.0
"""Steps of the chaos test: what breaks, and what somebody changes by hand."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable

from chaos_steps import Chaos, step
from lab.hypervisor import INTEGRATION_BRIDGE
from lab.processes import CommandError


# The agent.

@step(4)
def restart_agent(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("agent", "database")
    if name is None:
        return None
    agent, rng = chaos.world.agent(name), chaos.rng
    how = rng.choice([signal.SIGTERM, signal.SIGKILL])
    agent.stop(how)
    spoiled = spoil_state(chaos, name) if rng.random() < 0.4 else ""
    if rng.random() < 0.5:
        agent.start()
        return f"{name}: vtepd restarted by {how.name}{spoiled}"
    mark_down(chaos, name, "agent", agent.start)
    return f"{name}: vtepd ended by {how.name}{spoiled}"


def mark_down(chaos: Chaos, name: str, part: str,
              start: Callable[[], None]) -> None:
    """'part' does not work until it is started again."""
    entry = (name, part)
    chaos.world.down.add(entry)

    def undo() -> None:
        if part == "agent" and not chaos.world.has(name, "database"):
            # It takes its settings from there.
            chaos.postpone("agent", name, undo)
            return
        start()
        chaos.world.down.discard(entry)

    chaos.later(part, name, undo)


def spoil_state(chaos: Chaos, name: str) -> str:
    folder = chaos.world.lab.hypervisors[name].folder / "vtepd-state"
    what = chaos.rng.choice(["removed", "torn", "empty", "garbage"])
    for path in sorted(folder.glob("inventory-*.json")):
        data = path.read_bytes()
        if what == "removed":
            path.unlink()
        else:
            path.write_bytes({"torn": data[:len(data) * 2 // 3], "empty": b"",
                              "garbage": b"\xff{" * 100}[what])
    return f", its state file {what}"


@step(1)
def suspend_agent(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("agent")
    if name is None:
        return None
    pid = chaos.world.agent(name).pid
    os.kill(pid, signal.SIGSTOP)
    # It does not answer, so nobody is to ask it.
    mark_down(chaos, name, "agent",
              lambda: os.kill(pid, signal.SIGCONT))
    return f"{name}: vtepd is suspended"


@step(1)
def resync(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("agent")
    if name is None:
        return None
    chaos.world.agent(name).resync()
    return f"{name}: vtepd/resync"


# Open vSwitch.

@step(2)
def restart_switch(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch")
    if name is None:
        return None
    hypervisor, rng = chaos.world.lab.hypervisors[name], chaos.rng
    how = rng.choice([signal.SIGTERM, signal.SIGKILL])
    hypervisor.stop_switch(how)
    if rng.random() < 0.5:
        hypervisor.start_switch()
        return f"{name}: ovs-vswitchd restarted by {how.name}"
    # The database stays meanwhile: the switch needs it to start.
    chaos.world.down.add((name, "switch"))

    def start() -> None:
        hypervisor.start_switch()
        chaos.world.down.discard((name, "switch"))

    chaos.later("switch", name, start)
    return f"{name}: ovs-vswitchd ended by {how.name}"


@step(1)
def suspend_switch(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch")
    if name is None:
        return None
    stack = contextlib.ExitStack()
    stack.enter_context(chaos.world.lab.hypervisors[name].switch_suspended())
    chaos.world.down.add((name, "switch"))

    def resume() -> None:
        stack.close()
        chaos.world.down.discard((name, "switch"))

    chaos.later("switch", name, resume)
    return f"{name}: ovs-vswitchd is suspended"


@step(3)
def restart_database(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch")
    if name is None:
        return None
    hypervisor, rng = chaos.world.lab.hypervisors[name], chaos.rng
    how = rng.choice([signal.SIGTERM, signal.SIGKILL])
    hypervisor.stop_database(how)
    if rng.random() < 0.5:
        hypervisor.start_database()
        return f"{name}: ovsdb-server restarted by {how.name}"
    chaos.world.down.add((name, "database"))

    def start() -> None:
        hypervisor.start_database()
        chaos.world.down.discard((name, "database"))

    chaos.later("database", name, start)
    return f"{name}: ovsdb-server ended by {how.name}"


@step(2)
def delete_bridge(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch", "bridge", "settings")
    if name is None:
        return None
    hypervisor = chaos.world.lab.hypervisors[name]
    if chaos.rng.random() < 0.5:
        hypervisor.vsctl(
            "--no-wait", "--if-exists", "del-br", INTEGRATION_BRIDGE, "--",
            "add-br", INTEGRATION_BRIDGE, "--", "set", "bridge",
            INTEGRATION_BRIDGE, "datapath_type=netdev", "fail_mode=secure")
        chaos.world.replug(name)
        return f"{name}: {INTEGRATION_BRIDGE} is made anew by somebody"
    hypervisor.vsctl("--no-wait", "--if-exists", "del-br", INTEGRATION_BRIDGE)
    chaos.world.down.add((name, "bridge"))
    chaos.later("bridge", name, lambda: plug_all_again(chaos, name))
    return f"{name}: {INTEGRATION_BRIDGE} is deleted"


def plug_all_again(chaos: Chaos, name: str) -> None:
    """As soon as vtepd can have made the bridge again."""
    if chaos.world.has(name, "agent", "database", "settings"):
        chaos.world.replug(name)
        chaos.world.down.discard((name, "bridge"))
    else:
        chaos.postpone("bridge", name, lambda: plug_all_again(chaos, name))


@step(2)
def cut_connections(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch")
    if name is None:
        return None
    hypervisor = chaos.world.lab.hypervisors[name]
    target, command = chaos.rng.choice([
        ("ovsdb-server", ["ovsdb-server/reconnect"]),
        ("ovs-vswitchd", ["bridge/reconnect"])])
    with contextlib.suppress(CommandError):
        hypervisor.appctl(target, *command)
    return f"{name}: {' '.join(command)}"


# The API.

API_FAULTS: list[tuple[str, dict]] = [
    ("answers 500", {"status": 500, "body": "no"}),
    ("answers 503", {"status": 503, "headers": {"Retry-After": "1"},
                     "body": "{}"}),
    ("answers 401", {"status": 401, "body": "{}"}),
    ("shows a login page", {"content_type": "text/html",
                            "body": "<html>Log in</html>"}),
    ("says nothing that is JSON", {"body": "{\"version\": \"1\", \"ite"}),
    ("hangs", {"delay": 3, "pass_through": True}),
    ("is cut short", {"pass_through": True, "truncate": 300,
                      "headers": {"Content-Length": "100000"}}),
    ("hangs up", {"raw": True}),
]


@step(5)
def api_fault(chaos: Chaos) -> str | None:
    world, rng = chaos.world, chaos.rng
    if world.api_down:
        return None
    what, fault = rng.choice(API_FAULTS)
    watch = rng.random() < 0.3 and "pass_through" not in fault
    world.cloud.inject(count=rng.choice([1, 3, -1]), watch=watch, **fault)
    clear_later(chaos)
    return f"the API's {'watch' if watch else 'list'} {what}"


def clear_later(chaos: Chaos) -> None:
    def clear() -> None:
        if not chaos.world.api_down:
            chaos.world.cloud.clear_faults()

    chaos.later("API", "", clear)


@step(1.5)
def api_lists_less(chaos: Chaos) -> str | None:
    """Nothing, or half of what there is."""
    world, rng = chaos.world, chaos.rng
    if world.api_down:
        return None
    share = rng.choice([0, 0.5])
    items = [obj for _, obj in sorted(world.objects.items())
             if rng.random() < share]
    world.cloud.inject(count=rng.choice([1, 2]), body=json.dumps(
        {"version": "1", "items": items}))
    clear_later(chaos)
    return f"the API lists {len(items)} objects only"


@step(2)
def stop_api(chaos: Chaos) -> str | None:
    world = chaos.world
    if world.api_down:
        return None
    world.stop_api()
    if chaos.rng.random() < 0.4:
        world.start_api()
        return "the API is restarted"
    chaos.later("API", "", world.start_api)
    return "the API is down"


@step(2)
def watch_trouble(chaos: Chaos) -> str | None:
    world, rng = chaos.world, chaos.rng
    if world.api_down:
        return None
    what = rng.choice(["close", "garbage", "gone", "off", "on", "forget"])
    if what in ("close", "garbage", "gone"):
        text = {"close": "", "garbage": "{]\n", "gone": '{"type":"gone"}\n'}
        world.cloud.say(text[what], close=what != "garbage")
    else:
        world.watched = what != "off"
        world.cloud.watch_mode(enabled=world.watched, heartbeat=2,
                               forget=what == "forget")
        if not world.watched:
            world.cloud.say("", close=True)
    return f"the watch: {what}"


@step(1)
def page_size(chaos: Chaos) -> str | None:
    if chaos.world.api_down:
        return None
    size = chaos.rng.choice([1000, 1000, 7, 20])
    chaos.world.cloud.set_page_size(size)
    return f"pages of {size}"


# What somebody changes by hand.

@step(7)
def change_flows(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch", "bridge")
    if name is None:
        return None
    hypervisor, rng = chaos.world.lab.hypervisors[name], chaos.rng
    table = rng.choice([0, 1, 10, 20, 40, 51, 60])
    command = rng.choice([
        ["del-flows", INTEGRATION_BRIDGE],
        ["del-flows", INTEGRATION_BRIDGE, f"table={table}"],
        ["del-groups", INTEGRATION_BRIDGE],
        ["del-meters", INTEGRATION_BRIDGE],
        ["mod-flows", INTEGRATION_BRIDGE, f"table={table},actions=drop"],
        ["add-flow", INTEGRATION_BRIDGE,
         f"table={table},priority=7,dl_src=02:dd:00:00:00:01,actions=drop"]])
    with contextlib.suppress(CommandError):
        hypervisor.ofctl(*command)
    return f"{name}: ovs-ofctl {' '.join(command)}"


@step(7)
def change_rows(chaos: Chaos) -> str | None:
    name = chaos.hypervisor("database", "switch", "bridge")
    if name is None:
        return None
    hypervisor, rng = chaos.world.lab.hypervisors[name], chaos.rng
    rows = sorted(row["name"] for row in hypervisor.tunnels())
    port = rng.choice(rows) if rows else None
    if port is None:
        return None
    command = rng.choice([
        ["del-port", port],
        ["set", "interface", port, "options:remote_ip=192.0.2.200"],
        ["set", "interface", port, "options:key=4711"],
        ["set", "interface", port, "external_ids:vtepd-peer=nobody"],
        ["set", "interface", port, "type=geneve"],
        ["remove", "port", port, "external_ids", "vtepd-owner"],
        ["set", "interface", port, "ofport_request=600"]])
    hypervisor.vsctl("--no-wait", "--if-exists", *command)
    return f"{name}: ovs-vsctl {' '.join(command)}"
