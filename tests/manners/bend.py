"""Ways to bend an outgoing message: its payloads before they are hashed and encrypted, its envelope, or its octets.

Only one side is bent, only in one row of a script (`"quick mode message 1"`), and only while the context lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

from ikevpn.crypto import ciphers
from ikevpn.ike.runner import exchange as runner
from ikevpn.ike.runner import protect
from ikevpn.ike.runner.script import Row
from ikevpn.ike.state.sa import Exchange, IkeSa
from ikevpn.wire import header as isakmp_header
from ikevpn.wire import message
from ikevpn.wire.header import HEADER_SIZE, Header
from ikevpn.wire.payload import SA, HashPayload, Payload, Proposal, Transform
from ikevpn.wire.registry import ExchangeType, Flag
from tests.ike.pair import Sent, Side

Payloads = list[Payload]
Change = Callable[[Payloads], Payloads]


@contextmanager
def payloads(side: Side, row_name: str, change: Change) -> Iterator[None]:
    """What `side` puts into a row is changed; hashes of phase 2 and encryption come afterwards and are right."""
    genuine = runner._write

    def write(sa: IkeSa, exchange: Exchange, row: Row, built: Payloads) -> bytes:
        mine = row.name == row_name and _belongs(side, sa)
        return genuine(sa, exchange, row, change(built) if mine else built)

    with mock.patch.object(runner, "_write", write):
        yield


@contextmanager
def in_clear(side: Side, row_name: str) -> Iterator[None]:
    """`side` sends one row unencrypted, as SonicWall does with message 3 of aggressive mode."""
    genuine = runner._write

    def write(sa: IkeSa, exchange: Exchange, row: Row, built: Payloads) -> bytes:
        if row.name == row_name and _belongs(side, sa):
            return protect.clear(sa, exchange.script.kind, exchange.message_id, built)
        return genuine(sa, exchange, row, built)

    with mock.patch.object(runner, "_write", write):
        yield


@contextmanager
def hashes(side: Side, number: int) -> Iterator[None]:
    """The `number`th hash of phase 2 that `side` computes is wrong."""
    genuine, calls = protect.with_hash, iter(range(1_000_000))

    def with_hash(
        sa: IkeSa, kind: protect.HashKind, message_id: int, nonces: tuple[bytes, bytes], rest: Payloads
    ) -> Payloads:
        built = genuine(sa, kind, message_id, nonces, rest)
        if _belongs(side, sa) and next(calls) == number:
            first = built[0]
            assert isinstance(first, HashPayload)
            return [HashPayload(flipped(first.data)), *built[1:]]
        return built

    with mock.patch.object(protect, "with_hash", with_hash):
        yield


@contextmanager
def envelope(side: Side, *, flags: int = 0, extra: bytes = b"", clear: bool = False) -> Iterator[None]:
    """Each encrypted message of `side` gets more flags, more octets of padding, or no encryption at all."""

    def encrypt(sa: IkeSa, kind: ExchangeType, message_id: int, iv: bytes, built: Payloads) -> tuple[bytes, bytes]:
        if not _belongs(side, sa):
            return genuine(sa, kind, message_id, iv, built)
        if clear:
            return protect.clear(sa, kind, message_id, built), iv
        assert sa.keys is not None
        first, chain = message.write_chain(built)
        cipher = sa.keys.proposal.cipher
        chain += bytes(-len(chain) % ciphers.block_size(cipher)) + extra
        body = ciphers.encrypt(cipher, sa.keys.encryption_key.reveal(), iv, chain)
        header = Header(sa.cky_i, sa.cky_r, first, kind, Flag(1 | flags), message_id, HEADER_SIZE + len(body))
        return isakmp_header.write(header, body), body[-len(iv) :]

    genuine = protect.encrypt
    with mock.patch.object(protect, "encrypt", encrypt):
        yield


def _belongs(side: Side, sa: IkeSa) -> bool:
    return any(each is sa for each in side.engine._core.ike_sas.values())


# Changes of payloads


def without(kind: type[Payload]) -> Change:
    return lambda built: [each for each in built if not isinstance(each, kind)]


def twice(kind: type[Payload]) -> Change:
    return lambda built: [copy for each in built for copy in ([each, each] if isinstance(each, kind) else [each])]


def swapped(kind: type[Payload], other: Callable[[Payload], Payload]) -> Change:
    """Each payload of a kind becomes another."""
    return lambda built: [other(each) if isinstance(each, kind) else each for each in built]


def more(*extra: Payload) -> Change:
    return lambda built: [*built, *extra]


def first(*extra: Payload) -> Change:
    return lambda built: [*extra, *built]


def backwards(built: Payloads) -> Payloads:
    return built[::-1]


def flipped(data: bytes) -> bytes:
    """The same octets but for the last bit."""
    return data[:-1] + bytes([data[-1] ^ 1])


def offers(change: Callable[[SA], SA]) -> Change:
    """Change the SA payload."""
    return lambda built: [change(each) if isinstance(each, SA) else each for each in built]


def proposals(change: Callable[[Proposal], Proposal]) -> Change:
    """Change every proposal of the SA payload."""
    return offers(lambda each: replace(each, proposals=tuple(map(change, each.proposals))))


def transforms(change: Callable[[Transform], Transform]) -> Change:
    """Change every transform of the SA payload."""
    return proposals(lambda proposal: replace(proposal, transforms=tuple(map(change, proposal.transforms))))


# Changes of datagrams on the wire


def octets(sender: str, number: int, change: Callable[[bytes], bytes]) -> Callable[[Sent], list[Sent]]:
    """The `number`th datagram of `sender` (from 0), and its repetitions, with other octets."""
    seen: list[bytes] = []

    def tamper(sent: Sent) -> list[Sent]:
        if sent.sender != sender:
            return [sent]
        if sent.datagram.data not in seen:
            seen.append(sent.datagram.data)
        if seen.index(sent.datagram.data) != number:
            return [sent]
        return [replace(sent, datagram=replace(sent.datagram, data=change(sent.datagram.data)))]

    return tamper


def at(offset: int, value: bytes) -> Callable[[bytes], bytes]:
    """Octets of a datagram overwritten."""
    return lambda data: data[:offset] + value + data[offset + len(value) :]
