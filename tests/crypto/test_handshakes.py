"""Whole handshakes that others recorded: everything in them is derived again, decrypted and encrypted again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ikevpn.crypto import ciphers, groups, keys
from ikevpn.crypto.iv import IvChain, phase1_iv, phase2_iv
from ikevpn.wire.registry import Group, Hash, IkeCipher, Protocol
from tests.crypto import transcript
from tests.crypto.transcript import HASH, ID, KE, NONCE, SA, Datagram, Payloads

unhex = bytes.fromhex

CIPHER_OF = {
    "aes-128-cbc": IkeCipher.AES_CBC,
    "aes-256-cbc": IkeCipher.AES_CBC,
    "3des-cbc": IkeCipher.TRIPLE_DES_CBC,
}
HASH_OF = {"md5": Hash.MD5, "sha1": Hash.SHA1, "sha256": Hash.SHA2_256}


@dataclass
class Reader:
    """Reads the encrypted messages of one IKE SA in the order of the transcript."""

    hash: Hash
    cipher: IkeCipher
    key: bytes
    phase1: IvChain
    later: dict[int, IvChain] = field(default_factory=dict)

    def chain(self, message_id: int) -> IvChain:
        """The chain in force for a message of this id."""
        if not message_id:
            return self.phase1
        if message_id not in self.later:
            block = ciphers.block_size(self.cipher)
            self.later[message_id] = IvChain(phase2_iv(self.hash, self.phase1.current, message_id, block))
        return self.later[message_id]

    def read(self, message: Datagram) -> Payloads:
        """The payloads; what was decrypted must encrypt to the very same octets."""
        chain = self.chain(message.message_id)
        plain = ciphers.decrypt(self.cipher, self.key, chain.current, message.body)
        assert ciphers.encrypt(self.cipher, self.key, chain.current, plain) == message.body
        staged = chain.after(message.body)
        if message.message_id:
            self.later[message.message_id] = staged
        else:
            self.phase1 = staged
        return message.payloads(plain)


@dataclass
class MainMode:
    """Main mode with a pre-shared key and group 2, derived from its four clear messages."""

    messages: list[Datagram]
    psk: bytes
    gxy: bytes
    hash: Hash = Hash.SHA1

    def __post_init__(self) -> None:
        self.offer, _, self.exchange_i, self.exchange_r = (message.payloads() for message in self.messages[:4])
        self.cookies = self.messages[3].cky_i, self.messages[3].cky_r
        self.publics = self.exchange_i.one(KE), self.exchange_r.one(KE)
        skeyid = keys.skeyid_psk(self.hash, self.psk, self.exchange_i.one(NONCE), self.exchange_r.one(NONCE))
        self.skeyids = keys.derive(self.hash, skeyid, self.gxy, *self.cookies)
        self.iv = phase1_iv(self.hash, *self.publics, 16)
        key = keys.encryption_key(self.hash, self.skeyids.e, 16)
        self.reader = Reader(self.hash, IkeCipher.AES_CBC, key, IvChain(self.iv))

    def verify_authentication(self) -> tuple[Payloads, Payloads]:
        """Messages 5 and 6, whose hashes verify."""
        last_i, last_r = (self.reader.read(message) for message in self.messages[4:6])
        context = self.hash, self.skeyids, *self.publics, *self.cookies, self.offer.one(SA)
        assert keys.hash_i(*context, last_i.one(ID)) == last_i.one(HASH)
        assert keys.hash_r(*context, last_r.one(ID)) == last_r.one(HASH)
        return last_i, last_r

    def verify_quick_mode(self) -> tuple[Payloads, Payloads, Payloads]:
        """Messages 7 to 9, whose hashes verify and stand first."""
        one, two, three = (self.reader.read(message) for message in self.messages[6:9])
        message_id, a = self.messages[6].message_id, self.skeyids.a
        ni, nr = one.one(NONCE), two.one(NONCE)
        assert keys.quick_hash_1(self.hash, a, message_id, one.rest) == one.one(HASH)
        assert keys.quick_hash_2(self.hash, a, message_id, ni, two.rest) == two.one(HASH)
        assert keys.quick_hash_3(self.hash, a, message_id, ni, nr) == three.one(HASH)
        assert {payloads.items[0][0] for payloads in (one, two, three)} == {HASH}
        return one, two, three


def captures(corpus: Path) -> dict[str, dict[str, Any]]:
    """What is known about each capture, by the name of its file."""
    listed = json.loads((corpus / "ike-vectors" / "capture-keys.json").read_text())["captures"]
    return {capture["file"]: capture for capture in listed}


def test_main_and_quick_mode_with_the_private_exponent_known(corpus: Path) -> None:
    record = json.loads((corpus / "ike-vectors" / "handshake-main-psk.json").read_text())
    messages = [transcript.read_datagram(unhex(message)) for message in record["messages"]]
    pair = groups.from_private(Group(record["dh"]["group"]), unhex(record["dh"]["initiator_private_hex"]))
    assert pair.public == messages[2].payloads().one(KE)
    gxy = groups.shared(pair, messages[3].payloads().one(KE))
    assert gxy == unhex(record["dh"]["gxy_hex"])

    sa = MainMode(messages, unhex(record["psk_hex"]), gxy)
    derived = record["derived"]
    assert sa.skeyids.skeyid.hex() == derived["SKEYID"]
    assert [sa.skeyids.d.hex(), sa.skeyids.a.hex(), sa.skeyids.e.hex()] == [derived[f"SKEYID_{x}"] for x in "dae"]
    assert sa.iv.hex() == derived["phase1_iv"]
    last_i, last_r = sa.verify_authentication()
    assert (last_i.one(ID).hex(), last_r.one(ID).hex()) == (record["ID_i_body"], record["ID_r_body"])

    quick = record["quick_mode"]
    one, two, _ = sa.verify_quick_mode()
    assert f"{messages[6].message_id:08x}" == quick["message_id"]
    assert [kind for kind, _ in two.items] == quick["responder_payload_types"]
    assert (one.one(NONCE).hex(), two.one(NONCE).hex()) == (quick["Ni"], quick["Nr"])
    for side in "ir":
        spi, expected = unhex(quick[f"spi_{side}"]), quick[f"keymat_spi_{side}"]
        material = keys.keymat(sa.hash, sa.skeyids.d, Protocol.ESP, spi, one.one(NONCE), two.one(NONCE), 36)
        assert material.hex() == expected


def test_strongswan_main_and_quick_mode_with_the_shared_secret_known(corpus: Path) -> None:
    name = "strongswan-main-psk-known.pcapng"
    known = captures(corpus)[name]
    sa = MainMode(transcript.datagrams(corpus / "ike" / name), known["psk"].encode(), unhex(known["gxy"]))
    assert sa.skeyids.skeyid.hex() == known["SKEYID"]
    assert [sa.skeyids.d.hex(), sa.skeyids.a.hex(), sa.skeyids.e.hex()] == [known[f"SKEYID_{x}"] for x in "dae"]
    assert sa.iv.hex() == known["phase1_iv"]
    last_i, last_r = sa.verify_authentication()
    assert (last_i.one(HASH).hex(), last_r.one(HASH).hex()) == (known["HASH_I"], known["HASH_R"])

    quick = known["quick_mode"]
    assert sa.messages[6].message_id == quick["message_id"]
    assert sa.reader.chain(quick["message_id"]).current.hex() == quick["iv_first"]
    hashes = [payloads.one(HASH).hex() for payloads in sa.verify_quick_mode()]
    assert hashes == [quick["HASH1"], quick["HASH2"], quick["HASH3"]]


@pytest.mark.parametrize(
    ("name", "encrypted"),
    [
        # Openswan and a NetScreen, 3DES and MD5: main mode, then quick mode with its first message sent twice
        ("wireshark-ikev1-certs.pcap", 5),
        # main mode, XAUTH, mode config and quick mode, each with a chain of its own
        ("wireshark-main-xauth-modecfg-quick.pcapng.gz", 12),
    ],
)
def test_captures_with_the_encryption_key_known(corpus: Path, name: str, encrypted: int) -> None:
    known = captures(corpus)[name]
    messages = transcript.datagrams(corpus / "ike" / name)
    hash, cipher = HASH_OF[known["hash"]], CIPHER_OF[known["cipher"]]
    gxi, gxr = (m.payloads().one(KE) for m in messages if not m.encrypted and m.next_payload == KE)
    iv = phase1_iv(hash, gxi, gxr, ciphers.block_size(cipher))
    reader = Reader(hash, cipher, unhex(known["encryption_key"]), IvChain(iv))
    seen: list[Datagram] = []
    plain: list[Payloads] = []
    for message in messages:
        if message.encrypted and message not in seen:  # a retransmission must not advance the chain
            plain.append(reader.read(message))
            seen.append(message)
    assert len(plain) == encrypted
    if "contains_hash" in known:
        wanted = unhex(known["contains_hash"])
        assert any(body.startswith(wanted) for payloads in plain for body in payloads.bodies(HASH))


@pytest.mark.parametrize("prefix", ["rwnat", "parent"])
def test_openswan_messages_with_key_and_iv_known(corpus: Path, prefix: str) -> None:
    known = captures(corpus)[f"openswan-steps/{prefix}-*.pcap"]
    (message,) = transcript.datagrams(corpus / "ike" / "openswan-steps" / f"{prefix}-M3.pcap")
    chain = IvChain(unhex(known["iv_before_M3"]))
    reader = Reader(HASH_OF[known["hash"]], CIPHER_OF[known["cipher"]], unhex(known["encryption_key"]), chain)
    kinds = [kind for kind, _ in reader.read(message).items]
    assert (kinds[0], kinds[-1]) == (ID, 9)
