# SPDX-License-Identifier: Apache-2.0
"""The vtepd of one hypervisor."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from .hypervisor import Hypervisor
from .processes import CommandError, Daemon, wait_until
from .webhook import Webhook

DEFAULT_PROGRAM = Path(__file__).resolve().parents[2] / "build" / "vtepd"


def program() -> str:
    """The vtepd to run: $VTEPD, else the one that 'make' built.  Its file is
    called vtepd, or ovs-appctl does not find it."""
    return os.environ.get("VTEPD", str(DEFAULT_PROGRAM))


class Agent:
    """Settings are kept in the Open_vSwitch row, so that they can be seen
    with ovs-vsctl and changed while vtepd runs.  A second vtepd on the same
    hypervisor has another 'name' and its settings on the command line.  It
    listens for webhooks if there is a 'webhook' to post them with, and may be
    another program than the one to be tested."""

    def __init__(self, hypervisor: Hypervisor, inventory: str,
                 settings: dict[str, str] | None = None, name: str = "vtepd",
                 webhook: Webhook | None = None,
                 program_file: str | None = None):
        self.hypervisor = hypervisor
        self.name = name
        self.log_file = hypervisor.folder / f"{name}.log"
        self.settings = {
            "host": hypervisor.name, "inventory": inventory,
            "encap-ip": ",".join(hypervisor.addresses),
            "encap-type": "vxlan,gre,geneve", "datapath-type": "netdev",
            "poll": "1", **(settings or {})}
        self._webhook = webhook
        self._program = program_file or program()
        if webhook:
            self.settings = {"webhook-listen": webhook.listen, **self.settings}
        self._daemon: Daemon | None = None
        self._target = name

    def start(self, *options: str) -> None:
        """Starts vtepd, waits until it answers ovs-appctl."""
        hypervisor, folder = self.hypervisor, self.hypervisor.folder
        if self._webhook:
            options = (f"--webhook-secret-file={self._webhook.secret_file}",
                       *options)
        if self.name == "vtepd":
            # So that plain 'ovs-appctl -t vtepd' finds it.
            self.set(**self.settings)
            options = ("--pidfile", "--log-file", *options)
            self._target = "vtepd"
        else:
            options = (f"--pidfile={folder}/{self.name}.pid",
                       f"--unixctl={folder}/{self.name}.ctl",
                       f"--log-file={self.log_file}",
                       *(f"--{key}={value}"
                         for key, value in self.settings.items()), *options)
            self._target = f"{folder}/{self.name}.ctl"
        self._daemon = hypervisor.namespace.daemon(
            f"{self.name} of {hypervisor.name}",
            [self._program, "-vconsole:off",
             f"--state-dir={folder}/{self.name}-state", *options,
             f"unix:{folder}/db.sock"],
            folder / f"{self.name}.out", hypervisor.env)
        self._daemon.wait_ready(self._answers)

    def _answers(self) -> bool:
        pidfile = self.hypervisor.folder / f"{self.name}.pid"
        if not pidfile.exists():
            return False
        try:
            return bool(self.command("version"))
        except CommandError:
            return False        # A pidfile of its predecessor.

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends vtepd; returns its exit status."""
        assert self._daemon is not None
        return self._daemon.stop(how)

    def exit(self) -> int:
        """Has vtepd end in order, giving back all its memory (which matters
        to sanitizers); returns its exit status."""
        assert self._daemon is not None
        self.command("exit")
        wait_until(lambda: not self.is_running(), "vtepd has ended")
        return self._daemon.stop()

    def said(self) -> str:
        """What it wrote to its standard error: nothing, normally."""
        return self._daemon.said() if self._daemon else ""

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def webhook(self) -> Webhook:
        assert self._webhook is not None
        return self._webhook

    @property
    def state_file(self) -> Path:
        """Where it keeps the last known inventory."""
        return (self.hypervisor.folder / f"{self.name}-state"
                / f"inventory-{self.hypervisor.name}.json")

    @property
    def learned_file(self) -> Path:
        """Where it keeps what it learned from packets."""
        return self.state_file.with_name(
            f"learned-{self.hypervisor.name}.json")

    @property
    def pid(self) -> int:
        assert self._daemon is not None
        return self._daemon.pid

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """It is there, and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def is_sanitized(self) -> bool:
        """Is vtepd built with AddressSanitizer?  That keeps what is freed, up
        to 256 MiB, to find who still uses it."""
        return "libasan" in Path(f"/proc/{self.pid}/maps").read_text()

    def is_running(self) -> bool:
        return self._daemon is not None and self._daemon.is_running()

    def set(self, **settings: str | None) -> None:
        """Sets vtepd-* in external_ids; "_" stands for "-"; None removes."""
        self.hypervisor.set_external_ids(
            "Open_vSwitch", ".",
            **{f"vtepd-{key}": value for key, value in settings.items()})

    def command(self, *arguments: str) -> str:
        return self.hypervisor.appctl(self._target, *arguments)

    def show(self, what: str) -> dict:
        """E.g. the JSON of "status", "tunnels", "endpoints"."""
        return json.loads(self.command(f"vtepd/{what}", "json"))

    def show_explanation(self, *names: str) -> dict:
        return json.loads(self.command("vtepd/explain", *names, "json"))

    def resync(self) -> None:
        """Has it list at once instead of at the next poll."""
        self.command("vtepd/resync")

    def log(self) -> str:
        return (self.log_file.read_text(errors="replace")
                if self.log_file.exists() else "")

    def log_size(self) -> int:
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def log_since(self, offset: int) -> str:
        """What has been logged since log_size() was 'offset'."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def wait_logged(self, text: str, offset: int = 0, timeout: float = 15
                    ) -> str:
        """Waits for a line with 'text', any case, and returns that line."""
        def line() -> str:
            return next((line for line in self.log_since(offset).splitlines()
                         if text.lower() in line.lower()), "")

        return wait_until(line, f"{self.hypervisor.name} logs {text!r}",
                          timeout)
