# SPDX-License-Identifier: Apache-2.0
"""Lists and objects that no vtepd should believe, by name."""

from __future__ import annotations

import base64
import gzip
import json

Fault = dict[str, object]       # As class Fault in cloud_api.py.


def _raw(body: bytes, **more: object) -> Fault:
    return {"body_base64": base64.b64encode(body).decode(), **more}


def bad_lists(items: list[dict]) -> dict[str, Fault]:
    """Answers to a request for a list, each wrong in one way.  'items' are
    what a good list has."""
    page = json.dumps({"version": "v", "items": items})
    raw = page.encode()
    first = json.dumps(items[0])

    def altered(**members: object) -> Fault:
        value = {"version": "v", "items": items, **members}
        return {"body": json.dumps({name: member for name, member
                                    in value.items() if member is not ...})}

    return {
        # Not JSON at all.
        "empty body": {"body": ""},
        "only spaces": {"body": " \r\n\t " * 100},
        "HTML, said to be JSON": {"body": "<!DOCTYPE html><h1>Welcome</h1>"},
        "HTML": {"body": "<html></html>", "content_type": "text/html"},
        "good page of the wrong type": {"body": page,
                                        "content_type": "text/plain"},
        "good page of no type": {"body": page, "content_type": None},
        "binary rubbish": _raw(bytes(range(256)) * 64),
        "garbage said to be gzip": _raw(
            b"\x1f\x8b" + bytes(500), headers={"Content-Encoding": "gzip"}),
        "gzip bomb": _raw(gzip.compress(b'{"version":"' + b"a" * (96 << 20)),
                          headers={"Content-Encoding": "gzip"}),
        # Broken off.
        "cut short": {"pass_through": True, "truncate": len(page) // 2},
        "cut before the first byte": {"pass_through": True, "truncate": 0},
        "cut before the last byte": _raw(
            raw[:-1], headers={"Content-Length": str(len(raw))}),
        "half a page": _raw(raw[:len(raw) // 2]),
        "all but the last brace": _raw(raw[:-1]),
        "chunks that are none": {
            "body": page, "headers": {"Transfer-Encoding": "chunked"}},
        "last chunk missing": _raw(
            f"{len(raw):x}\r\n".encode() + raw + b"\r\n",
            headers={"Transfer-Encoding": "chunked"}),
        "no HTTP": _raw(b"SSH-2.0-OpenSSH_9.2p1\r\n", raw=True),
        "hung up in the headers": {"body": "HTTP/1.1 200 OK\r\nContent-Ty",
                                   "raw": True},
        # Bytes.
        "rest after the page": {"body": page + "x"},
        "two pages in one": {"body": page + page},
        "NUL between": _raw(raw[:10] + b"\0" + raw[10:]),
        "NUL in a string": _raw(raw.replace(b'"host"', b'"ho\0st"', 1)),
        "invalid UTF-8": _raw(raw.replace(b'"items"', b'"\xff":1,"items"', 1)),
        "overlong UTF-8": _raw(raw.replace(b'"v"', b'"\xc0\xae"', 1)),
        "UTF-16": _raw(page.encode("utf-16")),
        "half a surrogate pair": {"body": page.replace('"v"', '"\\ud800"')},
        # Structure.
        "a million nested arrays": {"body": "[", "repeat": 1_000_000},
        "a million nested arrays in items": {
            "body": '{"version":"v","items":[' + "[" * 1_000_000},
        "a million nested objects": {
            "body": '{"version":"v","items":[' + '{"a":' * 1_000_000},
        "null": {"body": "null"},
        "a number": {"body": "1e308"},
        "a number that is none": {"body": page.replace(
            '"items"', '"n":01,"items"', 1)},
        "a number beyond all bounds": {"body": page.replace(
            '"items"', '"n":1e999999,"items"', 1)},
        "NaN": {"body": page.replace('"items"', '"n":NaN,"items"', 1)},
        "a list without its page": {"body": json.dumps(items)},
        "no version": altered(version=...),
        "version is a number": altered(version=7),
        "version is null": altered(version=None),
        "no items": altered(items=...),
        "items are null": altered(items=None),
        "items are an object": altered(items={"0": items[0]}),
        "items are a string": altered(items="none"),
        "next is a number": altered(next=5),
        "next is an object": altered(next={"cursor": "x"}),
        "comma at the end": {"body": page.replace("]}", "],}")},
        "single quotes": {"body": page.replace('"', "'")},
        "comment": {"body": "/* inventory */" + page},
        # Items of which nobody can say which they are.
        "item is a number": {"body": json.dumps(
            {"version": "v", "items": [*items, 5]})},
        "item is null": {"body": json.dumps(
            {"version": "v", "items": [None, *items]})},
        "item without an id": {"body": json.dumps(
            {"version": "v", "items": [*items, {"kind": "endpoint"}]})},
        "item without a kind": {"body": json.dumps(
            {"version": "v", "items": [*items, {"id": "x"}]})},
        "id with a NUL": {"body": json.dumps(
            {"version": "v", "items": [*items, {"kind": "host",
                                                "id": "x\0y"}]})},
        "id with a space": {"body": json.dumps(
            {"version": "v", "items": [*items, {"kind": "host", "id": "x y",
                                                "tunnels": []}]})},
        "the same id twice": {"body": page.replace(
            '"items": [', '"items": [' + first + ", ", 1)},
        # Answers that are no list.
        "204": {"status": 204, "body": ""},
        "206": {"status": 206, "body": page},
        "304 without a question": {"status": 304, "body": ""},
        "400": {"status": 400, "body": page},
        "401": {"status": 401, "body": "{}"},
        "403": {"status": 403, "body": "{}"},
        "404": {"status": 404, "body": "{}"},
        "410": {"status": 410, "body": "{}"},
        "429": {"status": 429, "body": "", "headers": {"Retry-After": "0"}},
        "500": {"status": 500, "body": page},
        "503": {"status": 503, "body": "",
                "headers": {"Retry-After": "1"}},
        "503 with a date that is none": {
            "status": 503, "body": "", "headers": {"Retry-After": "soon"}},
        "redirect elsewhere": {
            "status": 302, "body": "",
            "headers": {"Location": "http://198.51.100.99/v1/inventory"}},
        "redirect to a file": {
            "status": 302, "body": "",
            "headers": {"Location": "file:///etc/passwd"}},
        "redirect to nowhere": {"status": 302, "body": ""},
        # Too much.
        "endless body": {"body": "[1, 2, 3], " * 1000, "endless": True},
        "endless items": {
            "body": '{"version":"v","items":[' + first
            + ',{"kind":"host","id":"x","tunnels":[]}' * 1000,
            "endless": True},
        "endless header": {"body": page, "headers": {"X-Long": "x" * 300000}},
    }


HOST = {"kind": "host", "tunnels": [{"type": "vxlan", "ip": "192.0.2.9"}]}
SEGMENT = {"kind": "segment", "vni": 900}
ENDPOINT = {"kind": "endpoint", "segment": "blue", "host": "hv2",
            "mac": "02:00:00:00:90:01", "ips": ["10.0.0.90"]}


def _but(base: dict, **members: object) -> dict:
    return {name: value for name, value in {**base, **members}.items()
            if value is not ...}


# Objects of which one member is wrong: that member, and the object.
BAD_OBJECTS: list[tuple[str, dict]] = [
    ("revision", _but(HOST, revision=2 ** 64)),
    ("revision", _but(HOST, revision=-1)),
    ("revision", _but(HOST, revision=1.5)),
    ("revision", _but(HOST, revision="7")),
    ("tunnels", _but(HOST, tunnels={})),
    ("tunnels", _but(HOST, tunnels="192.0.2.9")),
    ("type", _but(HOST, tunnels=[{"type": "stt", "ip": "192.0.2.9"}])),
    ("type", _but(HOST, tunnels=[{"ip": "192.0.2.9"}])),
    ("ip", _but(HOST, tunnels=[{"type": "vxlan"}])),
    ("ip", _but(HOST, tunnels=[{"type": "vxlan", "ip": "192.0.2.256"}])),
    ("ip", _but(HOST, tunnels=[{"type": "vxlan", "ip": "192.0.2.9/24"}])),
    ("ip", _but(HOST, tunnels=[{"type": "vxlan", "ip": "hv9"}])),
    ("ip", _but(HOST, tunnels=[{"type": "vxlan", "ip": "224.0.0.1"}])),
    ("ip", _but(HOST, tunnels=[{"type": "vxlan", "ip": "0.0.0.0"}])),
    ("ip", _but(HOST, tunnels=[{"type": "vxlan", "ip": "ff02::1"}])),
    ("port", _but(HOST, tunnels=[{"type": "vxlan", "ip": "192.0.2.9",
                                  "port": 65536}])),
    ("vni", _but(SEGMENT, vni=...)),
    ("vni", _but(SEGMENT, vni=0)),
    ("vni", _but(SEGMENT, vni=-77)),
    ("vni", _but(SEGMENT, vni=2 ** 24)),
    ("vni", _but(SEGMENT, vni=2 ** 64)),
    ("vni", _but(SEGMENT, vni=2 ** 32, encap="gre")),
    ("vni", _but(SEGMENT, vni=9.5)),
    ("vni", _but(SEGMENT, vni="900")),
    ("vni", _but(SEGMENT, vni=True)),
    ("encap", _but(SEGMENT, encap="VXLAN!")),
    ("broadcast", _but(SEGMENT, broadcast="flood")),
    ("unknown_unicast", _but(SEGMENT, unknown_unicast=False)),
    ("multicast", _but(SEGMENT, multicast=["snoop"])),
    ("mtu", _but(SEGMENT, mtu=-1)),
    ("mtu", _but(SEGMENT, mtu=70000)),
    ("subnets", _but(SEGMENT, subnets={"cidr": "10.0.0.0/24"})),
    ("cidr", _but(SEGMENT, subnets=[{"cidr": "10.0.0.0/33"}])),
    ("gateway", _but(SEGMENT, subnets=[{"cidr": "10.0.0.0/24",
                                        "gateway": "gw"}])),
    ("segment", _but(ENDPOINT, segment=...)),
    ("segment", _but(ENDPOINT, segment=7)),
    ("host", _but(ENDPOINT, host=["hv2"])),
    ("mac", _but(ENDPOINT, mac=...)),
    ("mac", _but(ENDPOINT, mac="02:00:00:00:90")),
    ("mac", _but(ENDPOINT, mac="03:00:00:00:90:01")),
    ("mac", _but(ENDPOINT, mac="00:00:00:00:00:00")),
    ("mac", _but(ENDPOINT, mac="ff:ff:ff:ff:ff:ff")),
    ("mac", _but(ENDPOINT, mac="02:00:00:00:90:0g")),
    ("ips", _but(ENDPOINT, ips="10.0.0.90")),
    ("ips", _but(ENDPOINT, ips=[10])),
    ("ips", _but(ENDPOINT, ips=["10.0.0"])),
    ("ips", _but(ENDPOINT, ips=["10.0.0.90/24"])),
    ("ips", _but(ENDPOINT, ips=["224.0.0.9"])),
    ("ips", _but(ENDPOINT, ips=[f"10.1.{n >> 8}.{n & 255}"
                                for n in range(1000)])),
    ("port_security", _but(ENDPOINT, port_security="no")),
    ("allowed_pairs", _but(ENDPOINT, allowed_pairs=[7])),
    ("mac", _but(ENDPOINT, allowed_pairs=[{"mac": "x", "ip": "10.0.0.91"}])),
    ("mac", {"kind": "router", "segments": ["blue"]}),
    ("segments", {"kind": "router", "mac": "02:00:5e:00:00:01",
                  "segments": "blue"}),
]

