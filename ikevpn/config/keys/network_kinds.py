"""Kinds of values that name things on a network: addresses, ranges, peers, identities, protocols, devices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

from ikevpn.config.finding import Unfit, did_you_mean, show
from ikevpn.config.keys.kinds import Word
from ikevpn.model.address import Address, AddressRange
from ikevpn.model.dn_pattern import DnPattern
from ikevpn.model.identity import OWN_SUBJECT, Identity
from ikevpn.wire.registry import IdType

Interface = IPv4Interface | IPv6Interface

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_PROTOCOLS = {"any": 0, "icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "icmpv6": 58, "sctp": 132}
ANY = "any"
PEER = "peer"
_PEER_ELSEWHERE = ("dynamic", "%dynamic")  # strongSwan
_NOT_OURS = {
    "lo": "it is the loopback device",
    "all": "in sysctl it means every device",
    "default": "in sysctl it means every new device",
}


@dataclass(frozen=True)
class OwnAddress:
    """An IPv4 or IPv6 address that this host can have; with `wildcards`, or one that stands for all of them."""

    wildcards: bool = False
    expects: str = "an IPv4 or IPv6 address"

    def read(self, value: object) -> Address:
        if not isinstance(value, str):
            raise Unfit(f"{show(value)} is not {self.expects}.", "Quote addresses.")
        try:
            found = ip_address(value)
        except ValueError:
            raise Unfit(f"{show(value)} is not {self.expects}{_why_not(value)}.") from None
        if _is_for_many(found) or (found.is_unspecified and not self.wildcards):
            fix = "Write an address of this host, or leave the key out."
            raise Unfit(f"no host can have the address {found}.", fix)
        if not _is_link_local(found):
            _check_zone(value)
        elif "%" not in value:
            fix = f'Write its device behind it: "{found}%eth0".'
            raise Unfit(f"{show(value)} is a link-local address, which each device has for itself.", fix)
        return found


@dataclass(frozen=True)
class Network:
    """A network, a single address or a range of addresses."""

    expects: str = 'a network like "10.1.1.0/24", an address, or a range like "10.1.1.5-10.1.1.9"'

    def read(self, value: object) -> AddressRange:
        found = _read_range(value, self.expects)
        _check_zone(value)
        return found


@dataclass(frozen=True)
class RemoteNetwork:
    """The same on the peer's side, where `peer` stands for its own address."""

    expects: str = 'a network like "10.2.2.0/24", an address, a range like "10.2.2.5-10.2.2.9", or "peer"'

    def read(self, value: object) -> AddressRange | str:
        """A range, or `PEER`."""
        if value == PEER:
            return PEER
        if isinstance(value, str) and value.lower() in (PEER, *_PEER_ELSEWHERE):
            raise Unfit(f"{show(value)} is not {self.expects}.", f'Write "{PEER}" for the peer\'s own address.')
        return Network(self.expects).read(value)


@dataclass(frozen=True)
class Prefix:
    """A network that a route can name."""

    expects: str = 'a network like "10.2.2.0/24" or an address'

    def read(self, value: object) -> AddressRange:
        found = Network(self.expects).read(value)
        if len(found.networks()) != 1:
            fix = "Write it as networks: " + ", ".join(f'"{network}"' for network in found.networks()[:4])
            raise Unfit(f"{show(value)} is a range that no single route covers.", f"{fix}.")
        return found


@dataclass(frozen=True)
class InterfaceAddress:
    """An address of our own with the length of its network."""

    expects: str = 'an address with its prefix length, like "10.9.9.1/30"'

    def read(self, value: object) -> Interface:
        if isinstance(value, str) and "/" in value:
            try:
                found = ip_interface(value)
            except ValueError:
                raise Unfit(f"{show(value)} is not {self.expects}{_why_not(value.partition('/')[0])}.") from None
            _check_zone(value)
            return found
        raise Unfit(f"{show(value)} is not {self.expects}.")


@dataclass(frozen=True)
class Place:
    """Where peers are: an address, a network, or `any`."""

    expects: str = 'an address, a network like "198.51.100.0/24", or "any"'

    def read(self, value: object) -> AddressRange | str:
        """A range, or `ANY`."""
        if _is_any(value, self.expects):
            return ANY
        found = _read_range(value, self.expects)
        _check_hosts(value, found)
        return found


@dataclass(frozen=True)
class Remote:
    """Where a peer is: an address, a network that it is in, a DNS name, or `any`."""

    expects: str = 'an address, a DNS name, a network like "198.51.100.0/24", or "any"'

    def read(self, value: object) -> AddressRange | str:
        """A range, a DNS name, or `ANY`."""
        if not isinstance(value, str) or not value:
            raise Unfit(f"{show(value)} is not {self.expects}.")
        if _is_any(value, self.expects):
            return ANY
        try:
            found = AddressRange.of(value)
        except ValueError:
            pass
        else:
            _check_hosts(value, found)
            return found
        if re.fullmatch(r"[\d./-]+|[\da-fA-F:./-]*:[\da-fA-F:./-]*", value) or re.fullmatch(r"[^/]+/\d+", value):
            raise _no_network(value, self.expects)
        if not _NAME.fullmatch(value) or len(value) > 253:
            raise Unfit(f"{show(value)} is not {self.expects}.", "A port or a scheme does not belong here.")
        return value


def join_remotes(items: list[object]) -> tuple[object, ...]:
    """Several peers' places; empty for any. Raises Unfit where `any` stands beside others."""
    if ANY not in items:
        return tuple(items)
    if len(items) > 1:
        raise Unfit('"any" is in a list with other addresses.', "It already means all of them: write it alone.")
    return ()


@dataclass(frozen=True)
class PeerIdentity:
    """What an end calls itself. What looks like an address is not taken for a name."""

    expects: str = 'an address, a domain name, "user@domain", "CN=…, O=…" or "keyid:…"'

    def read(self, value: object) -> Identity:
        if not isinstance(value, str) or not value.strip():
            raise Unfit(f"{show(value)} is not {self.expects}.")
        if value.lower() == ANY:
            raise Unfit(f"{show(value)} is not {self.expects}.", "Leave the key out.")
        try:
            found = Identity.of(value)
        except ValueError as error:
            is_key_id = value.startswith("keyid:")
            fix = "After keyid:0x stand pairs of hex digits." if is_key_id else f"{_capital(str(error))}."
            raise Unfit(f"{show(value)} is not {self.expects}.", fix) from None
        if not found.data or value != value.strip():
            raise Unfit(f"{show(value)} is not {self.expects}.", "Remove the spaces around it." if found.data else "")
        if found.type == IdType.FQDN and re.fullmatch(r"[\d.]*\d\.[\d.]*|[\da-fA-F.:]*::[\da-fA-F.:]*", value):
            fix = f'Write "keyid:{value}" where it is no address.'
            raise Unfit(f"{show(value)} is not {self.expects}{_why_not(value)}.", fix)
        if found.type == IdType.FQDN and not value.startswith("@") and re.search(r"[\s/:%@]", value):
            fix = f"Write {show(f'@{value}')} where the peer sends just this as its name."
            raise Unfit(f"{show(value)} is not {self.expects}.", fix)
        if found.is_address:
            _check_zone(value)
        return found


@dataclass(frozen=True)
class OwnIdentity:
    """What we call ourselves, or the words of ScreenOS for the subject of our certificate."""

    expects: str = PeerIdentity.expects

    def read(self, value: object) -> Identity:
        return OWN_SUBJECT if value == "[DistinguishedName]" else PeerIdentity().read(value)


@dataclass(frozen=True)
class PeerPattern:
    """Which peers are meant: one by its identity, many by their distinguished names, or any."""

    expects: str = f'{PeerIdentity.expects}, "wildcard:…", "container:…", or "any"'

    def read(self, value: object) -> Identity | DnPattern | str:
        if not isinstance(value, str):
            raise Unfit(f"{show(value)} is not {self.expects}.")
        if _is_any(value, self.expects):
            return ANY
        try:
            pattern = DnPattern.of(value)
        except ValueError as error:
            raise Unfit(f"{show(value)} is not {self.expects}.", f"{_capital(str(error))}.") from None
        return pattern or PeerIdentity(self.expects).read(value)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


@dataclass(frozen=True)
class Device:
    """The name of a network device that may be ours; some names stand for others everywhere."""

    expects: str = "a device name of at most 15 letters, digits and . _ -"

    def read(self, value: object) -> str:
        if isinstance(value, str) and value in _NOT_OURS:
            raise Unfit(f"{show(value)} is not a name for a device of ours: {_NOT_OURS[value]}.", "Choose another.")
        return Word(self.expects, r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}").read(value)


@dataclass(frozen=True)
class IpProtocol:
    """A protocol of IP, by name or number."""

    expects: str = 'a protocol by name ("tcp", "udp", "icmp", "any", …) or by number from 0 to 255'

    def read(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
            return value
        if isinstance(value, str) and value.lower() in _PROTOCOLS:
            return _PROTOCOLS[value.lower()]
        fix = did_you_mean(value.lower(), list(_PROTOCOLS)) if isinstance(value, str) else ""
        raise Unfit(f"{show(value)} is not {self.expects}.", fix)


def _is_any(value: object, expects: str) -> bool:
    """Raises Unfit for other spellings, which would be names."""
    if isinstance(value, str) and value != ANY and value.lower() == ANY:
        raise Unfit(f"{show(value)} is not {expects}.", did_you_mean(value.lower(), [ANY]))
    return value == ANY


def _read_range(value: object, expects: str) -> AddressRange:
    if not isinstance(value, str):
        raise Unfit(f"{show(value)} is not {expects}.")
    try:
        return AddressRange.of(value)
    except ValueError:
        raise _no_network(value, expects) from None


def _check_hosts(value: object, found: AddressRange) -> None:
    """Raises Unfit where no peer can have an address in the range."""
    if found.first == found.last and found.first.is_unspecified:
        raise Unfit(f"{show(value)} is not an address of any host.", f'Write "{ANY}" for peers anywhere.')
    if _is_for_many(found.first):
        raise Unfit(f"{show(value)} is for many hosts at once, and the peer is one.")
    if _is_link_local(found.first) and _is_link_local(found.last):
        sentence = f"{show(value)} is link-local: what it means is different on every link."
        raise Unfit(sentence, f'Write another address of the peer, or "{ANY}".')
    _check_zone(value)


def _is_for_many(address: Address) -> bool:
    return address.is_multicast or str(address) == "255.255.255.255"


def _is_link_local(address: Address) -> bool:
    """Only IPv6 has an address of this kind on every device."""
    return address.version == 6 and address.is_link_local


def _check_zone(value: object) -> None:
    """Raises Unfit for `2001:db8::1%eth0`, which Python takes for an address."""
    if isinstance(value, str) and (zone := re.search("%[^/-]*", value)):
        raise Unfit(f"{show(value)} has a zone, which does not belong here.", f"Remove {show(zone[0])}.")


def _no_network(value: str, expects: str) -> Unfit:
    """Says which of the usual slips it is: host bits set, a range from back to front, an octet too large."""
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        pass
    else:
        host = value.partition("/")[0]
        return Unfit(
            f"{show(value)} has host bits set.",
            f'Write "{network}" for the network or "{host}/{network.max_prefixlen}" for the one host.',
            "host-bits",
        )
    if re.fullmatch(r"[\d.]+-[\d.]+", value):
        return Unfit(f"{show(value)} is not a range: its end lies before its start, or an address is wrong.")
    return Unfit(f"{show(value)} is not {expects}{_why_not(*value.split('/'))}.")


def _why_not(address: str, length: str = "", *_: str) -> str:
    """The likely reason as the end of a sentence, or nothing."""
    parts = address.split(".")
    if len(parts) > 1 and all(part.isdigit() for part in parts):
        if len(parts) != 4:
            return f": {len(parts)} numbers instead of 4"
        large = next((part for part in parts if int(part) > 255), "")
        if large:
            return f": {large} is larger than 255"
        if any(len(part) > 1 and part.startswith("0") for part in parts):
            return ": a number begins with 0"
    if length.isdigit() and int(length) > (128 if ":" in address else 32):
        return f": a prefix length ends at {128 if ':' in address else 32}"
    return ""
