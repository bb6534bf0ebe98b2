# SPDX-License-Identifier: Apache-2.0
"""The inputs that a fuzz target begins with: the good and bad objects, pages
and events of tests/data, and the files of corpus/TARGET."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from lab import frames                              # noqa: E402

DATA = HERE.parent / "data"

# What the target of the state file takes for its own.
OWNER = '{"vtepd":{"format":1,"host":"hv1",' \
        '"inventory":"https://cloud.example/api"},\n'


def write(target: str, folder: Path) -> int:
    """Writes the seeds of a target into a folder; returns how many."""
    for seed in (*SEEDS.get(target, _none)(), *_files(target)):
        name = hashlib.sha1(seed).hexdigest()
        (folder / name).write_bytes(seed)
    return len(list(folder.iterdir()))


def _none() -> Iterator[bytes]:
    return iter(())


def _files(target: str) -> Iterator[bytes]:
    folder = HERE / "corpus" / target
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            yield path.read_bytes()


def _cases(name: str) -> list[dict]:
    return json.loads((DATA / f"{name}.json").read_text())["cases"]


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _full(n: int) -> Iterator[dict]:
    """Objects with n different ones of all that there can be several of."""
    ips = [f"fd00::{i:x}" if i & 1 else f"10.0.{i >> 8}.{i & 255}"
           for i in range(1, n + 1)]
    cidrs = [f"{ip}/128" if ":" in ip else f"{ip}/32" for ip in ips]
    yield {"kind": "host", "id": "h", "tunnels": [
        {"type": "vxlan", "ip": ip} for ip in ips]}
    yield {"kind": "segment", "id": "s", "vni": 7, "subnets": [
        {"cidr": cidr, "dns": ips[:17]} for cidr in cidrs[:65]]}
    yield {"kind": "router", "id": "r", "mac": "02:00:00:00:00:01",
           "segments": [f"s{i}" for i in range(n)],
           "routes": [{"cidr": cidr, "via": ip}
                      for cidr, ip in zip(cidrs, ips)]}
    yield {"kind": "endpoint", "id": "e", "segment": "s", "host": "h",
           "mac": "02:00:00:00:00:01", "ips": ips,
           "allowed_pairs": [{"ip": ip} for ip in ips]}


def _objects() -> Iterator[bytes]:
    for case in _cases("objects"):
        yield _text(case["object"]).encode()
    for n in (16, 17, 64, 255):
        for value in _full(n):
            yield _text(value).encode()


def _pages() -> Iterator[bytes]:
    for case in _cases("pages"):
        yield _text(case["page"]).encode()


def _events() -> Iterator[bytes]:
    for case in _cases("objects"):
        text = _text(case["object"])
        yield f'watch\n{{"type":"put","object":{text}}}'.encode()
    for case in _cases("watch-lines"):
        yield f"watch\n{_text(case['line'])}".encode()
    for case in _cases("events"):
        form = " ".join(filter(None, (case["form"], case.get("type"))))
        yield f"{form}\n{_text(case['body'])}".encode()


def _streams() -> Iterator[bytes]:
    """All the lines that are events, and some of them before each of those
    that end a stream."""
    head = "200 application/x-ndjson\n"
    cases = _cases("watch-lines")
    lines = [_text(case["line"]) + "\n" for case in cases]
    good = [line for line, case in zip(lines, cases)
            if "refused" not in case and '"gone"' not in line]
    yield (head + "".join(good)).encode()
    for line in lines:
        yield (head + good[0] + "\r\n" + line + good[0]).encode()
    yield (head + good[0] * 250).encode()
    for status in (200, 204, 401, 404, 410, 501, 503):
        yield f"{status} text/html\n<html>".encode()


def _requests() -> Iterator[bytes]:
    """The webhooks of corpus/webhook as HTTP, their bodies whole, in chunks
    and cut short; and two requests in one connection."""
    for seed in _files("webhook"):
        head, _, body = seed.decode().partition("\n\n")
        first, *fields = head.split("\n")
        fields = ["Host: x", *fields]
        whole = _request(first, [*fields, f"Content-Length: {len(body)}"],
                         body)
        yield whole
        yield whole[:-1]
        yield whole + whole
        yield _request(first, [*fields, "Transfer-Encoding: chunked"],
                       f"{len(body):x}\r\n{body}\r\n0\r\n\r\n")


def _request(first: str, fields: list[str], body: str) -> bytes:
    return "\r\n".join([f"{first} HTTP/1.1", *fields, "", body]).encode()


def _state_files() -> Iterator[bytes]:
    """Files with a good head and any objects, alone and together."""
    texts = [_text(case["object"]) for case in _cases("objects")]
    good = [text for text, case in zip(texts, _cases("objects"))
            if "at" not in case]
    for items in ([], good, *([text] for text in texts[::5])):
        body = ",\n".join(items)
        yield (OWNER + f'"version":"7",\n"items":[\n{body}\n],\n').encode()


def _announcements() -> Iterator[bytes]:
    """Of an address, and questions for it."""
    mac, own, ip, ip6 = ("02:00:00:00:00:02", "10.0.0.2", "10.0.0.9",
                         "fd00::9")
    yield frames.arp_request(mac, ip, ip)
    yield frames.arp_request(mac, own, ip)
    yield frames.arp_request(mac, "0.0.0.0", ip)
    yield frames.arp(2, mac, ip, frames.BROADCAST, ip)
    yield frames.neighbour_advertisement(
        mac, ip6, ip6, dst="ff02::1", eth_dst="33:33:00:00:00:01",
        flags=0x20000000)
    yield frames.neighbour_solicitation(mac, "fd00::2", ip6)
    yield frames.neighbour_solicitation(mac, "::", ip6)


SEEDS = {
    "announcement": _announcements,
    "object": _objects,
    "page": _pages,
    "event": _events,
    "http": _requests,
    "state": _state_files,
    "watch": _streams,
}
