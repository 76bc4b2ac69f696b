"""RFC 2409 appendix B: where IVs come from, and that a staged chain leaves the kept one alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ikevpn.crypto.iv import IvChain, phase1_iv, phase2_iv
from ikevpn.crypto.prf import digest
from ikevpn.errors import UsageError
from ikevpn.wire.registry import Hash


def test_recorded_phase_1_ivs(corpus: Path) -> None:
    tests = json.loads((corpus / "ike-vectors" / "key-derivation.json").read_text())["tests"]
    assert len(tests) == 2
    for test in tests:
        gxi, gxr = (bytes.fromhex(test["input"][name]) for name in ("KeyExchangeData", "PeerKeyExchangeData"))
        assert phase1_iv(Hash.SHA1, gxi, gxr, 16).hex() == test["expected"]["IV"]


def test_ivs_are_cut_to_the_block() -> None:
    assert phase1_iv(Hash.MD5, b"gxi", b"gxr", 8) == digest(Hash.MD5, b"gxigxr")[:8]
    assert phase2_iv(Hash.SHA2_256, b"B" * 16, 0x01020304, 16) == digest(Hash.SHA2_256, b"B" * 16 + b"\1\2\3\4")[:16]


def test_chain_continues_with_the_last_block() -> None:
    chain = IvChain(bytes(16))
    staged = chain.after(b"A" * 16 + b"B" * 16)
    assert staged.current == b"B" * 16
    assert staged.after(b"C" * 16).current == b"C" * 16


def test_staging_changes_nothing() -> None:
    chain = IvChain(bytes(8))
    chain.after(b"forged!!")
    assert chain.current == bytes(8)


@pytest.mark.parametrize("ciphertext", [b"", b"7 bytes", bytes(17)])
def test_broken_blocks_are_our_misuse(ciphertext: bytes) -> None:
    with pytest.raises(UsageError):
        IvChain(bytes(8)).after(ciphertext)
