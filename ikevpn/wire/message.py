"""Chains of payloads and whole clear messages, RFC 2408 §3.1 and §3.2. The octets of each payload are kept as they
came, because hashes are computed over them. Order and number of payloads are for the exchange to judge; encryption
happens elsewhere: decrypted bodies come in through `read_chain`, those to encrypt go out through `write_chain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ikevpn.errors import Malformed
from ikevpn.wire import header as isakmp_header
from ikevpn.wire import payload
from ikevpn.wire.header import HEADER_SIZE, Header
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import GENERIC_SIZE, with_generic
from ikevpn.wire.payload import Payload
from ikevpn.wire.registry import ExchangeType, Flag, PayloadType

P = TypeVar("P", bound=Payload)

_VERSION_OFFSET = 17
_FLAGS_OFFSET = 19


@dataclass(frozen=True, slots=True)
class Chain:
    """Payloads in the order they came. `bodies[i]` are the octets of payload `i` without its generic header, `spans[i]`
    its first octet with that header and the one behind its last, as indices into `data`."""

    payloads: tuple[Payload, ...]
    bodies: tuple[bytes, ...]
    spans: tuple[tuple[int, int], ...]
    data: bytes

    @property
    def end(self) -> int:
        """Index behind the last payload; what follows in `data` is padding."""
        return self.spans[-1][1] if self.spans else 0

    def first(self, cls: type[P]) -> P | None:
        """The first payload of a class, if there is one."""
        return next((found for found in self.payloads if isinstance(found, cls)), None)

    def all(self, cls: type[P]) -> list[P]:
        """All payloads of a class, in order."""
        return [found for found in self.payloads if isinstance(found, cls)]

    def body(self, cls: type[P]) -> bytes | None:
        """The body, as received, of the first payload of a class."""
        pairs = zip(self.payloads, self.bodies, strict=True)
        return next((body for found, body in pairs if isinstance(found, cls)), None)

    def after(self, index: int) -> bytes:
        """The octets behind payload `index` up to the end of the last payload: what HASH(1) covers (RFC 2409 §5.5)."""
        return self.data[self.spans[index][1] : self.end]


@dataclass(frozen=True, slots=True)
class Message:
    """A header and the payloads behind it."""

    header: Header
    chain: Chain


def read_chain(first: PayloadType, data: bytes, padded: bool = False, *, origin: int = 0) -> Chain:
    """The payloads in `data`, of which the first has type `first`. Raises `Malformed` only.

    `padded`: any octets may follow the last payload (a decrypted body; RFC 2409 appendix B sets no rule for them).
    `origin`: where `data` begins in the datagram, for the offsets of errors.
    """
    reader = Reader(data, origin=origin)
    payloads: list[Payload] = []
    bodies: list[bytes] = []
    spans: list[tuple[int, int]] = []
    kind = PayloadType(first)
    while kind != PayloadType.NONE:
        if len(payloads) == limits.PAYLOADS:
            raise reader.error(f"more than {limits.PAYLOADS} payloads")
        start = reader.position
        following = PayloadType(reader.u8())
        reader.u8()  # Reserved, ignored on purpose: ike-scan can set it.
        length = reader.u16()
        if length < GENERIC_SIZE:
            raise reader.error(f"a {kind.label} payload of length {length}", back=2)
        payloads.append(payload.read(kind, reader.part(length - GENERIC_SIZE)))
        spans.append((start, reader.position))
        bodies.append(data[start + GENERIC_SIZE : reader.position])
        kind = following
    if not padded:
        reader.finish("last payload")
    return Chain(tuple(payloads), tuple(bodies), tuple(spans), data)


def write_chain(payloads: Sequence[Payload]) -> tuple[PayloadType, bytes]:
    """The type of the first payload (`NONE` if there are none) and the octets of all, without padding."""
    kinds = [each.payload_type for each in payloads] + [PayloadType.NONE]
    parts = (with_generic(following, each.write()) for each, following in zip(payloads, kinds[1:], strict=True))
    return kinds[0], b"".join(parts)


def body_of(each: Payload) -> bytes:
    """The octets of a payload without its generic header: what `Chain.bodies` will hold on the other side."""
    return each.write()


def read(data: bytes) -> Message:
    """A clear message of our major version. Raises `Malformed` only, also for another version or an encrypted body."""
    header = isakmp_header.read(data)
    if header.major != 1:
        raise Malformed(f"ISAKMP version {header.major}.{header.version & 15}", _VERSION_OFFSET)
    if header.encrypted:
        raise Malformed("the message is encrypted", _FLAGS_OFFSET)
    return Message(header, read_chain(header.next_payload, data[HEADER_SIZE:], origin=HEADER_SIZE))


def write(
    cky_i: bytes,
    cky_r: bytes,
    exchange: ExchangeType,
    flags: Flag,
    message_id: int,
    payloads: Sequence[Payload],
) -> bytes:
    """A clear message of these payloads."""
    first, body = write_chain(payloads)
    header = Header(cky_i, cky_r, first, exchange, flags, message_id, HEADER_SIZE + len(body))
    return isakmp_header.write(header, body)
