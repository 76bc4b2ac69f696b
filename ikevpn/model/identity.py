"""Phase 1 identities: who a peer says it is (RFC 2407 §4.6.2), and what a tunnel may expect in their place."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from ikevpn.model.address import Address
from ikevpn.model.names import general_name, name_text
from ikevpn.model.names.distinguished_name import DistinguishedName
from ikevpn.wire.registry import IdType

_ADDRESSES = (IdType.IPV4_ADDRESS, IdType.IPV6_ADDRESS)
_TEXTS = (IdType.FQDN, IdType.USER_FQDN)


@dataclass(frozen=True, slots=True)
class Identity:
    """A type and the octets that stand on the wire."""

    type: IdType
    data: bytes

    @classmethod
    def of_address(cls, address: Address) -> Self:
        return cls(IdType.IPV4_ADDRESS if address.version == 4 else IdType.IPV6_ADDRESS, address.packed)

    @classmethod
    def of(cls, text: str) -> Self:
        """Reads what people write: an address, `name@domain`, a domain name, a distinguished name `CN=…, O=…`,
        `keyid:anything` (`keyid:0x…` for octets). A domain name may have an @ before it.

        Raises ValueError with a sentence.
        """
        if not text:
            raise ValueError("an identity cannot be empty")
        if text.startswith("keyid:"):
            value = text.removeprefix("keyid:")
            return cls(IdType.KEY_ID, bytes.fromhex(value[2:]) if value.startswith("0x") else value.encode())
        if name_text.looks_like_a_name(text):
            return cls.of_name(name_text.read(text))
        try:
            return cls.of_address(ip_address(text))
        except ValueError:
            return cls(IdType.USER_FQDN if "@" in text.strip("@") else IdType.FQDN, text.removeprefix("@").encode())

    @classmethod
    def of_name(cls, name: DistinguishedName) -> Self:
        return cls(IdType.DN, name.write())

    @property
    def name(self) -> DistinguishedName | None:
        """The distinguished name that it is; None: it is of another type, or does not parse."""
        if self.type != IdType.DN:
            return None
        try:
            return DistinguishedName.read(self.data)
        except ValueError:
            return None

    @property
    def is_address(self) -> bool:
        return self.type in _ADDRESSES

    @property
    def folded(self) -> Identity:
        """One and the same value for all spellings of a name; of a distinguished name in both orders, too."""
        if self.type in _TEXTS:
            return Identity(self.type, self.data.lower())
        name = self.name
        return Identity(self.type, name.folded) if name is not None else self

    def matches(self, other: Identity) -> bool:
        """Equality as the field understands it: names without regard to case, distinguished ones as RFC 5280 §7.1
        compares them.
        """
        return self.folded == other.folded

    def __str__(self) -> str:
        if self.type in _ADDRESSES and len(self.data) in (4, 16):
            return str(ip_address(self.data))
        if self.type in _TEXTS:
            return _printable(self.data)
        if self.type == IdType.KEY_ID:
            text = _printable(self.data)
            return f"keyid:{text}" if text.encode() == self.data else f"keyid:0x{self.data.hex()}"
        if self.type == IdType.GENERAL_NAME:
            return general_name.describe(self.data)
        name = self.name
        return name_text.write(name) if name is not None and name.parts else f"{self.type.label}:{self.data.hex()}"


OWN_SUBJECT = Identity(IdType.DN, b"")
"""In a configuration: the subject of our certificate, whichever that is."""


def _printable(data: bytes) -> str:
    """Text from a peer, safe to print on a terminal."""
    return "".join(c if c.isprintable() else "?" for c in data.decode("utf-8", "replace"))
