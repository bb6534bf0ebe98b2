# SPDX-License-Identifier: Apache-2.0
"""One hypervisor: a namespace with its own ovsdb-server and ovs-vswitchd.

The switch works in user space (datapath_type=netdev), so it needs no kernel
module and yet puts real VXLAN, GRE and Geneve on the wire.  The underlay
addresses sit on the bridge br-phy, which holds the uplink to the fabric.  A
management interface, apart from it, leads to the cloud API."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from .netns import Namespace
from .ovsdb import to_python
from .processes import CommandError, Daemon, wait_until

INTEGRATION_BRIDGE = "br-int"
UNDERLAY_BRIDGE = "br-phy"
UPLINK = "uplink"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def underlay_addresses(number: int) -> list[str]:
    """Where hypervisor 'number' has its tunnels."""
    return [f"192.0.2.{number}", f"2001:db8::{number:x}"]


def underlay_mac(number: int) -> str:
    return f"02:aa:00:00:00:{number:02x}"


def accepts(path: Path) -> bool:
    """Does anyone listen on this Unix socket?"""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


class Hypervisor:
    def __init__(self, name: str, number: int, namespace: Namespace,
                 folder: Path):
        self.name = name
        self.number = number
        self.namespace = namespace
        self.folder = folder
        self.addresses = underlay_addresses(number)
        self.neighbours: list[int] = []     # Numbers of the others.
        self.management = f"198.51.100.{10 + number}"
        self.env = {f"OVS_{kind}DIR": str(folder)
                    for kind in ("RUN", "LOG", "DB", "SYSCONF")}
        self._database: Daemon | None = None
        self._switch: Daemon | None = None

    @property
    def ipv4(self) -> str:
        """The first underlay address of its family; likewise 'ipv6'."""
        return next(ip for ip in self.addresses if ":" not in ip)

    @property
    def ipv6(self) -> str:
        return next(ip for ip in self.addresses if ":" in ip)

    # Life.

    def start(self) -> None:
        """Brings up the switch and the addresses.  The links UPLINK and
        "mgmt" are in the namespace already."""
        self.namespace.ip(
            # The uplink belongs to the switch alone: the kernel must not
            # answer ARP there too.
            f"link set {UPLINK} arp off", f"link set {UPLINK} up",
            f"addr add {self.management}/24 dev mgmt", "link set mgmt up")
        self.namespace.run(["ovsdb-tool", "create",
                            str(self.folder / "conf.db"), SCHEMA])
        self.start_database()
        self.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                   f"external_ids:system-id={self.name}",
                   f"external_ids:hostname={self.name}")
        self.start_switch()

    def start_database(self) -> None:
        path = self.folder / "db.sock"
        path.unlink(missing_ok=True)
        self._database = self._daemon(
            "ovsdb-server", str(self.folder / "conf.db"),
            f"--remote=punix:{path}")
        # The socket is there a moment before anyone listens.
        self._database.wait_ready(lambda: accepts(path))

    def start_switch(self) -> None:
        """Starts ovs-vswitchd and gives br-phy its addresses.  Whether these
        outlive an ovs-vswitchd depends on how it ended."""
        pidfile = self.folder / "ovs-vswitchd.pid"
        pidfile.unlink(missing_ok=True)     # Of one that was killed.
        self._switch = self._daemon(
            "ovs-vswitchd", f"unix:{self.folder}/db.sock", "--disable-system")
        self._switch.wait_ready(pidfile.exists)
        self.set_up_underlay()

    def set_up_underlay(self) -> None:
        self.vsctl("--may-exist", "add-br", UNDERLAY_BRIDGE, "--", "set",
                   "bridge", UNDERLAY_BRIDGE, "datapath_type=netdev",
                   f"other_config:hwaddr={underlay_mac(self.number)}",
                   "--", "--may-exist", "add-port", UNDERLAY_BRIDGE, UPLINK)
        self._wait_for_link(UNDERLAY_BRIDGE)
        self.namespace.sysctl(
            f"net/ipv6/conf/{UNDERLAY_BRIDGE}/disable_ipv6", "0")
        self.namespace.ip(f"link set {UNDERLAY_BRIDGE} up",
                          *map(self._set_address, self.addresses))
        self.know_neighbours()

    def know_neighbours(self) -> None:
        """Tells the switch its peers' MACs.  It could ask; but it asks only
        when it makes a datapath flow, and where one answer gets lost, all is
        lost as long as the traffic keeps that flow alive."""
        for number in self.neighbours:
            for address in underlay_addresses(number):
                self.appctl("ovs-vswitchd", "tnl/neigh/set", UNDERLAY_BRIDGE,
                            address, underlay_mac(number))

    def forget_cached_flows(self) -> None:
        """The datapath has none, as if there had never been traffic."""
        self.appctl("ovs-vswitchd", "revalidator/purge")

    def _daemon(self, program: str, *arguments: str) -> Daemon:
        return self.namespace.daemon(
            f"{program} of {self.name}",
            [program, *arguments, "--pidfile", "--log-file", "-vconsole:off"],
            self.folder / f"{program}.out", self.env)

    def stop_database(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._database:
            self._database.stop(how)
            self._database = None

    def stop_switch(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._switch:
            self._switch.stop(how)
            self._switch = None

    def stop(self) -> None:
        self.stop_switch()
        self.stop_database()

    @property
    def switch_pid(self) -> int:
        assert self._switch
        return self._switch.pid

    @contextlib.contextmanager
    def switch_suspended(self) -> Iterator[None]:
        """ovs-vswitchd is there, and does nothing."""
        os.kill(self.switch_pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.switch_pid, signal.SIGCONT)

    # Addresses.

    def add_address(self, address: str) -> None:
        """Gives the host one more underlay address."""
        self.namespace.ip(self._set_address(address))
        self.addresses.append(address)

    def remove_address(self, address: str) -> None:
        self.addresses.remove(address)
        self.namespace.ip(f"addr del {self._with_prefix(address)}"
                          f" dev {UNDERLAY_BRIDGE}")

    def _set_address(self, address: str) -> str:
        flags = " nodad" if ":" in address else ""
        return (f"addr replace {self._with_prefix(address)}"
                f" dev {UNDERLAY_BRIDGE}{flags}")

    @staticmethod
    def _with_prefix(address: str) -> str:
        plen = 24 if ipaddress.ip_address(address).version == 4 else 64
        return f"{address}/{plen}"

    def _wait_for_link(self, device: str) -> None:
        wait_until(lambda: self.namespace.ip(f"link show {device}"),
                   f"{device} is there on {self.name}")

    # Open vSwitch's tools.

    def run(self, *argv: str, stdin: str | None = None, check: bool = True
            ) -> str:
        return self.namespace.run(argv, env=self.env, stdin=stdin, check=check)

    def vsctl(self, *arguments: str) -> str:
        return self.run("ovs-vsctl", "--timeout=20", *arguments).rstrip("\n")

    def ofctl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.run("ovs-ofctl", "-O", "OpenFlow14", *arguments,
                        stdin=stdin)

    def appctl(self, target: str, *arguments: str) -> str:
        return self.run("ovs-appctl", "--timeout=20", "-t", target, *arguments)

    def create_bridge(self, name: str = INTEGRATION_BRIDGE) -> None:
        """An integration bridge for a hypervisor without vtepd."""
        self.vsctl("--may-exist", "add-br", name, "--", "set", "bridge", name,
                   "datapath_type=netdev", "fail_mode=secure")
        self._wait_for_link(name)

    def set_external_ids(self, table: str, row: str, **ids: str | None
                         ) -> None:
        """Sets external_ids; None removes one.  "_" stands for "-".  The
        switch may be away."""
        commands: list[str] = []
        for key, value in ids.items():
            key = key.replace("_", "-")
            commands += ["--", "remove", table, row, "external_ids", key]
            if value is not None:
                commands += ["--", "set", table, row,
                             f"external_ids:{key}={json.dumps(value)}"]
        self.vsctl("--no-wait", *commands[1:])

    def rows(self, table: str, *conditions: str, columns: str = ""
             ) -> list[dict]:
        """Rows of a table as dicts, maps and sets as in Python."""
        selected = [f"--columns={columns}"] if columns else []
        found = json.loads(self.vsctl("-f", "json", *selected, "find", table,
                                      *conditions))
        return [dict(zip(found["headings"], map(to_python, row)))
                for row in found["data"]]

    def tunnels(self, owner: str | None = None) -> list[dict]:
        """The Interface rows that a vtepd owns (by default this host's)."""
        return self.rows(
            "Interface", f"external_ids:vtepd-owner={owner or self.name}",
            columns="name,type,options,ofport,external_ids,error,_uuid")

    def peers(self) -> list[str]:
        """The peers this host has tunnel ports to, sorted."""
        return sorted({row["external_ids"]["vtepd-peer"]
                       for row in self.tunnels()})

    def flows(self, match: str = "", bridge: str = INTEGRATION_BRIDGE,
              names: bool = False) -> list[str]:
        """The flows, without counters and ages."""
        show = ["--names"] if names else ["--no-names"]
        arguments = [bridge, match] if match else [bridge]
        text = self.ofctl(*show, "--no-stats", "dump-flows", *arguments)
        return sorted(line.strip() for line in text.splitlines()
                      if "actions=" in line)

    def groups(self, bridge: str = INTEGRATION_BRIDGE) -> list[str]:
        return sorted(line.strip() for line in
                      self.ofctl("dump-groups", bridge).splitlines()
                      if "group_id=" in line)

    def table_names(self, bridge: str = INTEGRATION_BRIDGE) -> list[str]:
        """The OpenFlow tables that have a Flow_Table row, as "ID=NAME"."""
        names = {row["_uuid"]: row["name"] for row in
                 self.rows("Flow_Table", columns="_uuid,name")}
        row, = self.rows("Bridge", f"name={bridge}", columns="flow_tables")
        return sorted(f"{number}={names[uuid]}"
                      for number, uuid in row["flow_tables"].items())

    def packets(self, match: str, bridge: str = INTEGRATION_BRIDGE) -> int:
        """How many packets the flows with this match have counted."""
        text = self.ofctl("dump-flows", bridge, match)
        return sum(map(int, re.findall(r"n_packets=(\d+)", text)))

    def ofport(self, interface: str) -> int:
        """The OpenFlow port; 0 when there is none (yet)."""
        try:
            text = self.vsctl("--if-exists", "get", "interface", interface,
                              "ofport")
        except CommandError:
            return 0
        return max(0, int(text)) if re.fullmatch(r"-?\d+", text) else 0
