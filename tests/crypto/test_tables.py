"""The rows agree with what the libraries and RFCs say; unknown numbers are refused as our own misuse."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ikevpn.crypto import tables
from ikevpn.errors import UsageError
from ikevpn.wire.registry import EspCipher, Group, Hash, IkeCipher, Integrity

TABLES: list[tuple[Mapping[Any, Any], Callable[[Any], Any], Any]] = [
    (tables.HASHES, tables.hash_row, Hash.TIGER),
    (tables.IKE_CIPHERS, tables.ike_cipher_row, IkeCipher.IDEA_CBC),
    (tables.ESP_CIPHERS, tables.esp_cipher_row, EspCipher.RC4),
    (tables.INTEGRITIES, tables.integrity_row, Integrity.NONE),
    (tables.GROUPS, tables.group_row, Group.MODP_2048_256),
]
CIPHERS: list[tables.IkeCipherRow | tables.EspCipherRow] = [
    *tables.IKE_CIPHERS.values(),
    *tables.ESP_CIPHERS.values(),
]


@pytest.mark.parametrize(("table", "accessor", "unknown"), TABLES)
def test_every_row_is_found_by_its_number(
    table: Mapping[Any, Any], accessor: Callable[[Any], Any], unknown: Any
) -> None:
    for number, row in table.items():
        assert row.id is number
        assert accessor(number) is row
    assert len({row.name for row in table.values()}) == len(table)
    assert table.get(unknown) is None
    with pytest.raises(UsageError):
        accessor(unknown)


def test_hash_rows_agree_with_hashlib() -> None:
    for row in tables.HASHES.values():
        made = hashlib.new(row.name)
        assert (row.size, row.block) == (made.digest_size, made.block_size)


def test_defaults_are_allowed_key_lengths() -> None:
    for row in CIPHERS:
        assert row.default in row.key_bits
        assert all(bits % 8 == 0 for bits in row.key_bits)


def test_only_aes_negotiates_its_key_length() -> None:
    assert {row.name for row in CIPHERS if row.negotiates_key_length} == {
        *("aes", "aesctr", "aesccm8", "aesccm12", "aesccm16", "aesgcm8", "aesgcm12", "aesgcm16", "aesgmac"),
    }


def test_blocks_and_ivs_of_esp_ciphers_are_those_of_cbc() -> None:
    sizes = {row.name: (row.block, row.iv) for row in tables.ESP_CIPHERS.values() if not row.counts}
    assert sizes == {"des": (8, 8), "3des": (8, 8), "null": (1, 0), "aes": (16, 16)}
    for row in tables.IKE_CIPHERS.values():
        assert sizes[row.name] == (row.block, row.block)


def test_what_counts_has_a_salt_and_mostly_its_own_check_value() -> None:
    counting = {row.id: (row.salt, row.iv, row.icv) for row in tables.ESP_CIPHERS.values() if row.counts}
    assert counting == {
        EspCipher.AES_CTR: (4, 8, 0),
        EspCipher.AES_CCM_8: (3, 8, 8),
        EspCipher.AES_CCM_12: (3, 8, 12),
        EspCipher.AES_CCM_16: (3, 8, 16),
        EspCipher.AES_GCM_8: (4, 8, 8),
        EspCipher.AES_GCM_12: (4, 8, 12),
        EspCipher.AES_GCM_16: (4, 8, 16),
        EspCipher.NULL_AES_GMAC: (4, 8, 16),
    }


def test_integrity_keys_are_as_long_as_the_hash() -> None:
    """RFC 4868 §2.1.1 and RFC 2403, 2404: and the value is half the hash, or 96 bits before SHA-2."""
    for row in tables.INTEGRITIES.values():
        size = tables.hash_row(row.hash).size
        assert row.key == size
        assert row.icv == (size // 2 if size >= 32 else 12)


def test_only_sha2_256_was_ever_cut_shorter() -> None:
    cut = {row.id: row.icv_before_rfc for row in tables.INTEGRITIES.values() if row.icv_before_rfc is not None}
    assert cut == {Integrity.HMAC_SHA2_256: 12}
