"""The envelope of protected messages: encryption, IV chain and hash (RFC 2409 §5, appendix B). Opening changes nothing:
the caller commits the new IV once the message has proved itself."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from enum import StrEnum

from ikevpn.crypto import ciphers, keys
from ikevpn.crypto.iv import phase2_iv
from ikevpn.errors import Malformed, NotAuthentic, Undecipherable
from ikevpn.ike.state.sa import IkeSa, Keys
from ikevpn.wire import header as isakmp_header
from ikevpn.wire import message
from ikevpn.wire.header import HEADER_SIZE, Header
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import HashPayload, Payload
from ikevpn.wire.registry import ExchangeType, Flag


class HashKind(StrEnum):
    """Which hash stands first in a message of phase 2."""

    NONE = "none"
    FIRST = "hash(1)"  # also informational and transaction exchanges
    SECOND = "hash(2)"
    THIRD = "hash(3)"


def first_iv(sa: IkeSa, message_id: int) -> bytes:
    """Where the IV chain of an exchange under an established SA begins."""
    return _iv_after(sa, sa.last_block, message_id)


def _iv_after(sa: IkeSa, last_block: bytes, message_id: int) -> bytes:
    assert sa.keys is not None
    proposal = sa.keys.proposal
    return phase2_iv(proposal.hash, last_block, message_id, ciphers.block_size(proposal.cipher))


def encrypt(sa: IkeSa, kind: ExchangeType, message_id: int, iv: bytes, payloads: list[Payload]) -> tuple[bytes, bytes]:
    """The datagram of these payloads, and the IV of the message that follows it."""
    assert sa.keys is not None
    first, clear = message.write_chain(payloads)
    cipher = sa.keys.proposal.cipher
    clear += bytes(-len(clear) % ciphers.block_size(cipher))
    body = ciphers.encrypt(cipher, sa.keys.encryption_key.reveal(), iv, clear)
    header = Header(sa.cky_i, sa.cky_r, first, kind, Flag.ENCRYPTION, message_id, HEADER_SIZE + len(body))
    return isakmp_header.write(header, body), body[-len(iv) :]


def is_whole(sa: IkeSa, data: bytes) -> bool:
    """Whether a datagram can be one of those that the keys of this SA protect: its body is made of whole blocks."""
    assert sa.keys is not None
    octets = len(data) - HEADER_SIZE
    return octets > 0 and octets % ciphers.block_size(sa.keys.proposal.cipher) == 0


def decrypt(used: Keys, header: Header, data: bytes, iv: bytes) -> tuple[Chain, bytes]:
    """The payloads of a datagram and the IV of the message that follows it. Raises Malformed, or Undecipherable where
    the octets are well-formed and the keys do not fit.
    """
    cipher = used.proposal.cipher
    body = data[HEADER_SIZE:]
    if not body or len(body) % ciphers.block_size(cipher):
        raise Malformed(f"an encrypted body of {len(body)} octets is not made of whole blocks", HEADER_SIZE)
    clear = ciphers.decrypt(cipher, used.encryption_key.reveal(), iv, body)
    try:
        chain = message.read_chain(header.next_payload, clear, padded=True, origin=HEADER_SIZE)
    except Malformed as error:
        raise Undecipherable("decrypted, it is no chain of payloads", error.offset) from error
    return chain, body[-len(iv) :]


def open_informational(
    sa: IkeSa, header: Header, data: bytes, last_blocks: Iterable[bytes]
) -> tuple[Chain, bytes] | None:
    """An informational around the end of phase 1, and the IV with which it opens and verifies; None where none does.

    The two ends may differ in how far phase 1 has come, so in its last block, of which the IV is made. libreswan has
    none at all until phase 1 is done for it, and makes the IV of its refusal from the message id alone.
    """
    assert sa.keys is not None
    for block in dict.fromkeys(last_blocks):
        iv = _iv_after(sa, block, header.message_id)
        try:
            chain, _ = decrypt(sa.keys, header, data, iv)
            check_hash(sa, HashKind.FIRST, header.message_id, (b"", b""), chain)
        except (Malformed, NotAuthentic):
            continue
        return chain, iv
    return None


def with_hash(
    sa: IkeSa, kind: HashKind, message_id: int, nonces: tuple[bytes, bytes], payloads: list[Payload]
) -> list[Payload]:
    """The payloads behind the hash that covers them."""
    _, rest = message.write_chain(payloads)
    return [HashPayload(_hash(sa, kind, message_id, nonces, rest)), *payloads]


def check_hash(sa: IkeSa, kind: HashKind, message_id: int, nonces: tuple[bytes, bytes], chain: Chain) -> None:
    """Raises Malformed where no hash comes first, NotAuthentic where it is wrong."""
    found = chain.payloads[0] if chain.payloads else None
    if not isinstance(found, HashPayload):
        raise Malformed("a protected message must begin with a hash payload", HEADER_SIZE)
    if not hmac.compare_digest(found.data, _hash(sa, kind, message_id, nonces, chain.after(0))):
        raise NotAuthentic(f"{kind} does not verify")


def _hash(sa: IkeSa, kind: HashKind, message_id: int, nonces: tuple[bytes, bytes], rest: bytes) -> bytes:
    assert sa.keys is not None
    prf_hash, skeyid_a = sa.keys.proposal.hash, sa.keys.skeyids.a
    if kind is HashKind.THIRD:
        return keys.quick_hash_3(prf_hash, skeyid_a, message_id, *nonces)
    if kind is HashKind.SECOND:
        return keys.quick_hash_2(prf_hash, skeyid_a, message_id, nonces[0], rest)
    return keys.quick_hash_1(prf_hash, skeyid_a, message_id, rest)


def clear(sa: IkeSa, kind: ExchangeType, message_id: int, payloads: list[Payload]) -> bytes:
    """The datagram of these payloads, unprotected."""
    return message.write(sa.cky_i, sa.cky_r, kind, Flag(0), message_id, payloads)
