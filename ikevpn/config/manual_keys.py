"""From the table with manual keys to keys of the right length; and which other keys of the tunnel mean nothing then."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ikevpn.config.document import Keys
from ikevpn.config.finding import Unfit, one_of
from ikevpn.config.manual_table import KeyTable, ManualTable
from ikevpn.config.peer_keys import PeerKeys
from ikevpn.config.secret_source import build_secret
from ikevpn.config.walk import Walk
from ikevpn.config.words import ManualEncapsulation, Start
from ikevpn.crypto.passphrase import derive
from ikevpn.crypto.tables import EspCipherRow, esp_cipher_row, integrity_row
from ikevpn.model.address import AddressRange
from ikevpn.model.algorithm_names import ESP_CIPHERS, INTEGRITIES, cipher_name, name_of
from ikevpn.model.manual import ManualKeys
from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.sa import Algorithms
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import EspCipher, Protocol

_OF_BOTH = ("remote", "local", "keepalive_s")
IKE_ONLY = tuple(field.name for field in dataclasses.fields(PeerKeys) if field.name not in _OF_BOTH)
"""Keys of a tunnel that mean nothing without IKE."""
_DES_BLOCK = 8
_PLACES = ("encryption_key", "integrity_key")


def build_manual(walk: Walk, table: ManualTable, keys: Keys, *, integrity_96: bool) -> ManualKeys | None:
    """The keys that a table names; None, and findings, where they do not fit. Takes time where it is a passphrase."""
    before = len(walk.findings)
    _check_proposal(walk, table, keys)
    if len(walk.findings) > before:
        return None
    read = _from_passphrase if table.passphrase else _from_keys
    pairs = read(walk, table, keys)
    if pairs is None:
        return None
    inbound, outbound = (_algorithms(table.proposal, *pair, integrity_96) for pair in pairs)
    if table.local_spi == table.remote_spi and inbound == outbound:
        fix = "Agree on two SPIs, or on a key for each direction."
        walk.error((*keys, "remote_spi"), Unfit("with one SPI and one key, what we send can be sent back to us.", fix))
        return None
    return ManualKeys(
        local_spi=table.local_spi,
        remote_spi=table.remote_spi,
        proposal=table.proposal,
        inbound=inbound,
        outbound=outbound,
        in_udp=table.encapsulation is ManualEncapsulation.UDP,
        remote_port=table.remote_port,
        keep_sequence=table.keep_sequence,
    )


def check_without_ike(
    walk: Walk, keys: Keys, remote: tuple[AddressRange | str, ...], start: Start | None, replay_window: int
) -> None:
    """What a tunnel with manual keys must and must not have beside them."""
    tunnels: Mapping[str, Any] = walk.document.tables["tunnel"]  # type: ignore[assignment]
    written = tunnels[str(keys[-1])]
    for name in IKE_ONLY:
        if name in written:
            sentence = "the tunnel has manual keys, so there is no IKE, and this means nothing."
            walk.error((*keys, name), Unfit(sentence, f"Take out {name}.", "manual-keys"))
    if start not in (None, Start.UP):
        fix = "Leave start out."
        walk.error((*keys, "start"), Unfit("with manual keys nothing is negotiated: the tunnel is just there.", fix))
    single = [each for each in remote if isinstance(each, str) or each.first == each.last]
    if len(remote) != 1 or len(single) != 1:
        fix = 'Write one address or name: remote = "203.0.113.2".'
        walk.error((*keys, "remote"), Unfit("manual keys are for one peer at one place.", fix))
    manual = written["manual"]
    if isinstance(manual, dict) and manual.get("keep_sequence") is False and replay_window:
        sentence = "numbers that start again look like a replay to a peer that protects itself, and we would too."
        fix = "Write replay_window = 0, on both sides; or leave keep_sequence out."
        walk.error((*keys, "manual", "keep_sequence"), Unfit(sentence, fix))


def _check_proposal(walk: Walk, table: ManualTable, keys: Keys) -> None:
    proposal, place = table.proposal, (*keys, "proposal")
    if esp_cipher_row(proposal.cipher).is_aead:
        sentence = (
            "AES-GCM under one key must never see a nonce twice, which nobody can promise for keys that stay the same "
            "(RFC 4106 §2)."
        )
        walk.error(place, Unfit(sentence, 'Write "esp-aes128-sha256", or let IKE make the keys.', "manual-keys"))
    elif proposal.extended_sequence_numbers:
        sentence = "nothing tells the peer the upper half of extended sequence numbers after a restart."
        walk.error(place, Unfit(sentence, "Take out -esn.", "manual-keys"))
    if proposal.protocol == Protocol.AH and table.encapsulation is ManualEncapsulation.UDP:
        walk.error((*keys, "encapsulation"), Unfit("AH covers the addresses, so it cannot travel in UDP."))
    names = [name for name in (*_PLACES, "encryption_key_in", "integrity_key_in") if getattr(table, name)]
    if table.passphrase and names:
        walk.error((*keys, names[0]), Unfit("it stands beside a passphrase.", "Keep one of the two ways."))


Pairs = tuple[tuple[Secret, Secret], tuple[Secret, Secret]]
"""Encryption and integrity key, inbound and outbound."""


def _from_passphrase(walk: Walk, table: ManualTable, keys: Keys) -> Pairs | None:
    assert table.passphrase is not None
    passphrase = build_secret(walk, table.passphrase, (*keys, "passphrase"))
    if passphrase is None:
        return None
    if len(passphrase) < SHORTEST_PASSPHRASE:
        sentence = f"the passphrase has fewer than {SHORTEST_PASSPHRASE} octets and can be guessed."
        walk.error((*keys, "passphrase"), Unfit(sentence, "Agree on 20 random characters with the peer."))
        return None
    encryption, integrity = (octets for _, octets in _wanted(table.proposal))

    def pair(spi: int) -> tuple[Secret, Secret]:
        material = derive(passphrase, table.proposal.protocol.value, spi, encryption + integrity)
        return Secret(material[:encryption]), Secret(material[encryption:])

    return pair(table.local_spi), pair(table.remote_spi)


SHORTEST_PASSPHRASE = 16


def _from_keys(walk: Walk, table: ManualTable, keys: Keys) -> Pairs | None:
    before = len(walk.findings)
    outbound = [
        _key(walk, getattr(table, name), (*keys, name), what, octets)
        for name, (what, octets) in zip(_PLACES, _wanted(table.proposal), strict=True)
    ]
    inbound = [
        _key(walk, found, (*keys, f"{name}_in"), what, octets) if (found := getattr(table, f"{name}_in")) else ours
        for name, (what, octets), ours in zip(_PLACES, _wanted(table.proposal), outbound, strict=True)
    ]
    if len(walk.findings) > before:
        return None
    return (inbound[0], inbound[1]), (outbound[0], outbound[1])


def _wanted(proposal: IpsecProposal) -> tuple[tuple[str, int], tuple[str, int]]:
    """The names of both algorithms and the octets of their keys."""
    row = esp_cipher_row(proposal.cipher)
    cipher = "AH" if proposal.protocol == Protocol.AH else cipher_name(ESP_CIPHERS, proposal.cipher, proposal.key_bits)
    encryption = 0 if proposal.protocol == Protocol.AH else _cipher_octets(row, proposal)
    integrity = integrity_row(proposal.integrity).key if proposal.integrity else 0
    return (cipher, encryption), (name_of(INTEGRITIES, proposal.integrity, "auth"), integrity)


def _cipher_octets(row: EspCipherRow, proposal: IpsecProposal) -> int:
    return (proposal.key_bits or row.default) // 8


def _key(walk: Walk, table: KeyTable | None, keys: Keys, what: str, octets: int) -> Secret:
    """A key of exactly so many octets; an empty one, and a finding, where it does not fit."""
    if table is None:
        if octets:
            fix = f'Write {keys[-1]} = {{ file = "NAME.key" }}, or a passphrase.'
            walk.error(keys, Unfit(f"{what} needs a key of {_size(octets)}, and there is none.", fix, "missing-key"))
        return Secret(b"")
    if not octets:
        walk.error(keys, Unfit(f"{what} takes no such key.", f"Take out {keys[-1]}."))
        return Secret(b"")
    secret = build_secret(walk, table, keys)
    if secret is not None and len(secret) != octets:
        sentence = f"{what} needs a key of {_size(octets)}; this one has {len(secret)} octets."
        walk.error(keys, Unfit(sentence, _same_grammar(len(secret)), "bad-key-length"))
    elif secret is not None and what == "3des" and _repeats(secret):
        sentence = "two of the three parts of this 3DES key are equal, which leaves single DES (RFC 2451 §2.3)."
        walk.error(keys, Unfit(sentence, "Agree on another key.", "weak-key"))
    return secret or Secret(b"")


def _size(octets: int) -> str:
    return f"{octets} octets ({2 * octets} hex digits)"


def _same_grammar(octets: int) -> str:
    """Which ciphers a key of this length would be for."""
    found = [name for name, (cipher, bits) in ESP_CIPHERS.items() if _fits(cipher, bits, octets)]
    return f"It would do for {one_of(found)}." if found else ""


def _fits(cipher: EspCipher, bits: int, octets: int) -> bool:
    row = esp_cipher_row(cipher)
    return not row.is_aead and (bits or row.default) // 8 == octets


def _repeats(secret: Secret) -> bool:
    """RFC 2451 §2.3; the lowest bit of each octet is parity and does not count."""
    octets = bytes(octet & 0xFE for octet in secret.reveal())
    first, second, third = (octets[start : start + _DES_BLOCK] for start in (0, 8, 16))
    return second in (first, third)


def _algorithms(proposal: IpsecProposal, encryption: Secret, integrity: Secret, integrity_96: bool) -> Algorithms:
    bits = proposal.key_bits or esp_cipher_row(proposal.cipher).default
    return Algorithms(proposal.cipher, bits, proposal.integrity, encryption, integrity, integrity_96)
