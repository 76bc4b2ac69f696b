"""The envelope: padding, IV chains and hashes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.crypto import ciphers
from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.ike.runner import protect
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.state.sa import IkeSa
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import HashPayload, Nonce, Payload, VendorId
from ikevpn.wire.registry import ExchangeType
from tests.ike.bench import AES, TRIPLE_DES, Bench, header_of, only_sa, tunnel

QUICK = ExchangeType.QUICK
NONCES = (b"i" * 16, b"r" * 16)


def established(proposal: object = AES) -> IkeSa:
    return only_sa(Bench(tunnel(ike_proposals=(proposal,))).up().a)


@pytest.mark.parametrize("proposal", [AES, TRIPLE_DES, replace(AES, key_bits=256)], ids=str)
@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_there_and_back(proposal: object, sizes: list[int]) -> None:
    sa = _SAS.setdefault(str(proposal), established(proposal))
    assert sa.keys is not None
    payloads: list[Payload] = [VendorId(bytes(size)) for size in sizes]
    iv = protect.first_iv(sa, 77)
    datagram, following = protect.encrypt(sa, QUICK, 77, iv, payloads)
    header = header_of(datagram)
    chain, same = protect.decrypt(sa.keys, header, datagram, iv)
    assert list(chain.payloads) == payloads and following == same == datagram[-len(iv) :]
    assert header.encrypted and not (len(datagram) - HEADER_SIZE) % ciphers.block_size(sa.keys.proposal.cipher)
    assert len(datagram) - HEADER_SIZE - sum(4 + size for size in sizes) < ciphers.block_size(sa.keys.proposal.cipher)


_SAS: dict[str, IkeSa] = {}


def test_each_exchange_has_a_chain_of_its_own() -> None:
    sa = established()
    assert protect.first_iv(sa, 1) != protect.first_iv(sa, 2)
    one, after = protect.encrypt(sa, QUICK, 1, protect.first_iv(sa, 1), [VendorId(b"x")])
    two, _ = protect.encrypt(sa, QUICK, 1, after, [VendorId(b"x")])
    assert one != two


@pytest.mark.parametrize("size", [0, 1, 15, 17, 31])
def test_broken_blocks(size: int) -> None:
    sa = established()
    assert sa.keys is not None
    data = protect.clear(sa, QUICK, 1, [])[:HEADER_SIZE] + bytes(size)
    with pytest.raises(Malformed, match="whole blocks"):
        protect.decrypt(sa.keys, header_of(protect.clear(sa, QUICK, 1, [])), data, protect.first_iv(sa, 1))


@pytest.mark.parametrize("kind", [HashKind.FIRST, HashKind.SECOND, HashKind.THIRD])
def test_hashes(kind: HashKind) -> None:
    sa = established()
    assert sa.keys is not None
    payloads = protect.with_hash(sa, kind, 9, NONCES, [Nonce(bytes(16))])
    chain = _read(sa, payloads)
    protect.check_hash(sa, kind, 9, NONCES, chain)
    for wrong in ((kind, 10, NONCES), (HashKind.SECOND if kind is not HashKind.SECOND else HashKind.FIRST, 9, NONCES)):
        with pytest.raises(NotAuthentic):
            protect.check_hash(sa, *wrong, chain)
    if kind is not HashKind.FIRST:
        with pytest.raises(NotAuthentic):
            protect.check_hash(sa, kind, 9, (b"o" * 16, b"r" * 16), chain)


def test_the_hash_comes_first() -> None:
    sa = established()
    with pytest.raises(Malformed, match="begin with a hash"):
        protect.check_hash(sa, HashKind.FIRST, 9, NONCES, _read(sa, [VendorId(b"x"), HashPayload(bytes(20))]))
    with pytest.raises(NotAuthentic):
        protect.check_hash(sa, HashKind.FIRST, 9, NONCES, _read(sa, [HashPayload(b"")]))


def _read(sa: IkeSa, payloads: list[Payload]) -> Chain:
    assert sa.keys is not None
    iv = protect.first_iv(sa, 9)
    datagram, _ = protect.encrypt(sa, QUICK, 9, iv, payloads)
    return protect.decrypt(sa.keys, header_of(datagram), datagram, iv)[0]
