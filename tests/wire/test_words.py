from __future__ import annotations

import pytest
from hypothesis import given

from ikevpn.wire import words
from ikevpn.wire.payload import Proposal, Transform
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import (
    AhTransform,
    Auth,
    EspCipher,
    Group,
    Hash,
    Ike,
    IkeCipher,
    Integrity,
    IpcompTransform,
    Ipsec,
    LifeType,
    Mode,
    OpenEnum,
    Protocol,
)
from tests.wire import values


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (IkeCipher.TRIPLE_DES_CBC, "3des"),
        (IkeCipher.DES_CBC, "des"),
        (IkeCipher.AES_CBC, "aes"),
        (EspCipher.TRIPLE_DES, "3des"),
        (EspCipher.NULL, "null"),
        (EspCipher.AES_GCM_16, "aesgcm16"),
        (Hash.SHA1, "sha1"),
        (Hash.SHA2_256, "sha256"),
        (Integrity.HMAC_SHA1, "sha1"),
        (Integrity.HMAC_SHA2_512, "sha512"),
        (Integrity.AES_XCBC, "aesxcbc"),
        (AhTransform.SHA2_256, "sha256"),
        (Group.MODP_1024, "modp1024"),
        (Group.MODP_2048_256, "modp2048s256"),
        (Group.ECP_384, "ecp384"),
        (Auth.PSK, "psk"),
        (Auth.XAUTH_INIT_PSK, "xauth-init-psk"),
        (Mode.UDP_TUNNEL_DRAFT, "udp-tunnel-draft"),
        (IpcompTransform.DEFLATE, "deflate"),
        (LifeType.KILOBYTES, "KB"),
        (IkeCipher(65004), "unknown-65004"),
    ],
)
def test_names_of_algorithms(number: OpenEnum, name: str) -> None:
    assert words.word(number) == name


@pytest.mark.parametrize(
    "kind", [IkeCipher, Hash, Group, EspCipher, Integrity, AhTransform, IpcompTransform, Auth, Mode]
)
def test_names_are_distinct(kind: type[OpenEnum]) -> None:
    names = [words.word(number) for number in kind]
    assert len(set(names)) == len(names)


def phase1(*attributes: Attribute) -> str:
    return words.transform(Transform(1, 1, attributes), Protocol.ISAKMP)


def phase2(identity: int, *attributes: Attribute, protocol: Protocol = Protocol.ESP) -> str:
    return words.transform(Transform(1, identity, attributes), protocol)


CLASSIC = (
    Attribute.of(Ike.ENCRYPTION, IkeCipher.TRIPLE_DES_CBC),
    Attribute.of(Ike.HASH, Hash.SHA1),
    Attribute.of(Ike.GROUP, Group.MODP_1024),
    Attribute.of(Ike.AUTHENTICATION, Auth.PSK),
    Attribute.of(Ike.LIFE_TYPE, LifeType.SECONDS),
    Attribute.variable(Ike.LIFE_DURATION, bytes.fromhex("00007080")),
)


def test_a_phase_1_transform() -> None:
    assert phase1(*CLASSIC) == "3des-sha1-modp1024, psk, 28800 s"
    assert phase1(*reversed(CLASSIC)) == "3des-sha1-modp1024, psk, 28800 s"


def test_key_bits_stand_behind_the_family() -> None:
    assert phase1(Attribute.of(Ike.ENCRYPTION, 7), Attribute.of(Ike.KEY_LENGTH, 256)) == "aes256"
    gcm = phase2(EspCipher.AES_GCM_16, Attribute.of(Ipsec.KEY_LENGTH, 128), Attribute.of(Ipsec.MODE, Mode.TUNNEL))
    assert gcm == "aes128gcm16, tunnel"


def test_a_phase_2_transform() -> None:
    attributes = (
        Attribute.of(Ipsec.MODE, Mode.UDP_TUNNEL),
        Attribute.of(Ipsec.AUTHENTICATION, Integrity.HMAC_SHA2_256),
        Attribute.of(Ipsec.KEY_LENGTH, 256),
        Attribute.of(Ipsec.GROUP, Group.MODP_2048),
        Attribute.of(Ipsec.LIFE_TYPE, LifeType.SECONDS),
        Attribute.of(Ipsec.LIFE_DURATION, 3600),
        Attribute.of(Ipsec.LIFE_TYPE, LifeType.KILOBYTES),
        Attribute.of(Ipsec.LIFE_DURATION, 250000),
    )
    assert phase2(EspCipher.AES_CBC, *attributes) == "aes256-sha256, udp-tunnel, pfs modp2048, 3600 s, 250000 KB"


def test_other_protocols() -> None:
    sha1 = Attribute.of(Ipsec.AUTHENTICATION, Integrity.HMAC_SHA1)
    assert phase2(AhTransform.SHA1, sha1, protocol=Protocol.AH) == "sha1-sha1"
    assert phase2(IpcompTransform.LZS, protocol=Protocol.IPCOMP) == "lzs"
    assert phase2(9, protocol=Protocol(77)) == "transform 9"


def test_what_is_left_over_is_listed() -> None:
    assert phase1() == "nothing"
    strange = (
        Attribute.of(Ike.HASH, 1),
        Attribute.of(Ike.HASH, 2),
        Attribute.of(16384, 7),
        Attribute.variable(16385, bytes(9)),
        Attribute.of(Ike.LIFE_DURATION, 5),
        Attribute.variable(Ike.GROUP, bytes(200)),
    )
    assert phase1(*strange) == (
        "md5, 5 of no unit, attribute 2 = 2, attribute 16384 = 7, "
        "attribute 16385 = <9 octets>, attribute 4 = <200 octets>"
    )


def test_a_proposal_on_one_line() -> None:
    transforms = tuple(Transform(n, cipher, ()) for n, cipher in enumerate((EspCipher.DES, EspCipher.TRIPLE_DES)))
    assert words.proposal(Proposal(1, Protocol.ESP, b"\xc0\xff\xee\x00", transforms)) == "#1 esp c0ffee00: des | 3des"
    assert words.proposal(Proposal(2, Protocol.ISAKMP, b"", (Transform(1, 1, CLASSIC),))) == (
        "#2 isakmp: 3des-sha1-modp1024, psk, 28800 s"
    )


@given(values.proposals)
def test_any_proposal_is_one_printable_line(proposal: Proposal) -> None:
    assert words.proposal(proposal).isprintable()
