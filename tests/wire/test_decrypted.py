"""Decrypted bodies of real captures: padded chains, and the octets that hashes cover.

The keys are published with the captures. Decryption here is a few lines of its own, so that the parser is tested alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from ikevpn.wire import describe, header, message
from ikevpn.wire.header import HEADER_SIZE, Header
from ikevpn.wire.message import Chain, read_chain
from ikevpn.wire.payload import (
    SA,
    Certificate,
    CertificateRequest,
    Configuration,
    HashPayload,
    Identification,
    KeyExchange,
    Nonce,
    Notify,
    Signature,
)
from ikevpn.wire.payloads.ident import to_range
from ikevpn.wire.registry import Cfg, ExchangeType, NotifyType, PayloadType
from tests.captures import ike

CIPHERS: dict[str, tuple[Callable[[bytes], Any], int]] = {
    "3des-cbc": (TripleDES, 8),
    "aes-128-cbc": (AES, 16),
    "aes-256-cbc": (AES, 16),
}


def facts(corpus: Path, name: str) -> dict[str, Any]:
    """What is known about one capture."""
    known = json.loads((corpus / "ike-vectors" / "capture-keys.json").read_text())["captures"]
    (found,) = (each for each in known if each["file"] == name)
    return dict(found)


class Decryptor:
    """Reads the messages of one IKE SA; keeps the last block of each message id, as RFC 2409 appendix B wants."""

    def __init__(self, cipher: str, digest: str, key: bytes) -> None:
        self.algorithm, self.block = CIPHERS[cipher]
        self.digest = digest
        self.key = key
        self.chains: dict[int, bytes] = {}
        self.public: list[bytes] = []

    def read(self, data: bytes) -> tuple[Header, Chain]:
        head = header.read(data)
        if not head.encrypted:
            chain = message.read(data).chain
            self.public += [each.data for each in chain.all(KeyExchange)]
            return head, chain
        body = data[HEADER_SIZE:]
        iv = self.chains.get(head.message_id) or self._first_iv(head.message_id)
        self.chains[head.message_id] = body[-self.block :]
        decryptor = Cipher(self.algorithm(self.key), modes.CBC(iv)).decryptor()
        plain = decryptor.update(body) + decryptor.finalize()
        return head, read_chain(head.next_payload, plain, padded=True, origin=HEADER_SIZE)

    def _first_iv(self, message_id: int) -> bytes:
        seed = self.chains[0] + message_id.to_bytes(4, "big") if message_id else b"".join(self.public)
        return hashlib.new(self.digest, seed).digest()[: self.block]


def read_all(corpus: Path, name: str, distinct: bool = False) -> list[tuple[Header, Chain]]:
    """All messages of a capture, decrypted; `distinct` leaves out those sent again."""
    known = facts(corpus, name)
    decryptor = Decryptor(known["cipher"], known["hash"], bytes.fromhex(known["encryption_key"]))
    found = [data for _, data in ike(corpus / "ike" / name)]
    return [decryptor.read(data) for data in (dict.fromkeys(found) if distinct else found)]


def kinds(chain: Chain) -> list[PayloadType]:
    return [each.payload_type for each in chain.payloads]


def test_signatures_and_certificates(corpus: Path) -> None:
    found = read_all(corpus, "wireshark-ikev1-certs.pcap", distinct=True)
    chain = found[4][1]
    assert [type(each) for each in chain.payloads] == [Identification, Certificate, CertificateRequest, Signature]
    certificates = b"".join(each.data for _, chain in found for each in chain.all(Certificate))
    assert b"OpenSwan" in certificates
    assert b"SchendlZertifikate" in certificates
    quick = [chain for head, chain in found if head.exchange == ExchangeType.QUICK]
    assert [type(chain.payloads[0]) for chain in quick] == [HashPayload] * 3
    assert quick[0].first(SA) is not None


def test_xauth_and_mode_config(corpus: Path) -> None:
    found = read_all(corpus, "wireshark-main-xauth-modecfg-quick.pcapng.gz")
    assert len(found) == 16
    hashes = [each.data.hex() for _, chain in found for each in chain.all(HashPayload)]
    known = facts(corpus, "wireshark-main-xauth-modecfg-quick.pcapng.gz")["contains_hash"]
    assert any(known in each for each in hashes)
    answers = [
        each.value for _, chain in found for cfg in chain.all(Configuration) for each in cfg.attributes if each.value
    ]
    assert bytes([10, 1, 1, 1]) in answers
    includes = [
        each
        for _, chain in found
        for cfg in chain.all(Configuration)
        for each in cfg.attributes
        if each.type == Cfg.UNITY_SPLIT_INCLUDE and each.value
    ]
    assert includes
    notifies = [each.type for head, chain in found for each in chain.all(Notify) if head.encrypted]
    assert notifies == [NotifyType.INITIAL_CONTACT]


def test_no_password_is_in_the_description(corpus: Path) -> None:
    found = read_all(corpus, "wireshark-main-xauth-modecfg-quick.pcapng.gz")
    passwords = [
        each.value
        for _, chain in found
        for cfg in chain.all(Configuration)
        for each in cfg.attributes
        if each.type == Cfg.XAUTH_USER_PASSWORD and each.value
    ]
    assert passwords
    words = "\n".join(line for _, chain in found for line in describe.chain(chain))
    attributes = repr([chain.first(Configuration) for _, chain in found])
    assert all(each.decode() not in words + attributes for each in passwords)


@pytest.mark.parametrize("role", ["rwnat", "parent"])
def test_openswan_signs(corpus: Path, role: str) -> None:
    known = facts(corpus, f"openswan-steps/{role}-*.pcap")
    decryptor = Decryptor(known["cipher"], known["hash"], bytes.fromhex(known["encryption_key"]))
    decryptor.chains[0] = bytes.fromhex(known["iv_before_M3"])
    ((_, data),) = ike(corpus / "ike" / "openswan-steps" / f"{role}-M3.pcap")
    _, chain = decryptor.read(data)
    assert chain.first(Identification) is not None
    assert chain.first(Signature) is not None


def test_hashes_cover_the_octets_that_the_chain_says(corpus: Path) -> None:
    name = "strongswan-main-psk-known.pcapng"
    known = facts(corpus, name)
    digest = known["hash"]
    decryptor = Decryptor(known["cipher"], digest, bytes.fromhex(known["SKEYID_e"])[:16])
    found = [decryptor.read(data) for _, data in ike(corpus / "ike" / name)]
    chains = [chain for _, chain in found]

    def prf(key: str, *parts: bytes) -> bytes:
        return hmac.digest(bytes.fromhex(known[key]), b"".join(parts), digest)

    def body(index: int, cls: Any) -> bytes:
        value = chains[index].body(cls)
        assert value is not None
        return value

    head = found[5][0]
    g_xi, g_xr = body(2, KeyExchange), body(3, KeyExchange)
    hash_i = prf("SKEYID", g_xi, g_xr, head.cky_i, head.cky_r, body(0, SA), body(4, Identification))
    hash_r = prf("SKEYID", g_xr, g_xi, head.cky_r, head.cky_i, body(0, SA), body(5, Identification))
    assert (body(4, HashPayload), body(5, HashPayload)) == (hash_i, hash_r)
    assert (hash_i.hex(), hash_r.hex()) == (known["HASH_I"], known["HASH_R"])

    quick = known["quick_mode"]
    mid = quick["message_id"].to_bytes(4, "big")
    ni, nr = body(6, Nonce), body(7, Nonce)
    assert prf("SKEYID_a", mid, chains[6].after(0)).hex() == quick["HASH1"] == body(6, HashPayload).hex()
    assert prf("SKEYID_a", mid, ni, chains[7].after(0)).hex() == quick["HASH2"] == body(7, HashPayload).hex()
    assert prf("SKEYID_a", b"\x00", mid, ni, nr).hex() == quick["HASH3"] == body(8, HashPayload).hex()
    assert chains[6].end < len(chains[6].data), "this message is padded, or the test would show less"
    assert [to_range(each) for each in chains[6].all(Identification)]


def test_a_recorded_handshake_round_trips(corpus: Path) -> None:
    known = json.loads((corpus / "ike-vectors" / "handshake-main-psk.json").read_text())
    raw = [bytes.fromhex(each) for each in known["messages"]]
    assert raw
    for data in raw:
        head = header.read(data)
        if head.encrypted:
            assert header.write(head, data[HEADER_SIZE:]) == data
            continue
        each = message.read(data)
        assert (
            message.write(head.cky_i, head.cky_r, head.exchange, head.flags, head.message_id, each.chain.payloads)
            == data
        )
