# SPDX-License-Identifier: Apache-2.0
"""One hypervisor without a network: ovsdb-server, ovs-vswitchd with a dummy
datapath, an integration bridge with a VM's interface on it, and vtepd.  Needs
neither root nor network namespaces."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from lab.agent import program
from lab.ovsdb import OvsdbConnection

from . import inventory
from .daemons import Control, settle, wait_for
from .openflow import FlowCounter, FlowMonitor

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
BRIDGE = "br-int"
VM_PORT = "vm0"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host:
    """Use with 'with': everything is gone afterwards.  It is host number
    'number' of the made-up inventory, with that number's endpoint as VM."""

    def __init__(self, plugged: bool = True, number: int = 0):
        self.number = number
        self.folder = Path(tempfile.mkdtemp(prefix="vtepd-bench-"))
        self.env = {**os.environ, "PATH": PATH,
                    **{f"OVS_{kind}DIR": str(self.folder)
                       for kind in ("RUN", "LOG", "DB")}}
        self._plugged = plugged
        self._processes: list[subprocess.Popen] = []
        self.switch_pid = 0
        self.vtepd: subprocess.Popen | None = None

    def __enter__(self) -> Host:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_vtepd(signal.SIGKILL)
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)

    def _start(self) -> None:
        self.run("ovsdb-tool", "create", f"{self.folder}/conf.db", SCHEMA)
        self._daemon("ovsdb-server", f"{self.folder}/conf.db",
                     f"--remote=punix:{self.folder}/db.sock")
        wait_for(self._database_listens, "ovsdb-server listens")
        self.vsctl("--no-wait", "init")
        self.switch_pid = self._daemon(
            "ovs-vswitchd", f"unix:{self.folder}/db.sock",
            # With "override" tunnels would be dummy devices too: each a port
            # of the datapath, with which ovs-vswitchd takes far longer.
            "--enable-dummy=system", "--disable-system").pid
        self.vsctl("add-br", BRIDGE, "--", "set-fail-mode", BRIDGE, "secure",
                   "--", "add-port", BRIDGE, VM_PORT,
                   "--", "set", "Interface", VM_PORT, "type=dummy")
        if self._plugged:
            self.plug()
        settle(self.switch_pid)

    def _daemon(self, *argv: str) -> subprocess.Popen:
        """Standard output and error go to a file: normally nothing."""
        name = Path(argv[0]).name
        with (self.folder / f"{name}.out").open("ab") as sink:
            process = subprocess.Popen(
                [*argv, "-vconsole:off", f"--log-file={self.folder}/{name}.log",
                 f"--unixctl={self.folder}/{name}.ctl"],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                env=self.env)
        if name != "vtepd":
            self._processes.append(process)
        return process

    def _database_listens(self) -> bool:
        try:
            self.database().close()
        except OSError:
            return False
        return True

    # Open vSwitch.

    def run(self, *argv: str) -> str:
        return subprocess.run(argv, env=self.env, check=True, text=True,
                              capture_output=True).stdout

    def vsctl(self, *arguments: str) -> str:
        return self.run("ovs-vsctl", "--timeout=20",
                        f"--db=unix:{self.folder}/db.sock", *arguments)

    def ofctl(self, *arguments: str) -> list[str]:
        """The command line of ovs-ofctl for what needs OpenFlow 1.5.  By
        default it prints the ports' names, for which it would ask."""
        return ["ovs-ofctl", "--no-names", "-O", "OpenFlow15", *arguments]

    @property
    def target(self) -> str:
        return f"unix:{self.folder}/{BRIDGE}.mgmt"

    def database(self) -> OvsdbConnection:
        return OvsdbConnection(self.folder / "db.sock")

    def counter(self) -> FlowCounter:
        return FlowCounter(self.folder / f"{BRIDGE}.mgmt")

    def monitor(self) -> FlowMonitor:
        return FlowMonitor(self.folder / f"{BRIDGE}.mgmt")

    def plug(self) -> None:
        """Plugs the VM in, in one transaction."""
        connection = self.database()
        connection.set_external_id(VM_PORT, "iface-id",
                                   inventory.endpoint_id(self.number))
        connection.close()

    def installed(self) -> Path:
        """What is in the switch, as a file for 'ovs-ofctl bundle'."""
        file = self.folder / "installed"
        with file.open("w") as out:
            for kind, command in (("group", "dump-groups"),
                                  ("flow", "dump-flows")):
                text = self.run(*self.ofctl("--no-stats", command,
                                            self.target))
                out.writelines(f"{kind} add {line.strip()}\n"
                               for line in text.splitlines()
                               if "actions=" in line)
        return file

    # vtepd.

    def start_vtepd(self, url: str, **settings: str) -> float:
        """Returns when it was started, by time.monotonic()."""
        options = {"host": f"hv{self.number}", "inventory": url,
                   "encap-ip": inventory.address(self.number),
                   "encap-type": "vxlan",
                   "state-dir": f"{self.folder}/state", **settings}
        start = time.monotonic()
        self.vtepd = self._daemon(
            program(), *(f"--{key.replace('_', '-')}={value}"
                         for key, value in options.items()),
            f"unix:{self.folder}/db.sock")
        return start

    @property
    def pid(self) -> int:
        assert self.vtepd
        return self.vtepd.pid

    def stop_vtepd(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.vtepd:
            self.vtepd.send_signal(how)
            self.vtepd.wait()
            self.vtepd = None
            (self.folder / "vtepd.ctl").unlink(missing_ok=True)

    def control(self) -> Control:
        """vtepd's control socket, as soon as it is there."""
        found: list[Control] = []

        def connect() -> bool:
            try:
                found.append(Control(self.folder / "vtepd.ctl"))
            except OSError:
                assert self.vtepd and self.vtepd.poll() is None, self.said()
                return False
            return True

        wait_for(connect, "vtepd listens", 0.001)
        return found[0]

    def said(self) -> str:
        return (self.folder / "vtepd.out").read_text()


def status(control: Control) -> dict:
    return json.loads(control.command("vtepd/status", "json"))
