# SPDX-License-Identifier: Apache-2.0
"""Routers: between segments, on one host and on two, in the flow table."""

from __future__ import annotations

from explaining import explain, wait_cause, wait_passes
from lab import cloud, frames
from lab.processes import wait_until
from lab.vm import Vm
from scene import Scene

HYPERVISORS = 2

ROUTER_MAC = "02:00:5e:00:00:01"
BLUE_GATEWAYS = ["10.0.1.1", "fd01::1"]
RED_GATEWAYS = ["10.0.2.1", "fd02::1"]


def routed_segment(scene: Scene, name: str, vni: int, number: int,
                   **members: object) -> None:
    """A segment with the subnets 10.0.NUMBER.0/24 and fd0NUMBER::/64, whose
    gateways are the first addresses."""
    scene.segment(name, vni, subnets=[
        cloud.subnet(f"10.0.{number}.0/24", f"10.0.{number}.1"),
        cloud.subnet(f"fd0{number}::/64", f"fd0{number}::1")], **members)


def routed_vm(scene: Scene, name: str, segment: str, host: str, number: int,
              last: int, **members: object) -> Vm:
    """A VM that sends all else to the gateways of its segment."""
    vm = scene.vm(name, segment, host,
                  ips=[f"10.0.{number}.{last}", f"fd0{number}::{last}"],
                  **members)
    vm.namespace.ip(f"route add default via 10.0.{number}.1",
                    f"route add default via fd0{number}::1")
    return vm


def two_segments(scene: Scene, routes: dict[str, str] | None = None,
                 **red: object) -> None:
    routed_segment(scene, "blue", 77, 1)
    routed_segment(scene, "red", 78, 2, **red)
    scene.cloud.put(cloud.router("r1", ROUTER_MAC, ["blue", "red"], routes))


def connect_routed(*vms: Vm) -> None:
    for source in vms:
        for target in vms:
            for address in target.ips if source is not target else []:
                source.wait_reaches(address)


def test_between_segments(scene: Scene) -> None:
    """On one host and on two, IPv4 and IPv6, nothing is flooded."""
    two_segments(scene)
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    b = routed_vm(scene, "b", "red", "hv1", 2, 2)
    c = routed_vm(scene, "c", "red", "hv2", 2, 3)
    scene.ready()
    with scene.lab.capture() as wire:
        connect_routed(a, b, c)
    packets = wire.encapsulated()
    assert packets
    assert {packet.key for packet in packets} <= {77, 78}
    assert not wire.select(to_many=True), wire
    assert {packet.inner.src for packet in packets if packet.key == 78} \
        <= {ROUTER_MAC, b.mac, c.mac}
    wait_until(lambda: scene.agents["hv1"].show("segments"), "red is live",
               until=lambda rows: all(row["live"] for row in rows
                                      if row["id"] != "anchor"))


# Says its name to whoever connects.
SERVER = """
import socket, sys
listener = socket.create_server(("::", 9000), family=socket.AF_INET6,
                                dualstack_ipv6=True)
print("listening", flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(sys.argv[1].encode() * 100000)
    connection.close()
"""

CLIENT = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 9000), 10)
text = b"".join(iter(lambda: connection.recv(65536), b""))
print(len(text), text[:1].decode())
"""


def serve(vm: Vm, name: str) -> None:
    daemon = vm.daemon("/usr/bin/python3", "-c", SERVER, name)
    daemon.wait_ready(lambda: "listening" in daemon.said())


def ask(vm: Vm, address: str) -> str:
    return vm.run("/usr/bin/python3", "-c", CLIENT, address).strip()


def test_two_routers_with_the_same_addresses(scene: Scene) -> None:
    """The same addresses, MACs and gateways behind two routers at once, one
    over VXLAN and GRE, one with segments of one encapsulation: TCP reaches
    each router's own."""
    two_segments(scene, encap="gre")
    routed_segment(scene, "blue2", 177, 1)
    routed_segment(scene, "red2", 178, 2)
    scene.cloud.put(cloud.router("r2", ROUTER_MAC, ["blue2", "red2"]))
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2, mac="02:00:00:00:01:02")
    b = routed_vm(scene, "b", "red", "hv2", 2, 2, mac="02:00:00:00:02:02")
    a2 = routed_vm(scene, "a2", "blue2", "hv1", 1, 2, mac="02:00:00:00:01:02")
    b2 = routed_vm(scene, "b2", "red2", "hv2", 2, 2, mac="02:00:00:00:02:02")
    scene.ready()
    for source, target in ((a, b), (a2, b2)):
        connect_routed(source, target)
    serve(b, "b")
    serve(b2, "2")
    for source, target, name, keys in ((a, b, "b", {("gre", 78),
                                                    ("vxlan", 77)}),
                                       (a2, b2, "2", {("vxlan", 178),
                                                      ("vxlan", 177)})):
        for address in target.ips:
            with scene.lab.capture() as wire:
                assert ask(source, address) == f"100000 {name}"
            assert {(packet.encap, packet.key)
                    for packet in wire.encapsulated()} == keys
            assert not wire.select(to_many=True), wire


def test_static_route_by_a_vm_that_forwards(scene: Scene) -> None:
    """a -> router -> gw, which forwards to c; gw moves to another host, and
    goes."""
    two_segments(scene, {"172.16.0.0/16": "10.0.2.9",
                         "fd16::/64": "fd02::9"})
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    gw = routed_vm(scene, "gw", "red", "hv1", 2, 9, allowed_pairs=[
        {"ip": "10.0.1.0/24"}, {"ip": "fd01::/64"}])
    c = scene.vm("c", "red", "hv2", ips=["172.16.0.5", "fd16::5"])
    c.namespace.ip("addr add 10.0.2.5/24 dev eth0",
                   "route add default via 10.0.2.1",
                   "addr add fd02::5/64 dev eth0 nodad",
                   "route add default via fd02::1")
    scene.cloud.patch("endpoint", "c", ips=[*c.ips, "10.0.2.5", "fd02::5"])
    gw.namespace.sysctl("net/ipv4/ip_forward", "1")
    gw.namespace.sysctl("net/ipv6/conf/all/forwarding", "1")
    gw.namespace.ip("route add 172.16.0.0/16 dev eth0",
                    "route add fd16::/64 dev eth0")
    scene.ready()
    for address in c.ips:
        a.wait_reaches(address)

    agent = scene.agents["hv1"]
    gw.unplug()
    gw.plug(scene.hv["hv2"])
    scene.patch("endpoint", "gw", host="hv2")
    for address in c.ips:
        a.wait_reaches(address)

    scene.delete("endpoint", "gw")
    wait_until(lambda: agent.show("status")["conflicts"],
               "the routes are reported",
               until=lambda conflicts: sum(
                   "is not used: no endpoint in segment" in conflict
                   for conflict in conflicts) == 2)
    assert not any(a.reaches(address) for address in c.ips)


def hops(vm: Vm, target: str) -> list[str]:
    """By traceroute: the address that has answered for each hop."""
    program = "traceroute6" if ":" in target else "traceroute"
    text = vm.run("busybox", program, "-n", "-q", "1", "-w", "2", "-m", "4",
                  target)
    return [line.split()[1] for line in text.splitlines()[1:]]


def test_traceroute(scene: Scene) -> None:
    """The gateway of the segment says "time exceeded", on the VM's host."""
    two_segments(scene)
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    b = routed_vm(scene, "b", "red", "hv2", 2, 2)
    scene.ready()
    connect_routed(a, b)
    for source, target, gateways in ((a, b, BLUE_GATEWAYS),
                                     (b, a, RED_GATEWAYS)):
        for address, gateway in zip(target.ips, gateways):
            wait_until(lambda: hops(source, address), "traceroute sees it",
                       until=lambda path: path == [gateway, address])


def test_router_changes(scene: Scene) -> None:
    """Deleted, put back, with another MAC, without a segment."""
    two_segments(scene)
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    b = routed_vm(scene, "b", "red", "hv2", 2, 2)
    scene.ready()
    connect_routed(a, b)
    with a.pinging(b.ipv4) as finish:
        scene.patch("router", "r1", routes=[
            {"cidr": "0.0.0.0/0", "via": b.ipv4}])
        wait_until(lambda: scene.hv["hv1"].flows("table=31,ip"),
                   "the route is there", until=lambda flows: any(
                       b.mac in flow for flow in flows))
    assert finish().lost == 0

    scene.delete("router", "r1")
    scene.wait_peers("hv1")
    assert not a.reaches(b.ipv4)
    other = "02:00:5e:00:00:02"
    scene.put(cloud.router("r1", other, ["blue", "red"]))
    for vm in (a, b):
        vm.forget_neighbours()
    connect_routed(a, b)
    assert f"lladdr {other}" in a.neighbour("10.0.1.1")
    scene.patch("router", "r1", segments=["blue"])
    scene.wait_peers("hv1")
    assert not a.reaches(b.ipv4)


def test_restart_and_repair(scene: Scene) -> None:
    """A restart takes nothing away and puts nothing back that is there; what
    others delete comes back."""
    two_segments(scene, {"0.0.0.0/0": "10.0.2.2"})
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    b = routed_vm(scene, "b", "red", "hv2", 2, 2)
    scene.ready()
    connect_routed(a, b)
    hv1 = scene.hv["hv1"]
    state = scene.settle("hv1")
    before = hv1.packets("table=32,ip")
    with a.pinging(b.ipv4) as finish:
        scene.agents["hv1"].restart()
        scene.wait_state("hv1", state)
        scene.pass_lists("hv1")
    assert finish().lost == 0
    assert hv1.packets("table=32,ip") > before
    for table in (30, 31, 32):
        hv1.ofctl("del-flows", "br-int", f"table={table}")
        scene.wait_state("hv1", state)
    connect_routed(a, b)


def test_never_routed(scene: Scene) -> None:
    """What is not to be forwarded goes nowhere, and is counted."""
    two_segments(scene)
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    b = routed_vm(scene, "b", "red", "hv2", 2, 2)
    scene.ready()
    connect_routed(a, b)
    echo = frames.icmp_echo(1, 1)

    def packet(dst: str, **how: int) -> bytes:
        return frames.ether(ROUTER_MAC, a.mac, frames.ETH_IPV4, frames.ipv4(
            a.ipv4, dst, frames.PROTO_ICMP, echo, **how))

    causes = {0x15: [packet("10.0.9.9"), packet("192.0.2.1")],
              0x16: [packet("10.0.2.77"), packet("10.0.2.255")],
              0x17: [packet("224.0.0.5"), packet("255.255.255.255"),
                     packet("169.254.1.1"), packet(b.ipv4, ttl=0),
                     frames.ether(ROUTER_MAC, a.mac, frames.ETH_TEST,
                                  bytes(46))]}

    def counted(cause: int) -> int:
        return scene.hv["hv1"].packets(f"cookie={0x7674657000000000 + cause}"
                                       "/-1")

    before = {cause: counted(cause) for cause in causes}
    with scene.lab.capture() as wire, a.raw() as port:
        for sent in causes.values():
            port.send(*sent)
        wait_until(lambda: {cause: counted(cause) - before[cause]
                            for cause in causes}, "the drops are counted",
                   until=lambda n: n == {cause: len(sent) for cause, sent
                                         in causes.items()})
    assert not wire.encapsulated(), wire


def test_gateway_answers(scene: Scene) -> None:
    """Pings to its own gateway and to that of another segment."""
    two_segments(scene)
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    scene.ready()
    for address in [*BLUE_GATEWAYS, *RED_GATEWAYS]:
        a.wait_reaches(address)
    assert f"lladdr {ROUTER_MAC}" in a.neighbour("10.0.1.1")
    assert f"lladdr {ROUTER_MAC}" in a.neighbour("fd01::1")


def test_shown(scene: Scene) -> None:
    """vtepd/routers, with what is not obeyed."""
    two_segments(scene, {"0.0.0.0/0": "10.0.2.9", "192.0.2.0/24": "10.0.1.2"})
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    scene.cloud.put(cloud.router("r2", ROUTER_MAC, ["red", "anchor"]))
    scene.ready()
    one, two = wait_until(lambda: scene.agents["hv1"].show("routers"),
                          "both are shown", until=lambda rows: len(rows) == 2)
    assert one["id"] == "r1" and one["mac"] == ROUTER_MAC and one["live"]
    assert one["segments"] == ["blue", "red"]
    assert [(s["cidr"], s["gateway"], s["segment"])
            for s in one["subnets"]][:2] == [
        ("fd01::/64", "fd01::1", "blue"), ("fd02::/64", "fd02::1", "red")]
    assert [(r["cidr"], r["endpoint"], r["segment"])
            for r in one["routes"]] == [
        ("0.0.0.0/0", None, None), ("192.0.2.0/24", a.name, "blue")]
    assert "no endpoint in segment" in one["routes"][0]["reason"]
    assert len(one["conflicts"]) == 1
    assert two["segments"] == ["anchor"] and not two["live"]
    assert 'belongs to router "r1"' in two["conflicts"][0]
    text = scene.agents["hv1"].command("vtepd/routers")
    assert "192.0.2.0/24 via 10.0.1.2 (a)" in text


def test_explained(scene: Scene) -> None:
    two_segments(scene)
    routed_segment(scene, "green", 79, 3)
    a = routed_vm(scene, "a", "blue", "hv1", 1, 2)
    b = routed_vm(scene, "b", "red", "hv1", 2, 2)
    c = routed_vm(scene, "c", "red", "hv2", 2, 3)
    d = routed_vm(scene, "d", "green", "hv2", 3, 2)
    scene.ready()
    connect_routed(a, b, c)
    for names in ((a.name, b.name), (a.ipv4, c.ipv4), (a.ipv6, c.ipv6)):
        wait_passes(scene, *names)
    assert "stays on this host" in wait_passes(scene, "a", "b")
    for host in ("hv1", "hv2"):
        wait_passes(scene, "a", "c", host=host)
        wait_passes(scene, "c", "a", host=host)

    assert '"green" to none' in wait_cause(scene, "no-router", "a", "d")
    scene.put(cloud.router("r2", ROUTER_MAC, ["green"]))
    assert '"r2"' in wait_cause(scene, "other-router", "a", "d")
    scene.put(cloud.segment("red", 78, subnets=[
        cloud.subnet("10.0.2.0/25", "10.0.2.1") | {"gateway": None}]))
    assert "10.0.2.3" in wait_cause(scene, "no-gateway", "a", "c")
    scene.put(cloud.segment("red", 78, subnets=[
        cloud.subnet("10.0.22.0/24", "10.0.22.1")]),
        cloud.router("r1", ROUTER_MAC, ["blue", "red"],
                     {"10.0.2.0/24": "10.0.1.99"}))
    assert "10.0.1.99" not in wait_cause(scene, "unresolved-route", "a", "c")
    scene.put(d.endpoint(host="hv2") | {"segment": "blue",
                                        "ips": ["10.0.1.99"]})
    assert '"d"' in wait_cause(scene, "next-hop", "a", "c")
    assert explain(scene, "a", "d").startswith("It passes:")
