# SPDX-License-Identifier: Apache-2.0
"""keepalived in VMs: who of several has an address, and how long it takes to
change hands."""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from . import frames
from .frames import Frame
from .processes import Daemon, wait_until
from .vm import PACKET_OUTGOING, Vm

CONFIG = """\
global_defs {{
    router_id {name}
    vrrp_version 3
}}
vrrp_instance shared {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.1
    {virtual_mac}
    unicast_src_ip {own}
    unicast_peer {{
        {peer}
    }}
    virtual_ipaddress {{
        {ipv4}/24 dev eth0
    }}
    virtual_ipaddress_excluded {{
        {ipv6}/64 dev eth0
    }}
}}
"""


class Keepalived:
    """keepalived in a VM, which shares 'ips', one of each family, with
    another VM.  It stays a backup while the other is the master."""

    def __init__(self, vm: Vm, peer: Vm, ips: list[str], priority: int = 100):
        self.vm = vm
        self.ips = ips
        folder = vm.folder / f"keepalived-{vm.name}"
        folder.mkdir(exist_ok=True)
        self._config = folder / "keepalived.conf"
        self._pids = [f"--{kind}={folder}/{kind}.pid"
                      for kind in ("pid", "vrrp_pid", "checkers_pid")]
        ipv4, ipv6 = ips
        self._config.write_text(CONFIG.format(
            name=vm.name, priority=priority, own=vm.ipv4, peer=peer.ipv4,
            ipv4=ipv4, ipv6=ipv6, virtual_mac=""))
        self._daemon: Daemon | None = None

    def start(self) -> None:
        self._daemon = self.vm.daemon(
            "keepalived", "--dont-fork", "--log-console", "--log-detail",
            "--vrrp", f"--use-file={self._config}", *self._pids)
        self._daemon.wait_ready(
            lambda: "Entering BACKUP STATE" in self._daemon.said())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """A master says that it ends; killed, it does not, and keeps the
        addresses."""
        if self._daemon:
            self._daemon.stop(how)
            self._daemon = None

    def is_master(self) -> bool:
        return f" {self.ips[0]}/" in self.vm.namespace.ip("addr show eth0")
