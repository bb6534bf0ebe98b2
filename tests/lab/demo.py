#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""vtepd in a minute: three hypervisors, two segments, no flooded packet.

    make demo               the story
    make demo KEEP=1        leaves everything running, and says what to try

Ends with status 1 if a ping fails or a packet is flooded."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import textwrap
import time
from pathlib import Path

if __name__ == "__main__" \
        and signal.getsignal(signal.SIGINT) == signal.default_int_handler:
    # Until there is a lab, which changes that, Ctrl-C needs no traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    __package__ = "lab"

from . import agent, cloud, frames
from .capture import Capture
from .lab import Lab
from .processes import CommandError, run, wait_until
from .vm import Vm

VNI = 77                # Of both segments, to show that they do not meet.
MISSING_MAC = "02:00:00:00:ff:ff"


class DemoFailed(Exception):
    """Something did not work as the story tells."""


class Terminal:
    """Plain text, with a little colour where there is a terminal."""

    def __init__(self) -> None:
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") \
            and os.environ.get("TERM") != "dumb"
        self.chapter = 0

    def paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def write(self, text: str = "") -> None:
        print(text, flush=True)

    def title(self, text: str) -> None:
        self.chapter += 1
        line = f"{self.chapter}. {text}"
        self.write("\n" + self.paint("1;36", line))
        self.write(self.paint("36", "-" * len(line)))

    def tell(self, text: str) -> None:
        """A paragraph; "\\n" at its start sets it off."""
        blank = "\n" if text.startswith("\n") else ""
        self.write(blank + textwrap.fill(text.strip(), 76))

    def good(self, text: str) -> None:
        self.write(self.paint("32", "  ok  ") + text)

    def output(self, text: str) -> None:
        for line in text.rstrip("\n").splitlines():
            self.write(f"    {line.rstrip()}")

    def command(self, where: str, text: str, output: str) -> None:
        self.write(self.paint("2", f"  {where} $ ") + self.paint("1", text))
        self.output(output)


class Demo:
    def __init__(self, lab: Lab, terminal: Terminal):
        self.lab = lab
        self.term = terminal
        self.hv1, self.hv2, self.hv3 = lab.hypervisors.values()
        self.blue = [lab.vm(f"blue{n}", "blue", [f"10.0.0.{n}", f"fd00::{n}"])
                     for n in (1, 2, 3)]
        self.green = [lab.vm(f"green{n}", "green",
                             [f"10.0.0.{n}", f"fd00::{n}"]) for n in (1, 2, 3)]

    def run(self) -> None:
        self.the_cloud()
        with self.lab.capture() as wire:
            self.first_vm()
            self.everyone()
            self.one_appears()
            self.one_moves()
            self.noise()
        self.flows()
        self.wire(wire)

    # The chapters.

    def the_cloud(self) -> None:
        self.term.title("What the cloud API says")
        self.term.tell(
            "Three hypervisors offer VXLAN and GRE. Two segments have the same"
            f" number, {VNI}: blue travels by VXLAN, green by GRE. Both use"
            " the same IP addresses.")
        hosts = [cloud.host(name, hypervisor.ipv4, "vxlan gre")
                 for name, hypervisor in self.lab.hypervisors.items()]
        segments = [cloud.segment("blue", VNI, encap="vxlan"),
                    cloud.segment("green", VNI, encap="gre")]
        placed = [(vm, hypervisor) for vms in (self.blue[:2], self.green[:2])
                  for vm, hypervisor in zip(vms, (self.hv1, self.hv2))]
        self.lab.cloud.put(*hosts, *segments, *(
            vm.endpoint(host=hypervisor.name) for vm, hypervisor in placed))
        self.lab.resync()
        objects = self.lab.cloud.objects()
        self.term.command("cloud", f"curl {self.lab.cloud.url}/v1/objects",
                          "\n".join(map(compact, objects)))
        self.term.output("(one object a line, without its revision)")

    def first_vm(self) -> None:
        self.term.title("The first virtual machine of blue")
        self.term.tell("No VM is plugged in yet, so hv1 needs no tunnel:")
        if self.hv1.tunnels():
            raise DemoFailed("there is a tunnel before there is a VM")
        self.show_switch()
        blue1 = self.blue[0]
        begun = time.monotonic()
        blue1.plug(self.hv1)
        wait_until(lambda: all(row["ofport"] for row in self.hv1.tunnels())
                   and self.hv1.peers(), "hv1 has its tunnel",
                   until=lambda peers: peers == ["hv2"])
        wait_until(blue1.is_installed, "blue1 is installed")
        self.term.tell(
            f"\nblue1 is plugged into hv1. {elapsed(begun)} later vtepd has"
            " made the one tunnel that is needed, to hv2 (where blue2 is), and"
            " the flows:")
        self.show_switch()

    def show_switch(self) -> None:
        text = self.hv1.vsctl("show")
        # The underlay's bridge is the lab's affair.
        text = re.sub(r"    Bridge br-phy\n(?: {8}.*\n?)*", "", text)
        self.term.command("hv1", "ovs-vsctl show", text)
        self.term.output("(without br-phy, the bridge to the underlay)")

    def everyone(self) -> None:
        self.term.title("Pings across VXLAN and across GRE")
        self.blue[1].plug(self.hv2)
        self.green[0].plug(self.hv1)
        self.green[1].plug(self.hv2)
        for vms in (self.blue, self.green):
            self.ping(vms[0], vms[1])
        self.term.tell("Same number, same addresses, and yet each VM has heard"
                       " its own segment only:")
        for vms in (self.blue, self.green):
            seen = vms[0].neighbour(vms[1].ipv4)
            if vms[1].mac not in seen:
                raise DemoFailed(f"{vms[0].name} sees {seen}")
            self.term.good(f"{vms[0].name}: {vms[1].ipv4} is {seen}")

    def one_appears(self) -> None:
        self.term.title("A VM appears")
        vm = self.blue[2]
        vm.plug(self.hv3)
        begun = time.monotonic()
        self.lab.cloud.put(vm.endpoint())
        self.lab.resync()
        self.term.tell("blue3 was plugged into hv3; now the API knows it too:")
        self.term.output(compact(vm.endpoint()))
        self.wait_ping(self.blue[0], vm)
        self.term.tell(f"\nAfter {elapsed(begun)}, with tunnels made meanwhile"
                       " between hv3 and the others:")
        for other in self.blue[:2]:
            self.ping(other, vm)

    def one_moves(self) -> None:
        self.term.title("A VM moves")
        vm, source = self.blue[1], self.blue[0]
        with source.pinging(vm.ipv4) as finish:
            begun = time.monotonic()
            vm.move(self.hv3)
            self.lab.cloud.patch("endpoint", vm.name, host="hv3")
            self.lab.resync()
            wait_until(vm.is_installed, f"{vm.name} is installed on hv3")
            self.wait_ping(source, vm)
            took = elapsed(begun)
            result = finish()
        self.term.tell(
            f"blue2 went from hv2 to hv3 while blue1 pinged it every 10 ms:"
            f" {took} from unplugging it until it answered again,"
            f" {result.lost} of {result.sent} pings lost, most of them while"
            " it was not plugged in anywhere.")
        for other in (self.blue[0], self.blue[2]):
            self.ping(other, vm)

    def noise(self) -> None:
        self.term.title("Noise that must not leave the hypervisor")
        vm = self.blue[0]
        noise = {
            "ARP for an address that nobody has":
                frames.arp_request(vm.mac, vm.ipv4, "10.0.0.200"),
            "a broadcast":
                frames.ether(frames.BROADCAST, vm.mac, frames.ETH_IPV4,
                             frames.ipv4(vm.ipv4, "10.0.0.255",
                                         frames.PROTO_UDP,
                                         frames.udp(vm.ipv4, "10.0.0.255",
                                                    4000, 4000, b"hello"))),
            "a packet to a MAC that nobody has":
                frames.ether(MISSING_MAC, vm.mac, frames.ETH_IPV4,
                             frames.ipv4(vm.ipv4, "10.0.0.200",
                                         frames.PROTO_ICMP,
                                         frames.icmp_echo(1, 1))),
            "a DHCP discover": frames.dhcp_discover(vm.mac),
        }
        with vm.raw() as port:
            for what, frame in noise.items():
                port.send(*[frame] * 25)
                self.term.good(f"blue1 has sent 25 times: {what}")
        # The switch works in order: when this is answered, all of the above
        # has been dealt with.
        self.ping(vm, self.blue[1])

    def flows(self) -> None:
        self.term.title("What an operator sees")
        name = self.hv1.tunnels()[0]["name"]
        columns = "--columns=name,type,options,external_ids"
        self.term.command("hv1", f"ovs-vsctl {columns} list interface {name}",
                          self.hv1.vsctl(columns, "list", "interface", name))
        command = ("ovs-ofctl -O OpenFlow15 --names --no-stats dump-flows"
                   f" br-int | grep -e 10.0.0.2 -e {self.blue[1].mac}"
                   " | sed 's/.*cookie=[^ ]* //' | cut -c -150")
        chosen = self.hv1.run("sh", "-c", command)
        if "set_field" not in chosen:
            raise DemoFailed(f"no flows for blue2 on hv1: {chosen}")
        self.term.command("hv1", command, chosen)
        self.term.output(f"({len(chosen.splitlines())} of"
                         f" {len(self.hv1.flows())} flows)")
        self.term.command("hv1", "ovs-appctl -t vtepd vtepd/tunnels",
                          self.lab.agents["hv1"].command("vtepd/tunnels"))

    def wire(self, wire: Capture) -> None:
        self.term.title("The wire, as tcpdump saw it")
        for what, expression in (("VXLAN", "udp port 4789"),
                                 ("GRE", "ip proto gre")):
            try:
                text = run(["tcpdump", "-n", "-c", "1", "-r", str(wire.path),
                            expression])
            except CommandError as error:
                raise DemoFailed(f"no {what} on the wire: {error}") from None
            self.term.command(
                "fabric", f"tcpdump -n -c 1 -i fabric {expression}", text)
        for (src, dst, encap, key, kind), n in sorted(wire.summary().items()):
            self.term.output(f"{src} -> {dst}   {encap:<5}  {key}  {kind:<12}"
                             f" {n:>5}")
        for encap in ("vxlan", "gre"):
            if wire.count(encap=encap) != wire.count(encap=encap, key=VNI) \
                    or not wire.count(encap=encap):
                raise DemoFailed(f"not every {encap} packet has key {VNI}")
        known = {vm.mac for vm in self.lab.vms.values()}
        flooded = [packet for packet in wire.encapsulated()
                   if packet.inner.dst not in known]
        if flooded:
            raise DemoFailed(f"{len(flooded)} packets were flooded: {flooded}")
        self.term.write()
        self.term.good(self.term.paint(
            "1", f"{len(wire.encapsulated())} tunnel packets,"
            f" {len(flooded)} flooded"))

    # Steps.

    def wait_ping(self, source: Vm, target: Vm) -> None:
        for address in target.ips:
            source.wait_reaches(address)

    def ping(self, source: Vm, target: Vm) -> None:
        """Ten pings by IPv4 and ten by IPv6.  Only the very first packet of a
        new tunnel may be lost: the underlay asks for the peer's MAC then."""
        self.wait_ping(source, target)
        for address in target.ips:
            result = source.ping(address, count=10)
            if result.lost or result.duplicates:
                raise DemoFailed(f"{source.name} pings {address}: {result}")
            self.term.good(f"{source.name} ({self.where(source)}) pings"
                           f" {target.name} ({self.where(target)}) at"
                           f" {address}: {result.received} of {result.sent}")

    @staticmethod
    def where(vm: Vm) -> str:
        return vm.hypervisor.name if vm.hypervisor else "nowhere"


def compact(obj: dict) -> str:
    """An object of the inventory in a line, without its revision."""
    return json.dumps({name: value for name, value in obj.items()
                       if name != "revision"}, separators=(",", ":"))


def elapsed(begun: float) -> str:
    return f"{time.monotonic() - begun:.2f} s"


def what_to_try(lab: Lab, demo: Demo) -> str:
    blue2 = demo.blue[1]
    return f"""\
The lab {lab.name} goes on running. '$on WHERE COMMAND' runs a command in a
part of it: cloud, fabric, hv1, hv2, hv3, or a VM. Try:

  on={lab.folder}/on
  $on blue1 ping -c 3 {blue2.ipv4}
  $on hv1 ovs-vsctl show
  $on hv1 ovs-appctl -t vtepd vtepd/status
  $on hv1 ovs-appctl -t vtepd vtepd/tunnels
  $on hv1 ovs-ofctl -O OpenFlow15 --names dump-flows br-int
  $on hv1 ovs-vsctl set open_vswitch . external_ids:vtepd-tunnel-key=segment
  $on hv1 tail {lab.agents["hv1"].log_file}
  $on fabric tcpdump -n -c 10 -i fabric          # while something pings

  api={lab.cloud.url}/v1/objects
  $on cloud curl $api/endpoint
  $on cloud curl -X DELETE $api/endpoint/blue2
  $on cloud curl -X PUT $api/endpoint/blue2 -d \\
   '{compact(blue2.endpoint())}'

To end it:

  python3 {Path(__file__).resolve().with_name("lab.py")} remove {lab.name}
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--keep", action="store_true",
                        default=os.environ.get("KEEP", "") not in ("", "0"),
                        help="leave everything running (or KEEP=1)")
    options = parser.parse_args()
    if os.geteuid():
        print("The demo makes network namespaces: please run it as root.",
              file=sys.stderr)
        return 1
    if not os.access(agent.program(), os.X_OK):
        print(f"There is no {agent.program()} yet: please run 'make' first.",
              file=sys.stderr)
        return 1
    terminal = Terminal()
    try:
        begun = time.monotonic()
        with Lab(3, settings={"encap-type": "vxlan,gre"}) as lab:
            terminal.write(f"Three hypervisors, each with its own Open vSwitch"
                           f" and vtepd, in {elapsed(begun)}.")
            return tell(lab, terminal, options.keep, begun)
    except KeyboardInterrupt:
        terminal.write("\nInterrupted; everything is removed.")
        return 130


def tell(lab: Lab, terminal: Terminal, keep: bool, begun: float) -> int:
    try:
        demo = Demo(lab, terminal)
        demo.run()
    except (DemoFailed, TimeoutError, CommandError) as error:
        print(lab.diagnosis(), file=sys.stderr)
        print(terminal.paint("1;31", f"\nFAILED: {error}"), file=sys.stderr)
        return 1
    terminal.write(f"\nAll of it took {elapsed(begun)}.")
    if keep:
        lab.keep()
        terminal.write("\n" + what_to_try(lab, demo))
    return 0


if __name__ == "__main__":
    sys.exit(main())
