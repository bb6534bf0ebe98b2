# SPDX-License-Identifier: Apache-2.0
"""What a fresh vtepd makes of an empty switch, and what is on a real one, in
words that can be compared.

A port is named by its name, whatever its number is, a group by where it leads
to, and a meter by what it lets through: vtepd may number all as it likes."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections import Counter
from pathlib import Path

from lab.agent import Agent, program
from lab.hypervisor import INTEGRATION_BRIDGE, SCHEMA, accepts
from lab.netns import Namespace
from lab.ovsdb import OvsdbConnection
from lab.processes import CommandError, Daemon, run

# Their order is that of the ports' numbers.
TABLES_OF_COPIES = re.compile(r'table="?(head_end|deliver_all|51|61)\b')


class NotComparable(Exception):
    """A switch that is not there, or in the middle of something."""


class SwitchView:
    """The switch whose sockets are in 'folder', as 'owner' has made it."""

    def __init__(self, folder: Path, owner: str):
        self.folder = folder
        self.owner = owner
        self._env = {f"OVS_{kind}DIR": str(folder)
                     for kind in ("RUN", "LOG", "DB", "SYSCONF")}

    def ofctl(self, *arguments: str) -> list[str]:
        try:
            text = run(["ovs-ofctl", "--timeout=10", "-O", "OpenFlow15",
                        "--names", *arguments], env=self._env)
        except CommandError as error:
            raise NotComparable(str(error)) from None
        return text.splitlines()

    def state(self) -> Counter[str]:
        """All that vtepd has made, a line a thing."""
        groups = self._groups()
        return Counter([*self.ofctl("get-frags", INTEGRATION_BRIDGE),
                        *self._flows(groups),
                        *(f"group {content}" for content in groups.values()),
                        *self._rows(groups)])

    def _groups(self) -> dict[str, str]:
        """Where each group leads to, by number."""
        found = {}
        for line in self.ofctl("dump-groups", INTEGRATION_BRIDGE):
            match = re.match(r"\s*group_id=(\d+),(.*)", line)
            if match:
                found[match[1]] = re.sub(r"bucket_id:\d+,?", "", match[2])
        return found

    def _meters(self) -> dict[str, str]:
        """What each meter lets through, by number."""
        text = "\n".join(self.ofctl("dump-meters", INTEGRATION_BRIDGE))
        return {number: f"{flags};{' '.join(bands.split())}"
                for number, flags, bands in re.findall(
                    r"^meter=(\S+) (.*?) bands=((?:\n(?!meter=).*)*)", text,
                    re.M)}

    def _flows(self, groups: dict[str, str]) -> list[str]:
        meters = self._meters()

        def limited(match: re.Match) -> str:
            return f"meter:({meters.get(match[1], 'that is not there')})"

        def led(match: re.Match) -> str:
            content = groups.get(match[1], "that is not there")
            return f"group:({content.replace(',', ';')})"

        lines = []
        for line in self.ofctl("--no-stats", "dump-flows",
                               INTEGRATION_BRIDGE):
            line = line.strip()
            if "actions=" not in line:
                continue
            line = re.sub(r"group:(\d+)", led, line)
            line = re.sub(r"meter_id=(\d+)", limited, line)
            if TABLES_OF_COPIES.search(line):
                match, _, actions = line.partition("actions=")
                line = f"{match}actions={','.join(sorted(actions.split(',')))}"
            lines.append(f"flow {line}")
        return lines

    def _rows(self, groups: dict[str, str]) -> list[str]:
        try:
            connection = OvsdbConnection(self.folder / "db.sock")
        except OSError as error:
            raise NotComparable(str(error)) from None
        with contextlib.closing(connection) as database:
            return [*self._bridge(database), *self._ports(database, groups)]

    def _bridge(self, database: OvsdbConnection) -> list[str]:
        names = {row["_uuid"]: row["name"] for row in
                 database.select("Flow_Table", ["_uuid", "name"])}
        found = []
        for row in database.select(
                # Whose bridge it is may differ: somebody may have made it.
                "Bridge", ["name", "fail_mode", "datapath_type",
                           "flow_tables", "ports"],
                ["name", "==", INTEGRATION_BRIDGE]):
            row["flow_tables"] = {str(key): names[uuid] for key, uuid in
                                  row["flow_tables"].items()}
            ports = row.pop("ports")
            self._on_bridge = set(ports if isinstance(ports, list)
                                  else [ports])
            found.append(f"bridge {_text(row)}")
        return found

    def _ports(self, database: OvsdbConnection, groups: dict[str, str]
               ) -> list[str]:
        ports = {row["interfaces"]: row for row in database.select(
            "Port", ["_uuid", "name", "interfaces", "external_ids"])
            if isinstance(row["interfaces"], str)}
        found = []
        for row in database.select(
                "Interface", ["_uuid", "name", "type", "options", "ofport",
                              "bfd", "other_config", "external_ids"]):
            ids, port = row["external_ids"], ports.get(row["_uuid"], {})
            if "iface-id" in ids:
                marked = ids.get("vtepd-installed")
                found.append(f"VM {row['name']} installed={marked}")
            elif ids.get("vtepd-owner") == self.owner:
                here = port.get("_uuid") in self._on_bridge
                found.append(self._tunnel(row, port, groups, here))
        return found

    @staticmethod
    def _tunnel(row: dict, port: dict, groups: dict[str, str], here: bool
                ) -> str:
        ids = dict(row["external_ids"])
        leads = groups.get(ids.pop("vtepd-group", ""), "that is not there")
        port_ids = dict(port.get("external_ids", {}))
        port_ids.pop("vtepd-group", None)
        has_ofport = isinstance(row["ofport"], int) and row["ofport"] > 0
        other = {key: value for key, value in row["other_config"].items()
                 if key != "vtepd-retry"}
        return ("tunnel " + _text({
            "name": row["name"], "type": row["type"],
            "options": row["options"], "bfd": row["bfd"], "other": other,
            "ids": ids, "port_ids": port_ids, "group": leads,
            "has_ofport": has_ofport, "on_bridge": here}))


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def difference(have: Counter[str], want: Counter[str]) -> list[str]:
    return ([f"- {line}" for line in sorted((want - have).elements())]
            + [f"+ {line}" for line in sorted((have - want).elements())])


class Reference:
    """An empty switch without a network, and a vtepd that knows nothing but
    the inventory.  Use with 'with'."""

    def __init__(self, agent: Agent, objects: list[dict],
                 ports: list[dict], namespace: Namespace, folder: Path):
        """To be compared with what 'agent' has made of 'objects'; 'ports' are
        the VMs' rows, with "name" and "external_ids"."""
        self._host = agent.settings["host"]
        self._settings = {key: value for key, value in agent.settings.items()
                          if key not in ("inventory", "webhook-listen",
                                         "linger")}
        self._objects = objects
        self._port_rows = ports
        self._namespace = namespace
        self._folder = folder
        self._daemons: list[Daemon] = []
        self._env = {f"OVS_{kind}DIR": str(folder)
                     for kind in ("RUN", "LOG", "DB", "SYSCONF")}
        self.view = SwitchView(folder, self._host)

    def __enter__(self) -> Reference:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for daemon in reversed(self._daemons):
            daemon.process.kill()
            daemon.process.wait()

    def _start(self) -> None:
        socket = self._folder / "db.sock"
        self._run("ovsdb-tool", "create", str(self._folder / "conf.db"),
                  SCHEMA)
        self._daemon("ovsdb-server", str(self._folder / "conf.db"),
                     f"--remote=punix:{socket}"
                     ).wait_ready(lambda: accepts(socket))
        self._vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                    *(f'external_ids:vtepd-{key}="{value}"'
                      for key, value in self._settings.items()))
        pidfile = self._folder / "ovs-vswitchd.pid"
        self._daemon("ovs-vswitchd", f"unix:{socket}", "--pidfile",
                     "--enable-dummy=override", "--disable-system"
                     ).wait_ready(pidfile.exists)
        page = self._folder / "inventory.json"
        page.write_text(json.dumps({"version": "1", "items": self._objects}))
        self._daemon(
            program(), "--pidfile", f"--inventory=file:{page}",
            "--linger=0", f"--state-dir={self._folder}/state",
            f"unix:{socket}").wait_ready(self._has_bridge)
        self._plug()

    def _run(self, *argv: str) -> str:
        return run(argv, env=self._env)

    def _vsctl(self, *arguments: str) -> str:
        return self._run("ovs-vsctl", "--timeout=20", *arguments)

    def _daemon(self, program: str, *arguments: str) -> Daemon:
        name = Path(program).name
        daemon = self._namespace.daemon(
            f"{name} of the reference for {self._host}",
            [program, *arguments, "--log-file", "-vconsole:off"],
            self._folder / f"{name}.out", self._env)
        self._daemons.append(daemon)
        return daemon

    def _has_bridge(self) -> bool:
        with contextlib.suppress(CommandError):
            return self._vsctl("br-exists", INTEGRATION_BRIDGE) == ""
        return False

    def _plug(self) -> None:
        commands = []
        for row in self._port_rows:
            commands += ["--", "add-port", INTEGRATION_BRIDGE, row["name"],
                         "--", "set", "Interface", row["name"], "type=dummy",
                         *(f'external_ids:{key}="{value}"'
                           for key, value in row["external_ids"].items())]
        if commands:
            self._vsctl(*commands[1:])
