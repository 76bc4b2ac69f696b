"""Key material in the tables of Wireshark: `ikev1_decryption_table` and `esp_sa`. Text only; opens no file.

A folder with these two files and `preferences` is a Wireshark configuration: `WIRESHARK_CONFIG_DIR=FOLDER tshark -r
FILE`. Every function here returns secrets; only a capture that the user asked for may call them. Names are those of
Wireshark 4.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from ikevpn.model.sa import Sa
from ikevpn.wire.registry import EspCipher, Integrity

PREFERENCES = "esp.enable_encryption_decode: TRUE\nesp.enable_authentication_check: TRUE\n"

_CIPHERS: Mapping[EspCipher, str] = {
    EspCipher.NULL: "NULL",
    EspCipher.DES: "DES-CBC [RFC2405]",
    EspCipher.TRIPLE_DES: "TripleDES-CBC [RFC2451]",
    EspCipher.AES_CBC: "AES-CBC [RFC3602]",
    EspCipher.AES_CTR: "AES-CTR [RFC3686]",
    EspCipher.AES_GCM_8: "AES-GCM with 8 octet ICV [RFC4106]",
    EspCipher.AES_GCM_12: "AES-GCM with 12 octet ICV [RFC4106]",
    EspCipher.AES_GCM_16: "AES-GCM with 16 octet ICV [RFC4106]",
}
_INTEGRITIES: Mapping[Integrity, str] = {
    Integrity.NONE: "NULL",
    Integrity.HMAC_MD5: "HMAC-MD5-96 [RFC2403]",
    Integrity.HMAC_SHA1: "HMAC-SHA-1-96 [RFC2404]",
    Integrity.HMAC_SHA2_256: "HMAC-SHA-256-128 [RFC4868]",
    Integrity.HMAC_SHA2_384: "HMAC-SHA-384-192 [RFC4868]",
    Integrity.HMAC_SHA2_512: "HMAC-SHA-512-256 [RFC4868]",
    Integrity.AES_XCBC: "ANY 96 bit authentication [no checking]",
}
_CUT_TO_96 = "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]"


def ike_row(cky_i: bytes, encryption_key: bytes) -> str:
    """A line of `ikev1_decryption_table`: initiator cookie and encryption key."""
    return f"{cky_i.hex()},{encryption_key.hex()}\n"


def esp_row(sa: Sa) -> str:
    """A line of `esp_sa`; addresses are left open, since a NAT may change them while the SPI stays. Empty for unknown
    algorithms.
    """
    algorithms = sa.algorithms
    cipher, integrity = _CIPHERS.get(algorithms.cipher), _INTEGRITIES.get(algorithms.integrity)
    if cipher is None or integrity is None:
        return ""
    if algorithms.integrity_96:
        integrity = _CUT_TO_96
    fields = (
        f"IPv{sa.remote.address.version}",
        "*",
        "*",
        f"0x{sa.spi:08x}",
        cipher,
        _key(algorithms.encryption_key.reveal()),
        integrity,
        _key(algorithms.integrity_key.reveal()),
    )
    return ",".join(f'"{field}"' for field in fields) + "\n"


def _key(octets: bytes) -> str:
    return f"0x{octets.hex()}" if octets else ""
