# SPDX-License-Identifier: Apache-2.0
"""Made-up inventories, as JSON text: the same ones every time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SELF = "hv0"                    # The host that is measured.
OWN_ADDRESS = "192.0.2.1"       # No packet is ever sent.
LIVE = "live"                   # The segment that the VM is in.


@dataclass(frozen=True)
class Shape:
    """'live' endpoints in the VM's segment, the VM among them; all others in
    segments of a thousand that do not matter here.  One address each, so a
    live remote endpoint has two flows.

    With 'routed' the live endpoints are spread over so many segments of one
    router, and each has three flows."""

    hosts: int
    live: int
    endpoints: int = 0          # All; at least 'live'.
    routed: int = 0             # At most 250.

    def total(self) -> int:
        return max(self.live, self.endpoints)

    def segments(self) -> int:
        """Apart from those of the router."""
        return 1 + (self.total() - self.live + 999) // 1000

    def objects(self) -> int:
        return (self.hosts + self.segments() + self.total()
                + self.routed)


def endpoint_id(i: int) -> str:
    return f"{i:08x}-0000-4000-8000-000000000000"


def endpoint(i: int, host: int, segment: str = LIVE, revision: int = 1,
             ip: str = "") -> str:
    """Endpoint 'i' on host number 'host'."""
    mac = ":".join(f"{b:02x}" for b in (2, 0, *i.to_bytes(4, "big")))
    ip = ip or f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"
    return (f'{{"kind":"endpoint","id":"{endpoint_id(i)}",'
            f'"revision":{revision},"segment":"{segment}",'
            f'"host":"hv{host}","mac":"{mac}","ips":["{ip}"]}}')


def address(i: int) -> str:
    """The tunnel address of host 'i'."""
    return (OWN_ADDRESS if i == 0
            else f"198.{18 + (i >> 16)}.{i >> 8 & 255}.{i & 255}")


def host(i: int) -> str:
    return (f'{{"kind":"host","id":"hv{i}","revision":1,'
            f'"tunnels":[{{"type":"vxlan","ip":"{address(i)}"}}]}}')


def home(i: int, shape: Shape) -> int:
    """The number of the host that endpoint 'i' starts on."""
    return 0 if i == 0 else 1 + (i - 1) % (shape.hosts - 1)


def routed_segment(number: int) -> str:
    return f"routed{number}" if number else LIVE


def router(shape: Shape) -> Iterator[str]:
    """The router, and its segments, which have a subnet each."""
    names = [routed_segment(n) for n in range(shape.routed)]
    for n, name in enumerate(names):
        yield (f'{{"kind":"segment","id":"{name}","revision":1,'
               f'"vni":{9000 + n},"subnets":[{{"cidr":"10.{n}.0.0/16",'
               f'"gateway":"10.{n}.255.254"}}]}}')
    listed = ",".join(f'"{name}"' for name in names)
    yield (f'{{"kind":"router","id":"router","revision":1,'
           f'"mac":"02:ff:00:00:00:01","segments":[{listed}]}}')


def routed_endpoint(i: int, shape: Shape) -> str:
    n, last = i % shape.routed, 1 + i // shape.routed
    return endpoint(i, home(i, shape), routed_segment(n),
                    ip=f"10.{n}.{last >> 8}.{last & 255}")


def objects(shape: Shape) -> Iterator[str]:
    for i in range(shape.hosts):
        yield host(i)
    if shape.routed:
        yield from router(shape)
    else:
        yield f'{{"kind":"segment","id":"{LIVE}","revision":1,"vni":5000}}'
    for i in range(1, shape.segments()):
        yield (f'{{"kind":"segment","id":"other{i}","revision":1,'
               f'"vni":{5000 + i}}}')
    for i in range(shape.total()):
        if shape.routed and i < shape.live:
            yield routed_endpoint(i, shape)
            continue
        segment = (LIVE if i < shape.live
                   else f"other{1 + (i - shape.live) // 1000}")
        yield endpoint(i, home(i, shape), segment)
