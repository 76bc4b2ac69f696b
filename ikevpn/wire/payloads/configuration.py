"""The attributes payload of mode-config and XAUTH, draft-dukes-ike-mode-cfg §3.2. What the attributes mean is for the
transaction exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import pack
from ikevpn.wire.payloads.attributes import Attribute, read_all, write_all
from ikevpn.wire.registry import CfgType, PayloadType


@dataclass(frozen=True, slots=True)
class Configuration:
    """A request, reply, set or acknowledgement; an answer repeats the `identifier` (16 bits) of its question."""

    payload_type: ClassVar[PayloadType] = PayloadType.ATTRIBUTES

    type: CfgType
    identifier: int
    attributes: tuple[Attribute, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Type, one reserved octet (ignored), identifier, attributes."""
        kind = CfgType(reader.u8())
        reader.u8()
        return cls(kind, reader.u16(), read_all(reader))

    def write(self) -> bytes:
        """The body."""
        return pack("BxH", self.type, self.identifier) + write_all(self.attributes)
