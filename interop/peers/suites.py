"""Cipher suites by the names of issue and scenario, and how each implementation spells them. One row a suite."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IkeSuite:
    """A phase 1 proposal; `group` is the Diffie-Hellman group number, which PFS uses too."""

    name: str
    ikevpn: str
    strongswan: str
    libreswan: str
    group: int


@dataclass(frozen=True)
class EspSuite:
    """A phase 2 proposal without its PFS group. `protocol` is strongSwan's word for it."""

    name: str
    ikevpn: str
    strongswan: str
    libreswan: str
    protocol: str = "esp"


STRONGSWAN_GROUPS = {2: "modp1024", 5: "modp1536", 14: "modp2048", 18: "modp8192", 19: "ecp256", 31: "curve25519"}
LIBRESWAN_GROUPS = {2: "modp1024", 5: "modp1536", 14: "modp2048", 19: "dh19"}

_IKE_ROWS = (
    # name               ikevpn                    strongSwan                  libreswan                    group
    ("3des-md5-g2", "pre-g2-3des-md5", "3des-md5-modp1024", "3des-md5;modp1024", 2),
    ("3des-sha-g2", "pre-g2-3des-sha", "3des-sha1-modp1024", "3des-sha1;modp1024", 2),
    ("aes128-sha-g2", "pre-g2-aes128-sha", "aes128-sha1-modp1024", "aes128-sha1;modp1024", 2),
    ("aes128-sha-g14", "pre-g14-aes128-sha", "aes128-sha1-modp2048", "aes128-sha1;modp2048", 14),
    ("3des-sha-g14", "pre-g14-3des-sha", "3des-sha1-modp2048", "3des-sha1;modp2048", 14),
    ("aes256-sha256-g14", "pre-g14-aes256-sha256", "aes256-sha256-modp2048", "aes256-sha2_256;modp2048", 14),
    ("aes256-sha256-g18", "pre-g18-aes256-sha256", "aes256-sha256-modp8192", "aes256-sha2_256;modp8192", 18),
    ("aes256-sha512-g19", "pre-g19-aes256-sha512", "aes256-sha512-ecp256", "aes256-sha2_512;dh19", 19),
    ("aes256-sha256-g31", "pre-g31-aes256-sha256", "aes256-sha256-curve25519", "", 31),
)
_ESP_ROWS = (
    # name          ikevpn              strongSwan       libreswan
    ("3des-md5", "esp-3des-md5", "3des-md5", "3des-md5"),
    ("3des-sha", "esp-3des-sha", "3des-sha1", "3des-sha1"),
    ("aes128-sha", "esp-aes128-sha", "aes128-sha1", "aes128-sha1"),
    ("aes256-sha256", "esp-aes256-sha256", "aes256-sha256", "aes256-sha2_256"),
    ("aes128gcm16", "esp-aes128gcm16", "aes128gcm16", "aes_gcm128-null"),
    ("null-sha", "esp-null-sha", "null-sha1", "null-sha1"),
)
_MORE_ESP_ROWS = (
    # sequence numbers of 64 bits, which peers do not take unless they are told to
    ("aes128-sha-esn", "esp-aes128-sha-esn", "aes128-sha1-esn", "aes128-sha1"),
    ("aes128gcm16-esn", "esp-aes128gcm16-esn", "aes128gcm16-esn", "aes_gcm128-null"),
    # AES that counts, in other ways than GCM
    ("aes128ctr-sha256", "esp-aes128ctr-sha256", "aes128ctr-sha256", "aes_ctr128-sha2_256"),
    ("aes256ctr-sha", "esp-aes256ctr-sha", "aes256ctr-sha1", "aes_ctr256-sha1"),
    ("aes128ccm8", "esp-aes128ccm8", "aes128ccm8", "aes_ccm_a128-null"),
    ("aes128ccm12", "esp-aes128ccm12", "aes128ccm12", "aes_ccm_b128-null"),
    ("aes256ccm16", "esp-aes256ccm16", "aes256ccm16", "aes_ccm_c256-null"),
    ("aes128gmac", "esp-aes128gmac", "aes128gmac", ""),
    ("aes256gmac", "esp-aes256gmac", "aes256gmac", ""),
)

_AH_ROWS = (
    ("ah-md5", "ah-md5", "md5", "", "ah"),
    ("ah-sha", "ah-sha", "sha1", "", "ah"),
    ("ah-sha256", "ah-sha256", "sha256", "", "ah"),
    ("ah-sha384", "ah-sha384", "sha384", "", "ah"),
    ("ah-sha512", "ah-sha512", "sha512", "", "ah"),
)

_BUNDLE_ROWS = (
    # AH around ESP, which nobody else offers
    ("aes128-sha-ah-sha", "esp-aes128-sha+ah-sha", "", "", "ah"),
    ("gcm-ah-sha256", "esp-aes128gcm16+ah-sha256", "", "", "ah"),
    ("aes128-null-ah-sha256", "esp-aes128-null+ah-sha256", "", "", "ah"),
)

IKE = {row[0]: IkeSuite(*row) for row in _IKE_ROWS}
ESP = {row[0]: EspSuite(*row) for row in (*_ESP_ROWS, *_MORE_ESP_ROWS, *_AH_ROWS, *_BUNDLE_ROWS)}

MATRIX_IKE = ("3des-md5-g2", "3des-sha-g2", "aes128-sha-g2", "aes256-sha256-g14", "aes256-sha512-g19")
MATRIX_ESP = tuple(row[0] for row in _ESP_ROWS)
