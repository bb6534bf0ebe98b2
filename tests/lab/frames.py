# SPDX-License-Identifier: Apache-2.0
"""Ethernet frames: making them byte by byte, and reading them back.

Made by hand rather than by the kernel, because the tests send what a kernel
would not: other machines' addresses, broken neighbour discovery, VLAN tags."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field

BROADCAST = "ff:ff:ff:ff:ff:ff"
ZERO_MAC = "00:00:00:00:00:00"

ETH_IPV4, ETH_ARP, ETH_VLAN, ETH_IPV6 = 0x0800, 0x0806, 0x8100, 0x86dd
# "Local experimental" (IEEE 802): nothing in the kernel answers to it.
ETH_TEST = 0x88b5
PROTO_ICMP, PROTO_TCP, PROTO_UDP, PROTO_GRE, PROTO_ICMPV6 = 1, 6, 17, 47, 58
ND_SOLICIT, ND_ADVERT = 135, 136


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def mac_text(raw: bytes) -> str:
    return raw.hex(":")


def ip_bytes(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def ip_text(raw: bytes) -> str:
    return str(ipaddress.ip_address(raw))


def link_local(mac: str) -> str:
    """The IPv6 link-local address that follows from a MAC (EUI-64)."""
    raw = bytearray(mac_bytes(mac))
    raw[0] ^= 2
    return ip_text(b"\xfe\x80" + bytes(6) + bytes(raw[:3]) + b"\xff\xfe"
                   + bytes(raw[3:]))


def solicited_node(address: str) -> tuple[str, str]:
    """The multicast address, and its MAC, that a neighbour solicitation for
    'address' goes to (RFC 4291, 2.7.1)."""
    low = ip_bytes(address)[13:]
    group = ip_bytes("ff02::1:ff00:0")[:13] + low
    return ip_text(group), mac_text(b"\x33\x33" + group[12:])


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


# To bytes.

def ether(dst: str, src: str, ethertype: int, payload: bytes,
          vlan: int | None = None) -> bytes:
    tag = b"" if vlan is None else struct.pack("!HH", ETH_VLAN, vlan)
    return (mac_bytes(dst) + mac_bytes(src) + tag
            + struct.pack("!H", ethertype) + payload)


def arp(op: int, sha: str, spa: str, tha: str, tpa: str, *,
        eth_src: str | None = None, eth_dst: str | None = None,
        vlan: int | None = None) -> bytes:
    """An ARP packet.  Unless told otherwise, a request goes to everyone and
    a reply to its target, from the sender that the packet names."""
    body = (struct.pack("!HHBBH", 1, ETH_IPV4, 6, 4, op) + mac_bytes(sha)
            + ip_bytes(spa) + mac_bytes(tha) + ip_bytes(tpa))
    dst = eth_dst or (BROADCAST if op == 1 else tha)
    return ether(dst, eth_src or sha, ETH_ARP, body, vlan)


def arp_request(sha: str, spa: str, tpa: str, **kwargs) -> bytes:
    return arp(1, sha, spa, ZERO_MAC, tpa, **kwargs)


def ipv4(src: str, dst: str, proto: int, payload: bytes, ttl: int = 64
         ) -> bytes:
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0,
                         ttl, proto, 0, ip_bytes(src), ip_bytes(dst))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return header + payload


def ipv6(src: str, dst: str, proto: int, payload: bytes, hops: int = 64
         ) -> bytes:
    return (struct.pack("!IHBB", 0x60000000, len(payload), proto, hops)
            + ip_bytes(src) + ip_bytes(dst) + payload)


def _pseudo(src: str, dst: str, proto: int, length: int) -> bytes:
    if ":" in src:
        return ip_bytes(src) + ip_bytes(dst) + struct.pack("!II", length,
                                                           proto)
    return ip_bytes(src) + ip_bytes(dst) + struct.pack("!HH", proto, length)


def udp(src: str, dst: str, sport: int, dport: int, payload: bytes) -> bytes:
    """A UDP datagram for an IPv4 or IPv6 packet from 'src' to 'dst'."""
    length = 8 + len(payload)
    head = struct.pack("!HHHH", sport, dport, length, 0)
    total = checksum(_pseudo(src, dst, PROTO_UDP, length) + head + payload)
    return head[:6] + struct.pack("!H", total or 0xffff) + payload


def icmp_echo(ident: int, seq: int, payload: bytes = b"vtepd lab") -> bytes:
    head = struct.pack("!BBHHH", 8, 0, 0, ident, seq)
    return (head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:]
            + payload)


def _icmp6(src: str, dst: str, body: bytes) -> bytes:
    total = checksum(_pseudo(src, dst, PROTO_ICMPV6, len(body)) + body)
    return body[:2] + struct.pack("!H", total) + body[4:]


def icmp6_echo(src: str, dst: str, ident: int, seq: int,
               payload: bytes = b"vtepd lab") -> bytes:
    return _icmp6(src, dst, struct.pack("!BBHHH", 128, 0, 0, ident, seq)
                  + payload)


def _nd(kind: int, flags: int, target: str, option: int, lla: str | None
        ) -> bytes:
    body = struct.pack("!BBHI", kind, 0, 0, flags) + ip_bytes(target)
    if lla is not None:
        body += bytes([option, 1]) + mac_bytes(lla)
    return body


def neighbour_solicitation(mac: str, src: str, target: str, *,
                           source_lla: str | None = "own",
                           eth_dst: str | None = None,
                           dst: str | None = None) -> bytes:
    """Asks for 'target' (RFC 4861, 4.3); from "::" it is a probe (DAD), which
    carries no link-layer address option."""
    group, group_mac = solicited_node(target)
    if source_lla == "own":
        source_lla = None if src == "::" else mac
    dst = dst or group
    body = _icmp6(src, dst, _nd(ND_SOLICIT, 0, target, 1, source_lla))
    return ether(eth_dst or group_mac, mac, ETH_IPV6,
                 ipv6(src, dst, PROTO_ICMPV6, body, 255))


def neighbour_advertisement(mac: str, src: str, target: str, *, dst: str,
                            eth_dst: str, target_lla: str | None = "own",
                            flags: int = 0x60000000) -> bytes:
    """Claims 'target' (RFC 4861, 4.4)."""
    if target_lla == "own":
        target_lla = mac
    body = _icmp6(src, dst, _nd(ND_ADVERT, flags, target, 2, target_lla))
    return ether(eth_dst, mac, ETH_IPV6,
                 ipv6(src, dst, PROTO_ICMPV6, body, 255))


def router_message(kind: int, src: str, dst: str) -> bytes:
    """The packet of a router's advertisement (134) or redirect (137), as far
    as its type and length go."""
    body = _icmp6(src, dst, struct.pack("!BBH", kind, 0, 0) + bytes(36))
    return ipv6(src, dst, PROTO_ICMPV6, body, 255)


def dhcp_discover(mac: str, xid: int = 0x76746570) -> bytes:
    body = (struct.pack("!BBBBIHH", 1, 1, 6, 0, xid, 0, 0x8000) + bytes(16)
            + mac_bytes(mac) + bytes(10 + 192)
            + b"\x63\x82\x53\x63" + b"\x35\x01\x01" + b"\xff")
    return ether(BROADCAST, mac, ETH_IPV4,
                 ipv4("0.0.0.0", "255.255.255.255", PROTO_UDP,
                      udp("0.0.0.0", "255.255.255.255", 68, 67, body)))


def dhcp_renewal(mac: str, address: str, server: str, server_mac: str
                 ) -> bytes:
    """From a client that has an address and wants to keep it."""
    body = (struct.pack("!BBBBIHH", 1, 1, 6, 0, 0x76746571, 0, 0)
            + ip_bytes(address) + bytes(12) + mac_bytes(mac) + bytes(10 + 192)
            + b"\x63\x82\x53\x63" + b"\x35\x01\x03" + b"\xff")
    return ether(server_mac, mac, ETH_IPV4,
                 ipv4(address, server, PROTO_UDP,
                      udp(address, server, 68, 67, body)))


# From bytes.

@dataclass
class Frame:
    """What a frame says, as far as it is understood."""

    raw: bytes = field(repr=False)
    dst: str = ""
    src: str = ""
    ethertype: int = 0
    vlan: int | None = None
    kind: str = "other"         # "arp-request", "icmp", "nd-solicit", ...
    ip_src: str = ""            # Sender's protocol address, for ARP too.
    ip_dst: str = ""            # Target's, likewise.
    sha: str = ""               # ARP sender and target hardware address.
    tha: str = ""
    proto: int = 0
    sport: int = 0
    dport: int = 0
    icmp_type: int = -1
    nd_target: str = ""
    nd_lla: str = ""            # Link-layer address option, if any.
    payload: bytes = field(default=b"", repr=False)     # Of layer 4 or 3.

    def is_to_many(self) -> bool:
        """Broadcast or multicast."""
        return bool(self.raw[0] & 1)


def decode(raw: bytes) -> Frame:
    """Reads a frame; what is cut short is read as far as it goes."""
    frame = Frame(raw)
    try:
        _decode_ethernet(frame)
    except (struct.error, ValueError, IndexError):
        frame.kind = "malformed"
    return frame


def _decode_ethernet(frame: Frame) -> None:
    raw = frame.raw
    frame.dst, frame.src = mac_text(raw[:6]), mac_text(raw[6:12])
    frame.ethertype, at = struct.unpack_from("!H", raw, 12)[0], 14
    if frame.ethertype == ETH_VLAN:
        tag, frame.ethertype = struct.unpack_from("!HH", raw, 14)
        frame.vlan, at = tag & 0xfff, 18
    frame.payload = raw[at:]
    if frame.ethertype == ETH_ARP:
        _decode_arp(frame)
    elif frame.ethertype == ETH_IPV4:
        _decode_ipv4(frame)
    elif frame.ethertype == ETH_IPV6:
        _decode_ipv6(frame)


def _decode_arp(frame: Frame) -> None:
    op, sha, spa, tha, tpa = struct.unpack_from("!6xH6s4s6s4s", frame.payload)
    frame.kind = {1: "arp-request", 2: "arp-reply"}.get(op, "arp")
    frame.sha, frame.tha = mac_text(sha), mac_text(tha)
    frame.ip_src, frame.ip_dst = ip_text(spa), ip_text(tpa)


def _decode_ipv4(frame: Frame) -> None:
    packet = frame.payload
    header = (packet[0] & 15) * 4
    total, = struct.unpack_from("!H", packet, 2)
    frame.proto = packet[9]
    frame.ip_src, frame.ip_dst = ip_text(packet[12:16]), ip_text(packet[16:20])
    frame.payload = packet[header:total]
    _decode_transport(frame)


def _decode_ipv6(frame: Frame) -> None:
    packet = frame.payload
    length, frame.proto = struct.unpack_from("!HB", packet, 4)
    frame.ip_src, frame.ip_dst = ip_text(packet[8:24]), ip_text(packet[24:40])
    frame.payload = packet[40:40 + length]
    if frame.proto == 0:        # Hop-by-hop options, as MLD has.
        frame.proto = frame.payload[0]
        frame.payload = frame.payload[(frame.payload[1] + 1) * 8:]
    _decode_transport(frame)


def _decode_transport(frame: Frame) -> None:
    data = frame.payload
    if frame.proto in (PROTO_TCP, PROTO_UDP):
        frame.sport, frame.dport = struct.unpack_from("!HH", data)
        frame.kind = "tcp" if frame.proto == PROTO_TCP else "udp"
        if frame.proto == PROTO_UDP:
            frame.payload = data[8:]
            if {frame.sport, frame.dport} == {67, 68}:
                frame.kind = "dhcp"
    elif frame.proto == PROTO_ICMP:
        frame.kind, frame.icmp_type = "icmp", data[0]
    elif frame.proto == PROTO_ICMPV6:
        frame.icmp_type = data[0]
        if data[0] in (ND_SOLICIT, ND_ADVERT):
            frame.kind = ("nd-solicit" if data[0] == ND_SOLICIT
                          else "nd-advert")
            frame.nd_target = ip_text(data[8:24])
            if len(data) >= 32:
                frame.nd_lla = mac_text(data[26:32])
        else:
            frame.kind = {133: "router-solicit", 143: "mld"}.get(data[0],
                                                                 "icmp6")
    else:
        frame.kind = "ip"
