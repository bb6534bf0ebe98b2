# SPDX-License-Identifier: Apache-2.0
"""What comes with vtepd in a package: the man page's dumps, the service
manager's view, the unit's lack of capabilities, and what a purge does.

One host with a dummy datapath (tests/bench) is enough for these."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.daemons import wait_for
from bench.host import BRIDGE, Host
from lab import agent, frames

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"

# The inventory of vtepd-flows(7).
VM1 = "02:00:00:00:00:01"
TUNNELS = ("vxlan", "gre")
ITEMS = [
    *({"kind": "host", "id": f"hv{n}",
       "tunnels": [{"type": t, "ip": f"192.0.2.{n}"} for t in TUNNELS]}
      for n in (1, 2)),
    {"kind": "segment", "id": "blue", "vni": 77, "multicast": "snoop",
     "subnets": [{"cidr": "10.0.0.0/24", "gateway": "10.0.0.254",
                  "dhcp": True},
                 {"cidr": "fd00::/64", "gateway": "fd00::fe", "dhcp": True}]},
    {"kind": "segment", "id": "red", "vni": 79,
     "subnets": [{"cidr": "10.1.0.0/24", "gateway": "10.1.0.254"}]},
    {"kind": "router", "id": "r1", "mac": "02:00:5e:00:00:01",
     "segments": ["blue", "red"],
     "routes": [{"cidr": "0.0.0.0/0", "via": "10.1.0.6"}]},
    {"kind": "segment", "id": "green", "vni": 78, "encap": "gre",
     "broadcast": "replicate", "unknown_unicast": "replicate",
     "multicast": "replicate"},
    *({"kind": "endpoint", "id": f"vm{n}", "segment": segment, "host": host,
       "mac": f"02:00:00:00:00:0{n}", "ips": ips, "port_security": secure,
       "allowed_pairs": [{"ip": "10.0.0.100"}] * (n < 3)}
      for n, segment, host, ips, secure in (
          (1, "blue", "hv1", ["10.0.0.1", "fd00::1"], True),
          (2, "blue", "hv2", ["10.0.0.2", "fd00::2"], True),
          (3, "blue", "hv1", ["10.0.0.3"], True),
          (4, "green", "hv1", ["10.0.0.1"], False),
          (5, "green", "hv2", ["10.0.0.2"], True),
          (6, "red", "hv2", ["10.1.0.6"], True))),
]


class Example(Host):
    """The host of the man page."""

    def inventory(self) -> Path:
        return self.folder / "inventory.json"

    def tell(self) -> None:
        new = self.folder / "inventory.new"
        new.write_text(json.dumps({"version": "1", "items": ITEMS}))
        new.rename(self.inventory())

    def start(self) -> None:
        self.start_vtepd(f"file:{self.inventory()}", host="hv1",
                         encap_ip="192.0.2.1")

    def plug_in(self, *ports: str) -> None:
        for port in ports:
            self.vsctl("add-port", BRIDGE, port, "--", "set", "Interface",
                       port, "type=dummy",
                       f"external_ids:iface-id=vm{port[-1]}")

    def announce(self) -> None:
        """vm1 says that it has the shared address."""
        self._send(frames.arp_request(VM1, "10.0.0.100", "10.0.0.100"),
                   "arp_tpa=10.0.0.100,arp_op=1 actions=set_field")

    def listen(self) -> None:
        """vm1 says by IGMP that it listens to 239.1.2.3."""
        # Of version 1, with its checksum and the group.
        report = bytes.fromhex("1200" "fcfa" "ef010203")
        self._send(frames.ether(
            "01:00:5e:01:02:03", VM1, frames.ETH_IPV4,
            frames.ipv4("10.0.0.1", "239.1.2.3", socket.IPPROTO_IGMP, report,
                        ttl=1)), "nw_dst=239.1.2.3")

    def _send(self, frame: bytes, wanted: str) -> None:
        """From vm1, until it has led to a flow."""
        self.run("ovs-appctl", "-t", f"{self.folder}/ovs-vswitchd.ctl",
                 "netdev-dummy/receive", "tap1", frame.hex())
        wait_for(lambda: any(wanted in flow for flow in self.flows()),
                 f"there is a flow with {wanted}", interval=0.05, timeout=60)

    def wait(self) -> None:
        """Until both VMs are served and both tunnels lead somewhere."""
        wait_for(lambda: self.vsctl("list", "Interface").count(
            'vtepd-installed="true"') == 2
            and len(self.groups()) == 2 and not any(
                "resubmit" in group for group in self.groups()),
            "vtepd has done its work", interval=0.05, timeout=60)

    def ofctl_lines(self, command: str) -> list[str]:
        text = self.run("ovs-ofctl", "--names", "--no-stats", "-O",
                        "OpenFlow15", command, self.target)
        return [line.strip() for line in text.splitlines()
                if "actions=" in line]

    def flows(self) -> list[str]:
        return self.ofctl_lines("dump-flows")

    def groups(self) -> list[str]:
        return self.ofctl_lines("dump-groups")

    def meters(self) -> list[str]:
        return [line for line in self.run(
            "ovs-ofctl", "-O", "OpenFlow15", "dump-meters", self.target
            ).splitlines() if line.startswith("meter=")]


@pytest.fixture
def host() -> Iterator[Example]:
    with Example(plugged=False) as made:
        made.tell()
        yield made


def unfolded(page: str) -> list[str]:
    """What the page shows of flows and groups, as ovs-ofctl prints it."""
    shown = []
    for block in re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", page,
                            re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\n {4}", "\0", block).splitlines():
            # A list is folded after a comma, else there was a space.
            line = re.sub(r"(?<=,)\0", "", line).replace("\0", " ")
            if line.startswith("table="):
                line = f"cookie=0x7674657000000000, {line}"
            shown.append(line)
    return shown


def test_manual_shows_real_flows(host: Example) -> None:
    host.plug_in("tap1", "tap4")
    host.start()
    host.wait()
    host.listen()
    host.announce()

    # Which of the two tunnels comes first nobody can say.
    def without_numbers(lines: list[str]) -> set[str]:
        return {re.sub(r"group(_id=|:)\d+|output:\"?(32769|32768|[vg][xr]-\w+)"
                       r"\"?", "group", line) for line in lines}

    shown = unfolded((PACKAGING / "man/vtepd-flows.7").read_text())
    assert len(shown) > 60
    assert not without_numbers(shown) - without_numbers(
        host.flows() + host.groups())


def test_service_manager_is_told(host: Example) -> None:
    path = host.folder / "notify"
    host.inventory().unlink()
    host.plug_in("tap1", "tap4")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(os.fspath(path))
        manager.settimeout(60)
        host.env |= {"NOTIFY_SOCKET": os.fspath(path),
                     "WATCHDOG_USEC": "1000000"}

        def told_until(wanted: str) -> list[str]:
            got: list[str] = []
            while not got or not got[-1].startswith(wanted):
                got.append(manager.recv(4096).decode())
            return got

        host.start()
        before = told_until("STATUS=waiting for the first whole inventory")
        before += told_until("WATCHDOG=1")
        assert "READY=1" not in before
        host.tell()
        told_until("READY=1")
        assert any("dl_dst=02:00:00:00:00:02" in flow
                   for flow in host.flows())
        told_until("STATUS=working; local endpoints: 2, tunnels: 2")
        host.stop_vtepd()
        told_until("STOPPING=1")


def test_works_without_a_capability(host: Example) -> None:
    """As packaging/systemd/vtepd.service runs it."""
    wrapper = host.folder / "bin" / "vtepd"
    wrapper.parent.mkdir()
    wrapper.write_text("#!/bin/sh\nexec setpriv --bounding-set=-all"
                       " --inh-caps=-all --no-new-privs"
                       f" '{agent.program()}' \"$@\"\n")
    wrapper.chmod(0o755)
    host.plug_in("tap1", "tap4")
    before = os.environ.get("VTEPD")
    os.environ["VTEPD"] = os.fspath(wrapper)
    try:
        host.start()
    finally:
        if before is None:
            del os.environ["VTEPD"]
        else:
            os.environ["VTEPD"] = before
    host.wait()
    status = Path(f"/proc/{host.pid}/status").read_text()
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="there is no systemd-analyze")
def test_unit_is_closed() -> None:
    """An exposure of at most 2.0 of 10, as systemd reckons."""
    subprocess.run(["systemd-analyze", "security", "--offline=true",
                    "--no-pager", "--threshold=20",
                    PACKAGING / "systemd/vtepd.service"], check=True)


class Purge:
    """Runs the package's postrm; what it would remove is only noted."""

    def __init__(self, host: Example):
        self._host = host
        self._notes = host.folder / "removed"
        self._bin = host.folder / "stubs"
        self._bin.mkdir()
        for name in ("rm", "rmdir"):
            stub = self._bin / name
            stub.write_text(f'#!/bin/sh\necho {name} "$@" >>{self._notes}\n')
            stub.chmod(0o755)

    def __call__(self, action: str = "purge") -> list[str]:
        self._notes.write_text("")
        path = f"{self._bin}:{self._host.env['PATH']}"
        assert shutil.which("rm", path=path) == os.fspath(self._bin / "rm")
        subprocess.run(["sh", PACKAGING / "debian/vtepd.postrm", action],
                       env={**self._host.env, "PATH": path}, check=True)
        return self._notes.read_text().splitlines()


def test_removal_and_purge(host: Example) -> None:
    host.plug_in("tap1", "tap4")
    host.start()
    host.wait()
    host.stop_vtepd()
    purge = Purge(host)
    flows, rows = host.flows(), host.vsctl("list", "Interface")
    for action in ("remove", "upgrade"):
        assert purge(action) == []
        assert sorted(host.flows()) == sorted(flows)
        assert host.vsctl("list", "Interface") == rows

    # Somebody else has flows, a port and a named table there, and settings.
    host.run(*host.ofctl("add-flow", host.target,
                         "cookie=0x1,table=5,actions=drop"))
    host.vsctl("set", "Bridge", BRIDGE, "flow_tables:99=@t", "--",
               "--id=@t", "create", "Flow_Table", "name=theirs", "--",
               "set", "Open_vSwitch", ".", "external_ids:vtepd-host=hv1")
    assert purge() == ["rm -rf /var/lib/vtepd",
                       "rmdir /etc/vtepd/credentials /etc/vtepd"]
    assert len(host.flows()) == 1 and "cookie=0x1," in host.flows()[0]
    assert sorted(host.vsctl("list-ports", BRIDGE).split()) \
        == ["tap1", "tap4", "vm0"]
    assert "vtepd" not in host.vsctl("list", "Interface")
    assert host.vsctl("--bare", "--columns=name", "list",
                      "Flow_Table").split() == ["theirs"]
    assert "vtepd-host" in host.vsctl("get", "Open_vSwitch", ".",
                                      "external_ids")
    # They may be somebody else's.
    assert len(host.groups()) == 2 and len(host.meters()) == 2

    # With nothing but its own left, all of it goes; a meter that
    # limits the switch itself is the operator's.
    host.run(*host.ofctl("add-meter", host.target,
                         "meter=controller,pktps,bands=type=drop,rate=9"))
    host.run(*host.ofctl("del-flows", host.target))
    host.vsctl("set", "Bridge", BRIDGE, "external_ids:vtepd-owner=hv1")
    purge()
    assert not host.flows() and not host.groups()
    assert [meter.split()[0] for meter in host.meters()] \
        == ["meter=controller"]
    assert host.vsctl("list-br").split() == [BRIDGE]
    for port in ("tap1", "tap4", "vm0"):
        host.vsctl("del-port", port)
    host.vsctl("set", "Bridge", BRIDGE, "external_ids:vtepd-owner=hv1")
    purge()
    assert not host.vsctl("list-br").split()


def test_purge_without_a_switch(tmp_path: Path) -> None:
    """There may be no Open vSwitch, or none that runs."""
    class Nowhere:
        folder = tmp_path
        env = {**os.environ, "OVS_RUNDIR": os.fspath(tmp_path)}

    assert len(Purge(Nowhere())()) == 2         # type: ignore[arg-type]
