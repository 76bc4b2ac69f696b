"""Names of proposals: all that the grammar can say reads and writes back, and a wrong part is named."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from ikevpn.model.algorithm_names import (
    AEAD_CIPHERS,
    AH_INTEGRITIES,
    AUTHENTICATIONS,
    ESP_CIPHERS,
    GROUPS,
    HASHES,
    IKE_CIPHERS,
    INTEGRITIES,
    PFS_GROUPS,
)
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.proposal_name import UnknownPart, read_ike, read_ipsec
from ikevpn.wire.registry import Auth, EspCipher, Group, Hash, IkeCipher, Integrity, Protocol


def test_every_phase_1_name_reads_and_writes_back() -> None:
    for parts in product(AUTHENTICATIONS, GROUPS, IKE_CIPHERS, HASHES):
        name = "-".join(parts)
        assert str(read_ike(name)) == name


def test_every_phase_2_name_reads_and_writes_back() -> None:
    plain = [cipher for cipher in ESP_CIPHERS if cipher not in AEAD_CIPHERS]
    names = [f"{group}-esp-{cipher}-{auth}" for group, cipher, auth in product(PFS_GROUPS, plain, INTEGRITIES)]
    names += [f"{group}-ah-{auth}" for group, auth in product(PFS_GROUPS, AH_INTEGRITIES)]
    names += [f"{group}-esp-{cipher}" for group, cipher in product(PFS_GROUPS, AEAD_CIPHERS)]
    for name in names:
        if name.endswith(("esp-null-null", "ctr-null")):
            with pytest.raises(UnknownPart):
                read_ipsec(name)
        else:
            assert str(read_ipsec(name)) == name
        if not name.endswith("-null"):
            assert str(read_ipsec(f"{name}-esn")) == f"{name}-esn"


def test_every_bundle_reads_and_writes_back() -> None:
    inner = ("esp-3des-sha", "esp-aes128-null", "esp-null-md5", "esp-aes256gcm16", "esp-aes128-sha-esn")
    for group, name, auth, end in product(PFS_GROUPS, inner, AH_INTEGRITIES, ("", "-esn")):
        whole = f"{group}-{name}+ah-{auth}{end}"
        read = read_ipsec(whole)
        assert str(read) == whole
        assert read.around == read_ipsec(f"{group}-ah-{auth}{end}")
        assert replace(read, around=None) == read_ipsec(f"{group}-{name}")
        assert read.has_ah


def test_who_has_ah() -> None:
    assert read_ipsec("g2-ah-sha").has_ah and not read_ipsec("g2-esp-aes128-sha").has_ah


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("g2-ah-sha+esp-3des-sha", "ah"),
        ("g2-esp-3des-sha+esp-des-sha", "esp-des-sha"),
        ("g2-esp-3des-sha+g2-ah-sha", "g2-ah-sha"),
        ("g2-esp-3des-sha+", ""),
        ("g2-esp-3des-sha+ah", ""),
        ("g2-esp-3des-sha+ah-gcm", "gcm"),
        ("g2-esp-3des-sha+ah-sha+ah-md5", "ah-md5"),
        ("g2-esp-3des-sha+ah-sha-3des", "3des"),
        ("g2-esp-null-null+ah-sha", "null"),
    ],
)
def test_what_is_no_bundle(name: str, part: str) -> None:
    with pytest.raises(UnknownPart) as caught:
        read_ipsec(name)
    assert caught.value.part == part


def test_extended_sequence_numbers_are_a_part_of_their_own() -> None:
    assert read_ipsec("g14-ESP-aes128gcm16-ESN") == replace(
        read_ipsec("g14-esp-aes128gcm16"), extended_sequence_numbers=True
    )


def test_extended_sequence_numbers_need_integrity() -> None:
    with pytest.raises(UnknownPart) as caught:
        read_ipsec("nopfs-esp-aes128-null-esn")
    assert caught.value.part == "esn"


@pytest.mark.parametrize(
    ("name", "proposal"),
    [
        ("pre-g2-3des-md5", IkeProposal(IkeCipher.TRIPLE_DES_CBC, 0, Hash.MD5, Group.MODP_1024)),
        ("pre-g2-aes128-sha", IkeProposal(IkeCipher.AES_CBC, 128, Hash.SHA1, Group.MODP_1024)),
        (
            "rsa-g19-aes256-sha384",
            IkeProposal(IkeCipher.AES_CBC, 256, Hash.SHA2_384, Group.ECP_256, Auth.RSA_SIGNATURE),
        ),
        ("PSK-G14-AES256-SHA1", IkeProposal(IkeCipher.AES_CBC, 256, Hash.SHA1, Group.MODP_2048)),
    ],
)
def test_phase_1_meaning(name: str, proposal: IkeProposal) -> None:
    assert read_ike(name) == proposal


@pytest.mark.parametrize(
    ("name", "proposal"),
    [
        ("nopfs-esp-3des-sha", IpsecProposal(Protocol.ESP, EspCipher.TRIPLE_DES, 0, Integrity.HMAC_SHA1)),
        (
            "g2-esp-aes128-md5",
            IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_MD5, Group.MODP_1024),
        ),
        (
            "g14-esp-aes128gcm16",
            IpsecProposal(Protocol.ESP, EspCipher.AES_GCM_16, 128, Integrity.NONE, Group.MODP_2048),
        ),
        ("nopfs-esp-null-sha", IpsecProposal(Protocol.ESP, EspCipher.NULL, 0, Integrity.HMAC_SHA1)),
        ("nopfs-esp-des-none", IpsecProposal(Protocol.ESP, EspCipher.DES, 0, Integrity.NONE)),
    ],
)
def test_phase_2_meaning(name: str, proposal: IpsecProposal) -> None:
    assert read_ipsec(name) == proposal


@pytest.mark.parametrize(
    ("name", "part", "one_allowed"),
    [
        ("pre-g2-aes-sha", "aes", "aes128"),
        ("pre-g2-aes128", "", "sha"),
        ("pre-g3-aes128-sha", "g3", "g2"),
        ("post-g2-aes128-sha", "post", "pre"),
    ],
)
def test_a_wrong_part_of_phase_1_is_named(name: str, part: str, one_allowed: str) -> None:
    with pytest.raises(UnknownPart) as caught:
        read_ike(name)
    assert caught.value.part == part
    assert one_allowed in caught.value.allowed


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("g2-ah-null-md5", "null"),
        ("g2-ah-gmac", "gmac"),
        ("g2-ah-md5-sha", "sha"),
        ("g2-ah", ""),
        ("g3-ah-md5", "g3"),
        ("g14-esp-aes128gcm16-sha", "sha"),
        ("nopfs-esp-null-null", "null"),
        ("nopfs-esp-aes128", ""),
        ("nopfs-esp-3des-sha-extra", "extra"),
        ("", ""),
    ],
)
def test_a_wrong_part_of_phase_2_is_named(name: str, part: str) -> None:
    with pytest.raises(UnknownPart) as caught:
        read_ipsec(name)
    assert caught.value.part == part


def test_what_has_no_name_prints_its_numbers() -> None:
    strange = IkeProposal(IkeCipher(65005), 0, Hash(99), Group(32), Auth(65001))
    assert str(strange) == "auth65001-g32-cipher65005-hash99"
    assert str(IkeProposal(IkeCipher.AES_CBC, 0, Hash.SHA1, Group.MODP_1024)) == "pre-g2-aes-sha"
    odd = IpsecProposal(Protocol.ESP, EspCipher.AES_GCM_16, 128, Integrity.HMAC_SHA1, Group.MODP_2048)
    assert str(odd) == "g14-esp-aes128gcm16-sha"
