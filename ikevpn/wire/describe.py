"""Parsed values in words, for logs, traces and errors.

Total: any value that the parser can produce has a description, numbers nobody assigned included. Text from a peer is
made safe to print. Never shows what may be secret: of passwords (XAUTH) only the length is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from ikevpn.errors import Malformed
from ikevpn.wire import vendor
from ikevpn.wire.header import Header
from ikevpn.wire.message import Chain, Message
from ikevpn.wire.payload import (
    SA,
    SIT_IDENTITY_ONLY,
    Certificate,
    CertificateRequest,
    Configuration,
    Delete,
    Fragment,
    Identification,
    NatOa,
    Notify,
    Payload,
    VendorId,
)
from ikevpn.wire.payloads import ident
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import Cfg, Doi, ExchangeType, IdType
from ikevpn.wire.words import proposal, transform, value

__all__ = ["attribute", "chain", "header", "identification", "message", "notify", "payload", "proposal", "transform"]

_LONGEST_TEXT = 80
_TRANSPORT = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_TEXT_IDS = (IdType.FQDN, IdType.USER_FQDN, IdType.KEY_ID)
_TEXT_ATTRIBUTES = (
    Cfg.APPLICATION_VERSION,
    Cfg.XAUTH_USER_NAME,
    Cfg.XAUTH_MESSAGE,
    Cfg.XAUTH_DOMAIN,
    Cfg.UNITY_BANNER,
    Cfg.UNITY_DEFAULT_DOMAIN,
    Cfg.UNITY_SPLIT_DNS,
)
_ADDRESS_ATTRIBUTES = (
    Cfg.IP4_ADDRESS,
    Cfg.IP4_NETMASK,
    Cfg.IP4_DNS,
    Cfg.IP4_NBNS,
    Cfg.IP4_DHCP,
    Cfg.IP6_ADDRESS,
    Cfg.IP6_DNS,
    Cfg.IP6_NBNS,
    Cfg.IP6_DHCP,
)
_SECRET_ATTRIBUTES = (Cfg.XAUTH_USER_PASSWORD, Cfg.XAUTH_PASSCODE, Cfg.XAUTH_NEXT_PIN, Cfg.XAUTH_ANSWER)
_NUMBER_ATTRIBUTES = (Cfg.ADDRESS_EXPIRY, Cfg.XAUTH_TYPE, Cfg.XAUTH_STATUS, Cfg.UNITY_NATT_PORT, Cfg.UNITY_PFS)


def message(each: Message) -> list[str]:
    """A line about the header, then the payloads, indented."""
    return [header(each.header), *("  " + line for line in chain(each.chain))]


def header(each: Header) -> str:
    """`main, 59cedc5dcea558fe -> 0000000000000000, message id 00000000, 84 octets`."""
    flags = f", {each.flags.name or int(each.flags)}".lower() if each.flags else ""
    exchange = each.exchange.label if each.exchange.known else f"exchange {int(ExchangeType(each.exchange))}"
    version = "" if each.version == 0x10 else f"version {each.major}.{each.version & 15}, "
    return (
        f"{version}{exchange}, {each.cky_i.hex()} -> {each.cky_r.hex()}, "
        f"message id {each.message_id:08x}{flags}, {each.length} octets"
    )


def chain(each: Chain) -> list[str]:
    """The lines of all payloads."""
    return [line for found in each.payloads for line in payload(found)]


def payload(each: Payload) -> list[str]:
    """One line, or several for an SA payload."""
    how = _HOW.get(type(each))
    if how is None:
        return [f"{each.payload_type.label}: {len(each.write())} octets"]
    first, *others = how(each)
    return [f"{each.payload_type.label}: {first}", *("  " + line for line in others)]


def identification(each: Identification) -> str:
    """`10.1.0.0/16 tcp port 80`, `gw.example.com`, `keyid:0x00ff`; what does not fit its type is shown as hex."""
    services = [] if not each.protocol else [_TRANSPORT.get(each.protocol, f"protocol {each.protocol}")]
    if each.port:
        services.append(f"port {each.port}")
    return " ".join([_who(each), *services])


def notify(each: Notify) -> str:
    """`no-proposal-chosen (14), isakmp`, with SPI and data in hex where there are any."""
    about = f", {each.protocol.label}" if each.protocol else ""
    spi = f" {each.spi.hex()}" if each.spi else ""
    data = f", data {_hex(each.data)}" if each.data else ""
    return f"{_doi(each.doi)}{each.type}{about}{spi}{data}"


def attribute(each: Attribute) -> str:
    """One attribute of a configuration payload: `ip4-address = 10.1.1.1`."""
    kind = Cfg(each.type)
    name = kind.label if kind.known else f"attribute {each.type}"
    return f"{name} = {_cfg_value(kind, each)}" if each.value else name


def _cfg_value(kind: Cfg, each: Attribute) -> str:
    if kind in _ADDRESS_ATTRIBUTES and len(each.value) in (4, 16):
        return str(ip_address(each.value))
    if kind in _TEXT_ATTRIBUTES and not each.basic:
        return _text(each.value)
    if kind in _NUMBER_ATTRIBUTES or (each.basic and kind not in _SECRET_ATTRIBUTES):
        return value(each)
    return f"<{len(each.value)} octets>"


def _who(each: Identification) -> str:
    if each.id_type in _TEXT_IDS:
        text = _text(each.data)
        if each.id_type != IdType.KEY_ID:
            return text
        return f"keyid:{text}" if text.encode() == each.data else f"keyid:0x{_hex(each.data)}"
    try:
        first, last = ident.to_range(each)
    except Malformed:
        return f"{each.id_type.label}:{_hex(each.data)}"
    if first == last:
        return str(first)
    bits = (int(first) ^ int(last)).bit_length()
    whole = int(first) >> bits << bits == int(first) and int(first) ^ int(last) == (1 << bits) - 1
    return f"{first}/{first.max_prefixlen - bits}" if whole else f"{first}-{last}"


def _sa(each: SA) -> list[str]:
    count = len(each.proposals)
    situation = "" if each.situation == SIT_IDENTITY_ONLY else f", situation {each.situation:#x}"
    lines = [f"{_doi(each.doi)}{count} proposal{'s' if count > 1 else ''}{situation}"]
    for offer in each.proposals:
        spi = f" {offer.spi.hex()}" if offer.spi else ""
        lines.append(f"#{offer.number} {offer.protocol.label}{spi}")
        lines += [
            f"  {alternative.number}: {transform(alternative, offer.protocol)}" for alternative in offer.transforms
        ]
    return lines


def _delete(each: Delete) -> list[str]:
    return [f"{_doi(each.doi)}{each.protocol.label} {' '.join(spi.hex() for spi in each.spis) or 'nothing'}"]


def _vendor_id(each: VendorId) -> list[str]:
    row = vendor.recognise(each.data)
    return [f"{row.name if row else 'not known to us'} ({_hex(each.data)})"]


def _nat_oa(each: NatOa) -> list[str]:
    return [str(ip_address(each.address))]


def _encoded(each: Certificate | CertificateRequest) -> list[str]:
    return [f"{each.encoding.label}, {len(each.data)} octets"]


def _configuration(each: Configuration) -> list[str]:
    return [f"{each.type.label} {each.identifier}: {', '.join(map(attribute, each.attributes)) or 'nothing'}"]


def _fragment(each: Fragment) -> list[str]:
    return [f"{each.id}, number {each.number}{' (last)' if each.last else ''}, {len(each.data)} octets"]


_HOW: Mapping[type[Payload], Callable[[Any], list[str]]] = {
    SA: _sa,
    Identification: lambda each: [identification(each)],
    Notify: lambda each: [notify(each)],
    Delete: _delete,
    VendorId: _vendor_id,
    NatOa: _nat_oa,
    Certificate: _encoded,
    CertificateRequest: _encoded,
    Configuration: _configuration,
    Fragment: _fragment,
}


def _doi(doi: Doi) -> str:
    return "" if doi == Doi.IPSEC else f"doi {doi}, "


def _hex(data: bytes) -> str:
    return data.hex() if len(data) <= _LONGEST_TEXT // 2 else f"{data[: _LONGEST_TEXT // 2].hex()}..."


def _text(data: bytes) -> str:
    """Text of a peer, safe to print on a terminal."""
    text = "".join(c if c.isprintable() else "?" for c in data.decode("utf-8", "replace"))
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
