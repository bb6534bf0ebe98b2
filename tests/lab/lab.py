#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A whole lab: fabric, management network, cloud API, hypervisors, VMs.

    with Lab(hypervisors=3) as lab: ...

Everything carries the lab's name (vl and four hex digits), so that several
labs can run side by side, and everything is gone when the 'with' block ends,
however it ends.  What a killed lab left behind is removed by the next one: a
living lab holds a lock on its folder.

    python3 tests/lab/lab.py list               the labs there are
    python3 tests/lab/lab.py remove NAME...     removes labs that were kept
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    __package__ = "lab"

from . import netns
from .agent import Agent
from .capture import VXLAN_PORT, Capture
from .cloud import Cloud
from .hypervisor import UPLINK, Hypervisor
from .netns import Namespace
from .vm import Vm
from .webhook import Webhook

BASE = Path("/run/vtepd-lab")
FABRIC = "fabric"
CLOUD_ADDRESS = "198.51.100.1"
MAX_HYPERVISORS = 12

ON_SCRIPT = """\
#!/bin/sh
# on WHERE COMMAND...: runs a command in a part of lab {name}:
# {parts} or a VM.
if [ $# -lt 2 ]; then
    echo "usage: on WHERE COMMAND..., WHERE is {parts} or a VM" >&2
    exit 1
fi
where=$1; shift
OVS_RUNDIR={folder}/$where OVS_DBDIR={folder}/$where OVS_LOGDIR={folder}/$where
export OVS_RUNDIR OVS_DBDIR OVS_LOGDIR
exec ip netns exec {name}-$where "$@"
"""


class Lab:
    def __init__(self, hypervisors: int = 3, agents: bool = True,
                 settings: dict[str, str] | None = None,
                 watched: bool = True):
        """With 'agents', each hypervisor has a vtepd (with 'settings', see
        class Agent), started by start_agents() or by entering the lab.
        Without 'watched' the cloud's API has no watch."""
        if not 1 <= hypervisors <= MAX_HYPERVISORS:
            raise ValueError(f"1 to {MAX_HYPERVISORS} hypervisors")
        if os.geteuid():
            raise PermissionError("the lab makes network namespaces: it has"
                                  " to be run as root")
        self._with_agents = agents
        self._settings = settings or {}
        self._watched = watched
        self._n_hypervisors = hypervisors
        self._n_vms = 0
        self._n_captures = 0
        self._kept = False
        self._closed = False
        self.hypervisors: dict[str, Hypervisor] = {}
        self.agents: dict[str, Agent] = {}
        self.vms: dict[str, Vm] = {}
        _end_on_signals()
        BASE.mkdir(mode=0o755, exist_ok=True)
        with _locked(BASE / ".lock"):
            remove_dead_labs()
            self.name, self.folder = _new_folder()
            self._lock = _lock(self.folder / "lock")
        atexit.register(self.close)
        self.fabric = self._namespace("fabric")
        self.cloud_ns = self._namespace("cloud")
        self.cloud = Cloud(self.cloud_ns, CLOUD_ADDRESS, self.folder)

    def _namespace(self, part: str) -> Namespace:
        return Namespace(f"{self.name}-{part}")

    # Life.

    def __enter__(self) -> Lab:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None, trace: TracebackType | None
                 ) -> None:
        self.close()

    def start(self) -> None:
        for namespace, bridge in ((self.fabric, FABRIC),
                                  (self.cloud_ns, "mgmt")):
            namespace.create()
            namespace.ip(f"link add {bridge} type bridge stp_state 0"
                         " mcast_snooping 0 forward_delay 0",
                         f"link set {bridge} up")
        self.cloud_ns.ip(f"addr add {CLOUD_ADDRESS}/24 dev mgmt")
        self.cloud.watched = self._watched
        self.cloud.start()
        for number in range(1, self._n_hypervisors + 1):
            self._add_hypervisor(number)
        script = self.folder / "on"
        script.write_text(ON_SCRIPT.format(
            name=self.name, folder=self.folder,
            parts=", ".join(["cloud", "fabric", *self.hypervisors])))
        script.chmod(0o755)
        if self._with_agents:
            self.start_agents()

    def _add_hypervisor(self, number: int) -> None:
        name = f"hv{number}"
        folder = self.folder / name
        folder.mkdir()
        hypervisor = self.make_hypervisor(name, number,
                                          self._namespace(name), folder)
        hypervisor.neighbours = [other for other in range(
            1, self._n_hypervisors + 1) if other != number]
        hypervisor.namespace.create()
        for end, bridge, other in ((UPLINK, FABRIC, self.fabric),
                                   ("mgmt", "mgmt", self.cloud_ns)):
            hypervisor.namespace.ip(f"link add {end} type veth peer name"
                                    f" {name} netns {other.name}")
            other.ip(f"link set {name} master {bridge} up")
        self.hypervisors[name] = hypervisor
        hypervisor.start()

    def make_hypervisor(self, name: str, number: int, namespace: Namespace,
                        folder: Path) -> Hypervisor:
        """For labs with hypervisors of another kind."""
        return Hypervisor(name, number, namespace, folder)

    def start_agents(self) -> None:
        for name, hypervisor in self.hypervisors.items():
            webhook = Webhook(self.cloud_ns, hypervisor.management,
                              hypervisor.folder)
            self.agents[name] = Agent(hypervisor, self.cloud.url,
                                      self._settings, webhook=webhook)
            self.agents[name].start()

    def keep(self) -> None:
        """Leaves the lab running when this process ends."""
        (self.folder / "keep").touch()
        self._kept = True

    def close(self) -> None:
        """Ends all processes, removes all namespaces and files.  A signal
        that comes meanwhile does not stop it."""
        if self._closed or self._kept:
            return
        self._closed = True
        atexit.unregister(self.close)
        with _signals_ignored():
            remove_lab(self.name)
            os.close(self._lock)

    # Parts.

    def vm(self, name: str, segment: str, ips: list[str],
           mac: str | None = None) -> Vm:
        """A new virtual machine, not plugged yet.  Its MAC counts up."""
        self._n_vms += 1
        mac = mac or (f"02:00:00:00:{self._n_vms >> 8:02x}"
                      f":{self._n_vms & 255:02x}")
        vm = Vm(name, self._namespace(name), self.folder, segment, mac, ips)
        self.vms[name] = vm
        return vm

    def remove_vm(self, vm: Vm) -> None:
        vm.unplug()
        vm.remove_link()
        vm.namespace.destroy()
        del self.vms[vm.name]

    def host_objects(self, types: str = "vxlan gre geneve") -> list[dict]:
        """The inventory's hosts: all of them, all their addresses."""
        from .cloud import host
        return [host(name, hypervisor.addresses, types)
                for name, hypervisor in self.hypervisors.items()]

    def resync(self) -> None:
        """Has every running vtepd list at once."""
        for agent in self.agents.values():
            if agent.is_running():
                agent.resync()

    def capture(self, vxlan_ports: frozenset[int] = frozenset({VXLAN_PORT})
                ) -> Capture:
        """Begins to capture what crosses the fabric."""
        self._n_captures += 1
        hosts = {address: name for name, hypervisor in self.hypervisors.items()
                 for address in hypervisor.addresses}
        return Capture(self.fabric, FABRIC,
                       self.folder / f"fabric-{self._n_captures}.pcap", hosts,
                       vxlan_ports)

    def diagnosis(self, log_lines: int = 40) -> str:
        """For a failed test: the end of each vtepd's log, ports, flows, and
        what the datapath dropped and why."""
        parts: list[str] = []
        for name, hypervisor in self.hypervisors.items():
            if name in self.agents:
                log = self.agents[name].log().splitlines()[-log_lines:]
                parts += [f"--- {name}: vtepd.log (end)", *log]
                output = (hypervisor.folder / "vtepd.out")
                if output.exists() and output.stat().st_size:
                    parts += [f"--- {name}: vtepd's output",
                              output.read_text(errors="replace")[-4000:]]
            for argv in (["ovs-vsctl", "--timeout=5", "show"],
                         ["ovs-ofctl", "--names", "-O", "OpenFlow14",
                          "dump-flows", "br-int"],
                         ["ovs-ofctl", "-O", "OpenFlow14", "dump-groups",
                          "br-int"],
                         ["ovs-appctl", "--timeout=5", "-t", "ovs-vswitchd",
                          "coverage/show"]):
                text = hypervisor.run(*argv, check=False)
                if argv[-1] == "coverage/show":
                    text = "\n".join(line for line in text.splitlines()
                                     if "drop" in line)
                parts += [f"--- {name}: {' '.join(argv)}", text[:20000]]
        return "\n".join(parts)


# Folders, locks and left-overs.

def _new_folder() -> tuple[str, Path]:
    while True:
        name = f"vl{secrets.token_hex(2)}"
        with contextlib.suppress(FileExistsError):
            (BASE / name).mkdir(mode=0o755)
            return name, BASE / name


def _lock(path: Path, block: bool = True) -> int:
    """An exclusive lock that lasts as long as the descriptor.  Raises
    BlockingIOError if it is taken and 'block' is false."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if block else fcntl.LOCK_NB))
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = _lock(path)
    try:
        yield
    finally:
        os.close(fd)


def lab_names() -> list[str]:
    """All labs, alive or dead."""
    return sorted(path.name for path in BASE.glob("vl????") if path.is_dir())


def remove_lab(name: str) -> None:
    """Ends and removes everything of the lab with this name."""
    for part in netns.names():
        if part.startswith(f"{name}-"):
            Namespace(part).destroy()
    shutil.rmtree(BASE / name, ignore_errors=True)


def remove_dead_labs() -> None:
    """Removes labs whose process is gone and that were not to be kept."""
    for name in lab_names():
        if (BASE / name / "keep").exists():
            continue
        with contextlib.suppress(BlockingIOError):
            fd = _lock(BASE / name / "lock", block=False)
            remove_lab(name)
            os.close(fd)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _end_on_signals() -> None:
    """Has signals unwind the program as Ctrl-C normally does, so that 'with'
    blocks end and exit handlers run."""
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, signal.default_int_handler)


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN)
              for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["list", "remove"])
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if options.command == "list":
        print("\n".join(lab_names()) or "there is no lab")
        return 0
    unknown = set(options.names) - set(lab_names())
    if unknown or not options.names:
        print(f"no such lab: {' '.join(unknown)}" if unknown
              else "which lab? see 'list'", file=sys.stderr)
        return 1
    status = 0
    for name in options.names:
        try:
            os.close(_lock(BASE / name / "lock", block=False))
            remove_lab(name)
        except BlockingIOError:
            print(f"{name} belongs to a process that is running: end that",
                  file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
