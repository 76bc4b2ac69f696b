"""A GeneralName in words (RFC 5280 §4.2.1.6). It may be an identity (RFC 2407 §4.6.2.10), which RFC 4945 §3.1 says that
nobody must send: so it is read for messages, and compared octet by octet.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from ikevpn.model.names import der, name_text
from ikevpn.model.names.distinguished_name import DistinguishedName


def _text(octets: bytes) -> str:
    return "".join(each if each.isprintable() else "?" for each in octets.decode("latin-1"))


def _address(octets: bytes) -> str:
    return str(ip_address(octets))


def _directory(octets: bytes) -> str:
    return name_text.write(DistinguishedName.read(octets))


_ROWS: dict[int, tuple[str, Callable[[bytes], str]]] = {
    0x81: ("email", _text),
    0x82: ("DNS", _text),
    0xA4: ("directory name", _directory),
    0x86: ("URI", _text),
    0x87: ("address", _address),
    0x88: ("registered ID", der.read_oid),
}


def describe(octets: bytes) -> str:
    """`general name, DNS: …`; hex digits where it is of a rarer kind or does not parse."""
    try:
        [(tag, value)] = der.elements(octets)
        kind, read = _ROWS[tag]
        return f"general name, {kind}: {read(value)}"
    except (ValueError, KeyError):
        return f"general name: {octets.hex()}"
