"""Recorded handshakes of other implementations, played again: one side of each is our engine with the same randomness.

What an implementation may choose (order of attributes, number of a proposal, vendor ids) is taken from the recording;
every octet that follows from it must then be the recorded one, and every recorded answer must be accepted.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ikevpn.crypto import groups
from ikevpn.crypto.groups import KeyPair
from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.offers import select, suite
from ikevpn.ike.phase1 import common
from ikevpn.ike.state.effects import AddSa, Effect, ExportKeys, Report, Send
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.proposal import IkeProposal, IpsecProposal, Lifetime
from ikevpn.model.sa import Direction
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, NatTraversal, Phase1Mode, Tunnel
from ikevpn.wire import header as isakmp_header
from ikevpn.wire import message
from ikevpn.wire.payload import SA, Identification, KeyExchange, Nonce, Proposal, Transform
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import (
    Doi,
    EspCipher,
    Group,
    Hash,
    IkeCipher,
    Integrity,
    Protocol,
)
from tests import captures

_AES_SHA_2 = IkeProposal(IkeCipher.AES_CBC, 128, Hash.SHA1, Group.MODP_1024)
_ESP_SHA = IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1)
_ESP_SHA_256 = IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA2_256)
_NOW = 100.0


class Recorded:
    """Random values in the order in which they are asked for, each under the length that is asked; then anything."""

    def __init__(self, *values: tuple[int, bytes]) -> None:
        self._values = list(values)

    def __call__(self, size: int) -> bytes:
        if self._values and self._values[0][0] == size:
            return self._values.pop(0)[1]
        return bytes(range(1, size + 1))

    @property
    def used_up(self) -> bool:
        return not self._values


def first_payload(data: bytes, kind: type[Any]) -> Any:
    """A payload of a message in clear."""
    return message.read(data).chain.first(kind)


def sent(effects: list[Effect]) -> list[bytes]:
    return [effect.data for effect in effects if isinstance(effect, Send)]


def reported(effects: list[Effect]) -> dict[Code, Reason]:
    return {effect.event.code: effect.event.reason for effect in effects if isinstance(effect, Report)}


def keys_of(effects: list[Effect]) -> dict[Direction, tuple[int, bytes, bytes]]:
    """SPI, encryption and integrity key of the SAs that were installed."""
    found = {}
    for effect in effects:
        if isinstance(effect, AddSa):
            used = effect.sa.algorithms
            found[effect.sa.direction] = effect.sa.spi, used.encryption_key.reveal(), used.integrity_key.reveal()
    return found


# As initiator, all secrets known: RUB-NDS, main mode and quick mode


@pytest.fixture
def handshake(corpus: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((corpus / "ike-vectors" / "handshake-main-psk.json").read_text())
    return recorded


def _equivalent_exponent(private: bytes) -> bytes:
    """Another exponent for the same public value, with the highest bit that our engine sets in its own.

    2 generates the subgroup of order q = (p - 1) / 2, so that x and x + q are the same.
    """
    modulus = groups._ARITHMETIC[Group.MODP_1024].private_end + 1
    return (int.from_bytes(private, "big") + (modulus - 1) // 2).to_bytes(128, "big")


def test_as_initiator_every_octet_is_the_recorded_one(
    handshake: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [bytes.fromhex(each) for each in handshake["messages"]]
    quick = handshake["quick_mode"]
    offer = first_payload(messages[0], SA)
    monkeypatch.setattr(select, "offer_ike", lambda proposals, lifetime: offer)
    monkeypatch.setattr(
        suite, "propose", lambda proposals, lifetime, spis, mode: _recorded_esp_offer(spis[Protocol.ESP])
    )
    monkeypatch.setattr(common, "build_vendor_ids", lambda sa, tunnel: [])
    entropy = Recorded(
        (8, messages[0][:8]),
        (32, _equivalent_exponent(bytes.fromhex(handshake["dh"]["initiator_private_hex"]))),
        (32, first_payload(messages[2], Nonce).data),
        (4, bytes.fromhex(quick["message_id"])),
        (4, bytes.fromhex(quick["spi_i"])),
        (32, bytes.fromhex(quick["Ni"])),
    )
    everything = AddressRange.everything()
    local, remote = Endpoint.of("10.0.3.1", 500), Endpoint.of("10.0.3.10", 500)
    tunnel = Tunnel(
        "recorded",
        (_AES_SHA_2,),
        (_ESP_SHA,),
        (Child("all", 1, Selector(everything, everything)),),
        remotes=(AddressRange.of_address(remote.address),),
        psk=Secret(bytes.fromhex(handshake["psk_hex"])),
        nat_traversal=NatTraversal.OFF,
        fragment_size=0,
        initial_contact=False,
    )
    engine = Engine(EngineSettings(switch_first_s=0), entropy)
    engine.add_tunnel(tunnel)
    effects = engine.initiate("recorded", local, remote, _NOW)
    assert sent(effects) == [messages[0]]
    for number in (1, 3, 5, 7):
        answer = engine.datagram(messages[number], local, remote, _NOW)
        assert sent(answer) == [messages[number + 1]], f"after message {number + 1}"
        effects += answer
    assert entropy.used_up
    assert Code.IKE_UP in reported(effects) and Code.CHILD_UP in reported(effects)
    exported = next(effect for effect in effects if isinstance(effect, ExportKeys))
    assert exported.encryption_key.hex() == handshake["derived"]["SKEYID_e"][:32]
    assert keys_of(effects) == {
        Direction.IN: _split(quick["spi_i"], quick["keymat_spi_i"]),
        Direction.OUT: _split(quick["spi_r"], quick["keymat_spi_r"]),
    }


def test_the_responder_narrows_and_its_networks_are_taken(
    handshake: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorded responder (strongSwan) answers 0.0.0.0/0 with smaller networks; they go into the SAs."""
    effects = []
    genuine = Engine.datagram

    def remember(self: Engine, *arguments: Any) -> list[Effect]:
        effects.extend(found := genuine(self, *arguments))
        return found

    monkeypatch.setattr(Engine, "datagram", remember)
    test_as_initiator_every_octet_is_the_recorded_one(handshake, monkeypatch)
    selectors = {effect.sa.selectors for effect in effects if isinstance(effect, AddSa)}
    assert {str(each) for pair in selectors for each in pair} == {"10.0.3.1 === 10.1.0.0/24"}


@pytest.mark.parametrize("number", [3, 5, 7])
def test_one_wrong_bit_in_a_recorded_answer_is_noticed(
    handshake: dict[str, Any], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The replay is strict: it does not pass because checks are missing."""
    data = bytearray.fromhex(handshake["messages"][number])
    data[-1 if number > 3 else 60] ^= 1
    handshake["messages"][number] = data.hex()
    with pytest.raises(AssertionError):
        test_as_initiator_every_octet_is_the_recorded_one(handshake, monkeypatch)


def _recorded_esp_offer(spi: int) -> SA:
    """Message 1 of the recorded quick mode: proposal and transform 0, attributes in its own order."""
    attributes = tuple(Attribute.of(kind, value) for kind, value in ((4, 1), (1, 1), (2, 3600), (5, 2), (6, 128)))
    return SA(
        Doi.IPSEC, 1, (Proposal(0, Protocol.ESP, suite.octets(spi), (Transform(0, EspCipher.AES_CBC, attributes),)),)
    )


def _split(spi: str, keymat: str) -> tuple[int, bytes, bytes]:
    octets = bytes.fromhex(keymat)
    return int(spi, 16), octets[:16], octets[16:]


# Against strongSwan's captures: the shared secret is known, not the private value


def _capture(corpus: Path, name: str) -> tuple[list[bytes], dict[str, Any]]:
    keys = json.loads((corpus / "ike-vectors" / "capture-keys.json").read_text())["captures"]
    return [data for _, data in captures.ike(corpus / "ike" / name)], next(
        each for each in keys if each["file"] == name
    )


def _known_exchange(monkeypatch: pytest.MonkeyPatch, public: bytes, shared: bytes) -> None:
    pair = KeyPair(Group.MODP_1024, Secret(b"\x01"), public)
    monkeypatch.setattr(groups, "generate", lambda group, entropy: pair)
    monkeypatch.setattr(groups, "shared", lambda ours, theirs: shared)


def _strongswan_tunnel(psk: str, mode: Phase1Mode, selector: Selector, remote: Endpoint) -> Tunnel:
    return Tunnel(
        "recorded",
        (_AES_SHA_2,),
        (_ESP_SHA_256,),
        (Child("all", 1, selector),),
        remotes=(AddressRange.of_address(remote.address),),
        mode=mode,
        psk=Secret(psk.encode()),
        ike_lifetime=Lifetime(3600),
        ipsec_lifetime=Lifetime(1200),
        fragment_size=0,
        initial_contact=False,
    )


def test_as_responder_strongswans_main_and_quick_mode_are_accepted(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We are 192.168.0.101. But for vendor ids our answers must be strongSwan's, or what follows would not decrypt."""
    messages, known = _capture(corpus, "strongswan-main-psk-known.pcapng")
    local, remote = Endpoint.of("192.168.0.101", 500), Endpoint.of("192.168.0.100", 500)
    _known_exchange(monkeypatch, first_payload(messages[3], KeyExchange).data, bytes.fromhex(known["gxy"]))
    selector = Selector(AddressRange.of("10.1.0.0/16"), AddressRange.of("192.168.0.100"))
    spi, nonce = _quick_answer(known, messages)
    entropy = Recorded((8, messages[1][8:16]), (32, first_payload(messages[3], Nonce).data), (32, nonce), (4, spi))
    engine = Engine(EngineSettings(switch_first_s=0), entropy)
    engine.add_tunnel(_strongswan_tunnel(known["psk"], Phase1Mode.MAIN, selector, remote))
    effects: list[Effect] = []
    for number in (0, 2, 4, 6, 8):
        answer = engine.datagram(messages[number], local, remote, _NOW)
        assert len(sent(answer)) == (0 if number == 8 else 1), reported(answer)
        if number in (2, 4, 6):
            assert sent(answer) == [messages[number + 1]], f"answer to message {number + 1}"
        effects += answer
    assert Code.CHILD_UP in reported(effects)
    exported = next(effect for effect in effects if isinstance(effect, ExportKeys))
    assert exported.encryption_key.hex() == known["SKEYID_e"][:32]
    assert {effect.sa.spi for effect in effects if isinstance(effect, AddSa)} == {0xCC36D0C6, 0xC9723901}


def _quick_answer(known: dict[str, Any], messages: list[bytes]) -> tuple[bytes, bytes]:
    """SPI and nonce of the recorded responder, out of its encrypted quick mode message 2."""
    from ikevpn.crypto import ciphers, iv

    key = bytes.fromhex(known["SKEYID_e"])[:16]
    chained = iv.phase2_iv(Hash.SHA1, messages[5][-16:], known["quick_mode"]["message_id"], 16)
    assert chained.hex() == known["quick_mode"]["iv_first"]
    clear = ciphers.decrypt(IkeCipher.AES_CBC, key, messages[6][-16:], messages[7][28:])
    chain = message.read_chain(isakmp_header.read(messages[7]).next_payload, clear, padded=True)
    answer, nonce = chain.first(SA), chain.first(Nonce)
    assert answer is not None and nonce is not None
    return answer.proposals[0].spi, nonce.data


def _aggressive(corpus: Path, monkeypatch: pytest.MonkeyPatch, psk: str) -> dict[Code, Reason]:
    """Play strongSwan's aggressive message 2 to us as its initiator; g^xy is not known, but HASH_R does not need it."""
    messages, _ = _capture(corpus, "strongswan-aggressive-psk-known.pcapng")
    local, remote = Endpoint.of("192.168.0.100", 500), Endpoint.of("192.168.0.1", 500)
    _known_exchange(monkeypatch, first_payload(messages[0], KeyExchange).data, bytes(128))
    monkeypatch.setattr(select, "offer_ike", lambda proposals, lifetime: first_payload(messages[0], SA))
    entropy = Recorded((8, messages[0][:8]), (32, first_payload(messages[0], Nonce).data))
    engine = Engine(EngineSettings(switch_first_s=0), entropy)
    selector = Selector(AddressRange.of("192.168.0.100"), AddressRange.of("10.1.0.0/16"))
    engine.add_tunnel(_strongswan_tunnel(psk, Phase1Mode.AGGRESSIVE, selector, remote))
    first = sent(engine.initiate("recorded", local, remote, _NOW))
    for kind in (SA, KeyExchange, Nonce, Identification):
        assert first_payload(first[0], kind) == first_payload(messages[0], kind)
    return reported(engine.datagram(messages[1], local, remote, _NOW))


def test_strongswans_aggressive_proof_verifies(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Code.IKE_UP in _aggressive(corpus, monkeypatch, "Wollowitz")


def test_with_another_secret_it_does_not(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _aggressive(corpus, monkeypatch, "wollowitz")
    assert Code.IKE_UP not in found and Reason.WRONG_SECRET in found.values()


# First messages of real products: whatever we do not share with them, the answer is a clean one


_FIRST_MESSAGES = (
    "ios-main.pcap",
    "huawei-main-sha256.pcap",
    "paloalto-fortigate-main-ipv6.pcap",
    "wireshark-ikev1-certs.pcap",
    "pluto-vid-first.pcap",
)


@pytest.mark.parametrize("name", _FIRST_MESSAGES)
def test_real_first_messages_get_one_answer(corpus: Path, name: str) -> None:
    """Either message 2 or one NO-PROPOSAL-CHOSEN; no exception, no longer answer than twice the question."""
    datagram, data = captures.ike(corpus / "ike" / name)[0]
    local = Endpoint(datagram.target, 500)
    engine = Engine(EngineSettings(switch_first_s=0), Recorded())
    selector = Selector(AddressRange.everything(), AddressRange.everything())
    engine.add_tunnel(
        replace(
            _strongswan_tunnel("x", Phase1Mode.MAIN, selector, Endpoint(datagram.source, 500)),
            ike_proposals=(_AES_SHA_2, replace(_AES_SHA_2, hash=Hash.SHA2_256)),
        )
    )
    answers = sent(engine.datagram(data, local, Endpoint(datagram.source, datagram.source_port), _NOW))
    assert len(answers) == 1 and len(answers[0]) <= 2 * len(data)


def test_an_ikev2_request_makes_no_state(corpus: Path) -> None:
    datagram, data = captures.ike(corpus / "ike" / "ikev2-sa-init.pcap")[0]
    engine = Engine(EngineSettings(switch_first_s=0), Recorded())
    effects = engine.datagram(data, Endpoint(datagram.target, 500), Endpoint(datagram.source, 500), _NOW)
    assert all(len(each) <= 60 for each in sent(effects))
    assert not list(engine.status(_NOW).ike_sas)
    assert engine.counters[f"drop-{Reason.WRONG_VERSION}"] == 1


def test_a_stranger_leaves_nothing(corpus: Path) -> None:
    """Nobody is configured: the first message of a stranger leaves no state."""
    datagram, data = captures.ike(corpus / "ike" / "ios-main.pcap")[0]
    engine = Engine(EngineSettings(switch_first_s=0), Recorded())
    engine.datagram(data, Endpoint(datagram.target, 500), Endpoint(datagram.source, 500), _NOW)
    assert not list(engine.status(_NOW).ike_sas)
