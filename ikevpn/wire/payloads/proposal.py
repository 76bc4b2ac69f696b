"""The SA payload and what nests in it, RFC 2408 §3.4 to §3.6. Reads offers; choosing among them is for `select`.

DOI and situation are carried, not judged: they are answered with their own notifies, so that the exchange has to see
them. The proposals are read as if the situation were SIT_IDENTITY_ONLY, the only one without labels (RFC 2407 §4.6.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from ikevpn.errors import UsageError
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import GENERIC_SIZE, pack, with_generic
from ikevpn.wire.payloads import attributes as attribute_list
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import Doi, PayloadType, Protocol

SIT_IDENTITY_ONLY = 1


@dataclass(frozen=True, slots=True)
class Transform:
    """One alternative of a proposal. What `id` and the attributes mean depends on the proposal's protocol."""

    number: int
    id: int
    attributes: tuple[Attribute, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Number, id, two reserved octets (ignored: ike-scan can set them), attributes."""
        number, identity = reader.u8(), reader.u8()
        reader.take(2)
        return cls(number, identity, attribute_list.read_all(reader))

    def write(self) -> bytes:
        """The transform without its generic header."""
        return pack("BBxx", self.number, self.id) + attribute_list.write_all(self.attributes)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One protocol with its alternatives; proposals of the same `number` are wanted together (RFC 2408 §4.2)."""

    number: int
    protocol: Protocol
    spi: bytes
    transforms: tuple[Transform, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Number, protocol, SPI size, number of transforms, SPI, transforms."""
        number, protocol = reader.u8(), Protocol(reader.u8())
        spi_size, count = reader.u8(), reader.u8()
        spi = reader.take(spi_size)
        bodies = _read_nested(reader, PayloadType.TRANSFORM, limits.TRANSFORMS)
        if len(bodies) != count:
            raise reader.error(f"proposal {number} announces {count} transforms and holds {len(bodies)}")
        return cls(number, protocol, spi, tuple(map(Transform.read, bodies)))

    def write(self) -> bytes:
        """The proposal without its generic header."""
        head = pack("BBBB", self.number, self.protocol, len(self.spi), len(self.transforms))
        return head + self.spi + _write_nested(PayloadType.TRANSFORM, [t.write() for t in self.transforms])


@dataclass(frozen=True, slots=True)
class SA:
    """A security association payload: an offer (many proposals) or an answer (the one that was chosen)."""

    payload_type: ClassVar[PayloadType] = PayloadType.SA

    doi: Doi
    situation: int
    proposals: tuple[Proposal, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """DOI, situation, proposals."""
        doi, situation = Doi(reader.u32()), reader.u32()
        bodies = _read_nested(reader, PayloadType.PROPOSAL, limits.PROPOSALS)
        return cls(doi, situation, tuple(map(Proposal.read, bodies)))

    def write(self) -> bytes:
        """The body."""
        head = pack("II", self.doi, self.situation)
        return head + _write_nested(PayloadType.PROPOSAL, [p.write() for p in self.proposals])


def _read_nested(reader: Reader, kind: PayloadType, limit: int) -> list[Reader]:
    """The bodies of a list in which each element but the last names `kind` as the next one and the last names none."""
    bodies: list[Reader] = []
    more = True
    while more:
        if len(bodies) == limit:
            raise reader.error(f"more than {limit} {kind.label}s")
        following = PayloadType(reader.u8())
        if following not in (kind, PayloadType.NONE):
            raise reader.error(f"a {kind.label} is followed by payload type {following}", back=1)
        reader.u8()  # Reserved, ignored on purpose: ike-scan can set it.
        length = reader.u16()
        if length < GENERIC_SIZE:
            raise reader.error(f"a {kind.label} of length {length}", back=2)
        bodies.append(reader.part(length - GENERIC_SIZE))
        more = following == kind
    reader.finish(f"last {kind.label}")
    return bodies


def _write_nested(kind: PayloadType, bodies: Sequence[bytes]) -> bytes:
    if not bodies:
        raise UsageError(f"at least one {kind.label} is needed")
    inner = [with_generic(kind, body) for body in bodies[:-1]]
    return b"".join((*inner, with_generic(PayloadType.NONE, bodies[-1])))
