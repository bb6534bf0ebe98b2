# SPDX-License-Identifier: Apache-2.0
"""A hypervisor of the lab that is a whole Debian with Debian's Open vSwitch,
on which vtepd is installed as a package and run by systemd."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from lab.agent import Agent
from lab.hypervisor import UPLINK, Hypervisor, accepts
from lab.lab import Lab
from lab.netns import Namespace
from lab.processes import CommandError, wait_until
from lab.webhook import Webhook

from .machine import Machine
from .roots import Root

RUN = "/run/openvswitch"
CREDENTIALS = "/etc/vtepd/credentials"
DEFAULTS = "/etc/default/vtepd"
OPTIONS = ("--webhook-secret-file=/run/credentials/vtepd.service/"
           "vtepd_webhook-secrets")
# The switch works in user space; Debian's scripts want a kernel module.
NO_MODULES = "#!/bin/sh\nexit 0\n"


class Installed(Hypervisor):
    """hv1.  The first of 'packages' is installed when it starts, the other is
    a later version."""

    def __init__(self, name: str, number: int, namespace: Namespace,
                 folder: Path, root: Root, packages: tuple[str, str]):
        super().__init__(name, number, namespace, folder)
        self.env = {}
        self.package, self.later = packages
        self.machine = Machine(root, namespace, folder / "machine.out")
        self.said = ""          # By apt-get.

    def start(self) -> None:
        self.namespace.ip(
            f"link set {UPLINK} arp off", f"link set {UPLINK} up",
            f"addr add {self.management}/24 dev mgmt", "link set mgmt up")
        self.machine.root.write("/usr/local/sbin/modprobe", NO_MODULES, 0o755)
        self.machine.boot()
        self.install(self.package)
        wait_until(lambda: accepts(self.machine.path(f"{RUN}/db.sock")),
                   "Open vSwitch's database is there")
        self.start_switch()

    def start_database(self) -> None:
        self.machine.run("systemctl", "start", "ovsdb-server")

    def start_switch(self) -> None:
        self.machine.run("systemctl", "start", "openvswitch-switch")
        self.set_up_underlay()

    def stop_database(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.machine.run("systemctl", "stop", "ovsdb-server")

    def stop_switch(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.machine.run("systemctl", "stop", "openvswitch-switch")

    def stop(self) -> None:
        self.machine.stop()

    @property
    def switch_pid(self) -> int:
        return self.machine.pid_of("ovs-vswitchd")

    def run(self, *argv: str, stdin: str | None = None, check: bool = True
            ) -> str:
        return self.machine.run(*argv, stdin=stdin, check=check)

    # Packages.  There is no network: what they need is
    # downloaded already.

    def apt_get(self, *arguments: str) -> str:
        return self.run("apt-get", "-q", "-y", *arguments)

    def install(self, *packages: str) -> None:
        self.said = self.apt_get("install", "--allow-downgrades", *packages)

    def configure(self) -> None:
        """As an operator does what is no setting."""
        self.run("tee", "-a", DEFAULTS, stdin=f"VTEPD_OPTS='{OPTIONS}'\n")
        self.machine.run("systemctl", "--no-block", "restart", "vtepd")

    def installed_version(self) -> str:
        """Without Debian's revision; empty if it is not installed."""
        try:
            text = self.run("dpkg-query", "-W", "-f",
                            "${db:Status-Status} ${Version}", "vtepd")
        except CommandError:
            return ""
        status, _, version = text.partition(" ")
        return version.partition("-")[0] if status == "installed" else ""


class InstalledAgent(Agent):
    """The vtepd there."""

    hypervisor: Installed

    def start(self, *options: str) -> None:
        hypervisor, machine = self.hypervisor, self.hypervisor.machine
        if not hypervisor.installed_version():
            hypervisor.install(hypervisor.package)
        if options:
            raise ValueError("the unit has its own options")
        self.set(**self.settings)
        machine.run("systemctl", "--no-block", "start", "vtepd")
        machine.wait_active("vtepd")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.hypervisor.machine.run("systemctl", "stop", "vtepd")
        return 0

    def is_running(self) -> bool:
        return bool(self.pid)

    @property
    def pid(self) -> int:
        """0 if there is none."""
        try:
            return self.hypervisor.machine.pid_of("vtepd")
        except CommandError:
            return 0

    def log(self) -> str:
        return self.hypervisor.run("journalctl", "--no-pager", "-u", "vtepd",
                                   check=False)


class InstalledLab(Lab):
    """Two hypervisors; the first has the package."""

    def __init__(self, root: Root, packages: tuple[str, str],
                 settings: dict[str, str],
                 look: Callable[[Installed], object]):
        """'look' is called when the package has just been installed."""
        super().__init__(2, settings=settings)
        self._look = look
        self._root = root
        self._packages = packages

    def make_hypervisor(self, name: str, number: int, namespace: Namespace,
                        folder: Path) -> Hypervisor:
        if number > 1:
            return super().make_hypervisor(name, number, namespace, folder)
        return Installed(name, number, namespace, folder, self._root,
                         self._packages)

    def start_agents(self) -> None:
        hv1 = self.hypervisors["hv1"]
        assert isinstance(hv1, Installed)
        webhook = Webhook(self.cloud_ns, hv1.management, hv1.folder)
        self.agents["hv1"] = InstalledAgent(hv1, self.cloud.url,
                                            self._settings, webhook=webhook)
        self._look(hv1)
        hv1.machine.root.write(f"{CREDENTIALS}/webhook-secrets",
                               webhook.secret_file.read_text(), 0o600)
        hv1.configure()
        hv2 = self.hypervisors["hv2"]
        self.agents["hv2"] = Agent(hv2, self.cloud.url, self._settings)
        for agent in self.agents.values():
            agent.start()

    def close(self) -> None:
        hv1 = self.hypervisors.get("hv1")
        if hv1 and not self._closed:
            hv1.stop()
        super().close()
