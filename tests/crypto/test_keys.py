"""RFC 2409 §5: SKEYIDs, hashes and key material, against NIST's cases and handshakes that others recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP

from ikevpn.crypto import keys, prf, tables
from ikevpn.wire.registry import Hash, Protocol
from tests.crypto import transcript
from tests.crypto.transcript import HASH, ID, KE, NAT_D, NONCE, SA

unhex = bytes.fromhex

SHA2_224 = Hash(65224)  # a number for private use: NIST tests the formulas with a hash that IKE has no number for
NIST_HASHES = {
    "SHA-1": Hash.SHA1,
    "SHA-224": SHA2_224,
    "SHA-256": Hash.SHA2_256,
    "SHA-384": Hash.SHA2_384,
    "SHA-512": Hash.SHA2_512,
}
NAMED_HASHES = {"hmac-md5": Hash.MD5, "hmac-sha1": Hash.SHA1, "sha1": Hash.SHA1}


@pytest.fixture
def sha2_224(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lends the table a row for SHA-224."""
    monkeypatch.setattr(tables, "HASHES", {**tables.HASHES, SHA2_224: tables.HashRow(SHA2_224, "sha224", 28, 64)})


def nist_cases(path: Path) -> Iterator[tuple[Hash, dict[str, bytes]]]:
    """The cases of a response file: `[SHA-1]` opens a section, `COUNT = n` a case, `name = hex` is a value."""
    hash, case = Hash.SHA1, dict[str, bytes]()
    for line in [*path.read_text().splitlines(), "COUNT = end"]:
        name, _, value = (part.strip() for part in line.partition("="))
        if line.strip("[]\r") in NIST_HASHES:
            following = NIST_HASHES[line.strip("[]\r")]
        elif name == "COUNT":
            if case:
                yield hash, case
            hash, case = following, {}
        elif value and not line.startswith(("[", "#")):
            case[name] = unhex(value)


def nist_skeyid(method: str, hash: Hash, case: dict[str, bytes]) -> bytes:
    if method == "psk":
        return keys.skeyid_psk(hash, case["pre-shared-key"], case["Ni"], case["Nr"])
    if method == "dsa":
        return keys.skeyid_signature(hash, case["Ni"], case["Nr"], case["g^xy"])
    return keys.skeyid_encryption(hash, case["Ni"], case["Nr"], case["CKY_I"], case["CKY_R"])


@pytest.mark.parametrize("method", ["psk", "dsa", "pke"])
@pytest.mark.usefixtures("sha2_224")
def test_skeyids_of_nist(corpus: Path, method: str) -> None:
    cases = list(nist_cases(corpus / "ike-vectors" / f"nist-ikev1_{method}.rsp"))
    assert len(cases) == 196
    assert {hash for hash, _ in cases} == set(NIST_HASHES.values())
    for hash, case in cases:
        skeyid = nist_skeyid(method, hash, case)
        derived = keys.derive(hash, skeyid, case["g^xy"], case["CKY_I"], case["CKY_R"])
        assert derived.skeyid == case["SKEYID"]
        assert derived.d == case["SKEYID_d"]
        assert derived.a == case["SKEYID_a"]
        assert derived.e == case["SKEYID_e"]


def test_hash_r_of_real_responders(corpus: Path) -> None:
    entries = json.loads((corpus / "ike-vectors" / "aggressive-psk-hash.json").read_text())["entries"]
    known = [entry for entry in entries if entry["psk"] is not None]
    assert len(known) == 6
    assert {"Juniper NetScreen, ScreenOS 5.4.0r1.0", "Check Point Firewall-1 NG AI R54"} < {e["peer"] for e in known}
    assert max(len(entry["psk"]) for entry in known) == 65  # longer than the block of the HMAC
    for entry in known:
        hash = NAMED_HASHES[entry["prf"]]
        value = {name: unhex(entry[name]) for name in entry if "_" in name}
        skeyid = keys.skeyid_psk(hash, entry["psk"].encode(), value["ni_b"], value["nr_b"])
        skeyids = keys.Skeyids(skeyid, b"", b"", b"")
        computed = keys.hash_r(
            hash, skeyids, value["g_xi"], value["g_xr"], value["cky_i"], value["cky_r"], value["sai_b"], value["idir_b"]
        )
        assert computed == value["hash_r"], entry["source"]


def derivations(corpus: Path) -> dict[str, dict[str, Any]]:
    tests = json.loads((corpus / "ike-vectors" / "key-derivation.json").read_text())["tests"]
    return {test["name"]: test for test in tests}


def derived(test: dict[str, Any]) -> tuple[dict[str, bytes], dict[str, bytes], keys.Skeyids]:
    given = {name: unhex(value) for name, value in test["input"].items()}
    expected = {name: unhex(value) for name, value in test["expected"].items()}
    skeyid = keys.skeyid_psk(Hash.SHA1, test["psk"].encode(), given["InitiatorNonce"], given["ResponderNonce"])
    skeyids = keys.derive(Hash.SHA1, skeyid, given["DHSecret"], given["InitiatorCookie"], given["ResponderCookie"])
    return given, expected, skeyids


def test_recorded_secret_keys(corpus: Path) -> None:
    given, expected, skeyids = derived(derivations(corpus)["testComputeSecretKeys"])
    assert skeyids.skeyid == expected["SKEYID"]
    assert (skeyids.d, skeyids.a, skeyids.e) == tuple(expected[f"SKEYID_{letter}"] for letter in "dae")
    assert keys.encryption_key(Hash.SHA1, skeyids.e, 16) == expected["Ka"]
    computed = keys.hash_r(
        Hash.SHA1,
        skeyids,
        given["KeyExchangeData"],
        given["PeerKeyExchangeData"],
        given["InitiatorCookie"],
        given["ResponderCookie"],
        given["SAOfferBody"],
        given["PeerIdentificationPayloadBody"],
    )
    assert computed == expected["HASH_R"]


def test_recorded_key_material(corpus: Path) -> None:
    given, expected, skeyids = derived(derivations(corpus)["testComputeKeyMaterial"])
    assert keys.encryption_key(Hash.SHA1, skeyids.e, 16) == expected["Ka"]
    nonces = given["ipsec_InitiatorNonce"], given["ipsec_ResponderNonce"]
    for direction in ("inbound", "outbound"):
        spi = given[f"ipsec_{direction.capitalize()}Spi"]
        computed = keys.keymat(Hash.SHA1, skeyids.d, Protocol.ESP, spi, *nonces, 36)
        assert computed == expected[f"{direction}_keymat_36"]


def test_hash_r_of_a_recorded_aggressive_mode(corpus: Path) -> None:
    first, second = transcript.datagrams(corpus / "ike" / "strongswan-aggressive-psk-known.pcapng")[:2]
    offer, answer = first.payloads(), second.payloads()
    skeyid = keys.skeyid_psk(Hash.SHA1, b"Wollowitz", offer.one(NONCE), answer.one(NONCE))
    computed = keys.hash_r(
        Hash.SHA1,
        keys.Skeyids(skeyid, b"", b"", b""),
        offer.one(KE),
        answer.one(KE),
        second.cky_i,
        second.cky_r,
        offer.one(SA),
        answer.one(ID),
    )
    assert computed == answer.one(HASH)


@pytest.mark.parametrize(("name", "hash"), [("ios-main.pcap", Hash.SHA1), ("huawei-main-sha256.pcap", Hash.SHA2_256)])
def test_nat_d_of_recorded_main_modes(corpus: Path, name: str, hash: Hash) -> None:
    seen = 0
    for packet in transcript.udp_packets(corpus / "ike" / name):
        if 500 not in {packet[UDP].sport, packet[UDP].dport}:
            continue
        message = transcript.read_datagram(bytes(packet[UDP].payload))
        if message.encrypted or message.next_payload != KE:
            continue
        ends = ((packet[IP].dst, packet[UDP].dport), (packet[IP].src, packet[UDP].sport))
        expected = [keys.nat_d(hash, message.cky_i, message.cky_r, ip_address(ip), port) for ip, port in ends]
        # the destination's hash comes first, RFC 3947 §3.2; 130 is the payload's number in the drafts
        assert [body for kind, body in message.payloads().items if kind in {NAT_D, 130}] == expected
        seen += 1
    assert seen == 2


def test_nat_d_covers_sixteen_octets_of_ipv6() -> None:
    address = ip_address("2001:db8::1")
    expected = prf.digest(Hash.SHA1, b"i" * 8 + b"r" * 8 + address.packed + b"\x11\x94")
    assert keys.nat_d(Hash.SHA1, b"i" * 8, b"r" * 8, address, 4500) == expected


def test_encryption_key_is_cut_where_skeyid_e_suffices() -> None:
    assert keys.encryption_key(Hash.SHA2_256, bytes(range(32)), 16) == bytes(range(16))
    assert keys.encryption_key(Hash.SHA2_256, bytes(range(32)), 32) == bytes(range(32))


@pytest.mark.parametrize(("hash", "size", "blocks"), [(Hash.MD5, 24, 2), (Hash.SHA1, 32, 2), (Hash.MD5, 40, 3)])
def test_encryption_key_is_stretched_by_feedback(hash: Hash, size: int, blocks: int) -> None:
    """Appendix B: a zero octet seeds the first block only, and SKEYID_e itself is not part of the key."""
    skeyid_e = bytes(range(prf.size(hash)))
    block = prf.prf(hash, skeyid_e, b"\x00")
    expected = block
    for _ in range(blocks - 1):
        block = prf.prf(hash, skeyid_e, block)
        expected += block
    assert keys.encryption_key(hash, skeyid_e, size) == expected[:size]


def test_pfs_enters_every_block_of_the_key_material() -> None:
    seed = b"shared" + b"\x03" + b"spi!" + b"ni" + b"nr"
    first = prf.prf(Hash.MD5, b"d" * 16, seed)
    second = prf.prf(Hash.MD5, b"d" * 16, first + seed)
    third = prf.prf(Hash.MD5, b"d" * 16, second + seed)
    computed = keys.keymat(Hash.MD5, b"d" * 16, Protocol.ESP, b"spi!", b"ni", b"nr", 40, b"shared")
    assert computed == (first + second + third)[:40]


def test_the_first_quick_mode_hash() -> None:
    computed = keys.quick_hash_1(Hash.SHA1, b"a" * 20, 0x01020304, b"rest")
    assert computed == prf.prf(Hash.SHA1, b"a" * 20, b"\x01\x02\x03\x04rest")


@given(st.integers(0, 200), st.sampled_from(sorted(tables.HASHES)))
def test_key_material_has_the_size_asked_for_and_shorter_is_a_prefix(size: int, hash: Hash) -> None:
    def material(size: int) -> bytes:
        return keys.keymat(hash, b"d", Protocol.AH, b"spi!", b"ni", b"nr", size)

    assert len(material(size)) == size
    assert material(200).startswith(material(size))


def test_skeyids_print_nothing_secret() -> None:
    skeyids = keys.derive(Hash.SHA1, b"secret" * 3, b"gxy", b"i" * 8, b"r" * 8)
    for text in (repr(skeyids), str(skeyids), f"{skeyids}"):
        assert text == "<SKEYIDs, 18 octets each>"
