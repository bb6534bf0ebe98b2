# SPDX-License-Identifier: Apache-2.0
"""Real DHCP clients in a VM: busybox's udhcpc and ISC's dhclient.

What they call to set things up is a script of ours, which writes down what it
was called with and changes eth0 of the VM's namespace, and nothing else: no
resolv.conf, no hostname, no file outside the lab's folder."""

from __future__ import annotations

import signal

from .processes import Daemon, wait_until
from .vm import Vm

# Called by udhcpc with the event as its argument, and by dhclient with it in
# 'reason'.  A record is its environment and an empty line, once all is done.
SCRIPT = """\
#!/bin/sh
event=${{reason:-$1}}
case $event in
deconfig) ip -4 addr flush dev eth0;;
bound|renew) ip addr replace $ip/$mask dev eth0;;
PREINIT) ip -4 addr flush dev eth0;;
BOUND|RENEW|REBIND|REBOOT)
    ip addr replace $new_ip_address/$new_subnet_mask dev eth0;;
EXPIRE|FAIL|RELEASE|STOP) ip -4 addr flush dev eth0;;
BOUND6|RENEW6|REBIND6)
    ip -6 addr replace $new_ip6_address/128 dev eth0 nodad;;
EXPIRE6|RELEASE6|STOP6) ip -6 addr del $old_ip6_address/128 dev eth0;;
esac
set -- $router $new_routers
{routes}
{{ echo "event=$event"; env | grep -v -e '^_=' -e '^event='; echo; }} >> {records}
"""

# Routes as busybox ("NET/LEN GATEWAY ...") and dhclient ("LEN NET... GATEWAY",
# a byte each) give them, of which the tests use only /32 on the link.
ROUTES = """\
[ -z "$1" ] || ip route replace default via $1
set -- $staticroutes
[ -z "$1" ] || ip route replace $1 dev eth0
set -- $new_rfc3442_classless_static_routes
[ -z "$1" ] || ip route replace $2.$3.$4.$5/$1 dev eth0
"""

DHCLIENT_CONF = """\
option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
timeout 30;
retry 1;
initial-interval 1;
backoff-cutoff 2;
request subnet-mask, routers, domain-name, domain-name-servers, host-name,
    interface-mtu, rfc3442-classless-static-routes,
    dhcp6.name-servers, dhcp6.domain-search;
"""


class DhcpClient:
    """One that runs in the foreground until it is stopped."""

    def __init__(self, vm: Vm, name: str):
        self.vm = vm
        self._folder = vm.folder / f"{vm.name}-{name}"
        self._folder.mkdir(exist_ok=True)
        for old in self._folder.iterdir():
            old.unlink()
        self._records = self._folder / "records"
        self._records.touch()
        self.script = self._folder / "script"
        self.script.write_text(SCRIPT.format(records=self._records,
                                             routes=ROUTES))
        self.script.chmod(0o755)
        self._daemon: Daemon | None = None

    def _start(self, *argv: str) -> None:
        self._daemon = self.vm.daemon(*argv)

    def _file(self, name: str, text: str = "") -> str:
        path = self._folder / name
        path.write_text(text)
        return str(path)

    def records(self, event: str | None = None) -> list[dict[str, str]]:
        """What the script was called with, each time, in order."""
        blocks = self._records.read_text().split("\n\n")[:-1]
        records = [dict(line.partition("=")[::2]
                        for line in block.splitlines() if "=" in line)
                   for block in blocks]
        return [record for record in records
                if event is None or record["event"] == event]

    def wait(self, event: str, n: int = 1, timeout: float = 30
             ) -> dict[str, str]:
        """Waits until there are n records of this event; the last one."""
        return wait_until(lambda: self.records(event),
                          f"{n} x {event} at {self.vm.name}", timeout,
                          until=lambda found: len(found) >= n)[-1]

    def signal(self, how: signal.Signals) -> None:
        assert self._daemon is not None
        self._daemon.process.send_signal(how)

    def stop(self) -> None:
        """Ends it without a word to the server."""
        assert self._daemon is not None
        self._daemon.stop(signal.SIGKILL)


class Udhcpc(DhcpClient):
    """Renews on SIGUSR1, releases on SIGUSR2."""

    def __init__(self, vm: Vm):
        super().__init__(vm, "udhcpc")
        self._start("busybox", "udhcpc", "-f", "-i", "eth0", "-t", "10",
                    "-T", "1", "-A", "1", "-s", str(self.script),
                    "-O", "staticroutes")


class Dhclient(DhcpClient):
    def __init__(self, vm: Vm, family: str = "-4"):
        super().__init__(vm, f"dhclient{family}")
        self._start("dhclient", family, "-d",
                    "-sf", str(self.script),
                    "-cf", self._file("conf", DHCLIENT_CONF),
                    "-lf", self._file("leases"),
                    "-pf", str(self._folder / "pid"), "eth0")


def without_addresses(vm: Vm) -> Vm:
    """Takes from the VM the addresses that the lab gave it; link-local ones
    stay."""
    vm.namespace.ip("addr flush dev eth0 scope global")
    return vm


def addresses(vm: Vm) -> set[str]:
    """Of eth0, without link-local ones."""
    words = vm.namespace.ip("addr show dev eth0 scope global").split()
    return {words[i + 1].partition("/")[0] for i, word in enumerate(words)
            if word in ("inet", "inet6")}

