"""From the table with manual keys to keys of the right length."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container
from itertools import chain

from ikevpn.config.finding import Unfit, one_of
from ikevpn.config.keys.manual_table import FIRST_SPI, LAST_SPI, KeyTable, ManualTable
from ikevpn.config.keys.walk import Walk
from ikevpn.config.keys.words import ManualEncapsulation
from ikevpn.config.toml.document import Keys
from ikevpn.config.tunnel.secret_source import build_secret
from ikevpn.crypto.passphrase import derive
from ikevpn.crypto.tables import EspCipherRow, esp_cipher_row, integrity_row
from ikevpn.model.algorithm_names import ESP_CIPHERS, INTEGRITIES, cipher_name, name_of
from ikevpn.model.manual import ManualKeys
from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.sa import Algorithms
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import EspCipher, Protocol

SHORTEST_PASSPHRASE = 16
_DES_BLOCK = 8
_SPIS = ("local_spi", "remote_spi", "ah_local_spi", "ah_remote_spi")
_OF_BUNDLE = ("ah_local_spi", "ah_remote_spi", "ah_key", "ah_key_in")


@dataclasses.dataclass(frozen=True)
class _Layer:
    """One protocol of a table. `places` are the keys of TOML for encryption and integrity; where AH stands around ESP,
    nothing for the first.
    """

    proposal: IpsecProposal
    local_spi: int
    remote_spi: int
    prefix: str = ""
    places: tuple[str, str] = ("encryption_key", "integrity_key")


def spis(table: ManualTable) -> set[int]:
    """All that a table names, of both directions."""
    return {spi for name in _SPIS if (spi := getattr(table, name)) is not None}


def build_manual(
    walk: Walk, table: ManualTable, keys: Keys, taken: Container[int] = (), *, integrity_96: bool
) -> ManualKeys | None:
    """The keys that a table names; None, and findings, where they do not fit. Takes time where it is a passphrase.

    SPIs that are `taken` are not proposed.
    """
    before = len(walk.findings)
    _check_proposal(walk, table, keys)
    _check_bundle(walk, table, keys, taken)
    if len(walk.findings) > before:
        return None
    passphrase = _passphrase(walk, table, keys) if table.passphrase else None
    if table.passphrase and passphrase is None:
        return None
    made: ManualKeys | None = None
    for layer in _layers(table):  # from the outside to the inside
        pairs = _from_passphrase(passphrase, layer) if passphrase else _from_keys(walk, table, layer, keys)
        if pairs is not None:
            inbound, outbound = (_algorithms(layer.proposal, *pair, integrity_96) for pair in pairs)
            _check_reflection(walk, layer, keys, same=inbound == outbound)
            made = _manual(table, layer, inbound, outbound, made)
    return made if len(walk.findings) == before else None


def _layers(table: ManualTable) -> list[_Layer]:
    """The outermost first."""
    inner = [_Layer(table.proposal, table.local_spi, table.remote_spi)]
    if table.proposal.around is None or table.ah_local_spi is None or table.ah_remote_spi is None:
        return inner
    return [_Layer(table.proposal.around, table.ah_local_spi, table.ah_remote_spi, "ah_", ("", "ah_key")), *inner]


def _manual(
    table: ManualTable, layer: _Layer, inbound: Algorithms, outbound: Algorithms, around: ManualKeys | None
) -> ManualKeys:
    return ManualKeys(
        local_spi=layer.local_spi,
        remote_spi=layer.remote_spi,
        proposal=layer.proposal,
        inbound=inbound,
        outbound=outbound,
        in_udp=table.encapsulation is ManualEncapsulation.UDP,
        remote_port=table.remote_port,
        keep_sequence=table.keep_sequence,
        weak_passphrase=table.weak_passphrase,
        around=around,
    )


def _check_proposal(walk: Walk, table: ManualTable, keys: Keys) -> None:
    proposal, place = table.proposal, (*keys, "proposal")
    if esp_cipher_row(proposal.cipher).counts:
        sentence = (
            f"{cipher_name(ESP_CIPHERS, proposal.cipher, proposal.key_bits)} is a counter mode: under one key no "
            "counter value may be used twice, which cannot be guaranteed for keys that do not change (RFC 3686 §7, "
            "RFC 4106 §2)."
        )
        walk.error(place, Unfit(sentence, 'Write "esp-aes128-sha256", or let IKE make the keys.', "manual-keys"))
    elif proposal.extended_sequence_numbers or (proposal.around and proposal.around.extended_sequence_numbers):
        sentence = "nothing tells the peer the upper half of extended sequence numbers after a restart."
        walk.error(place, Unfit(sentence, "Remove -esn.", "manual-keys"))
    if proposal.has_ah and table.encapsulation is ManualEncapsulation.UDP:
        walk.error((*keys, "encapsulation"), Unfit("AH covers the addresses, so it cannot travel in UDP."))
    of_keys = ("encryption_key", "integrity_key", "encryption_key_in", "integrity_key_in", "ah_key", "ah_key_in")
    names = [name for name in of_keys if getattr(table, name)]
    if table.weak_passphrase and not table.passphrase:
        walk.error((*keys, "weak_passphrase"), Unfit("there is no passphrase.", "Remove weak_passphrase."))
    if table.passphrase and names:
        walk.error((*keys, names[0]), Unfit("it is set together with a passphrase.", "Keep one of the two ways."))


def _check_bundle(walk: Walk, table: ManualTable, keys: Keys, taken: Container[int]) -> None:
    """AH around ESP has SPIs of its own."""
    if table.proposal.around is None:
        for name in _OF_BUNDLE:
            if getattr(table, name) is not None:
                fix = f'Remove {name}, or write a proposal like "esp-aes128-sha+ah-sha".'
                walk.error((*keys, name), Unfit("the proposal has no AH around ESP.", fix))
        return
    ours = spis(table)
    for name, spi, of_esp in (
        ("ah_local_spi", table.ah_local_spi, table.local_spi),
        ("ah_remote_spi", table.ah_remote_spi, table.remote_spi),
    ):
        if spi is None:
            free = _free_spi(of_esp, lambda each: each in ours or each in taken)
            ours.add(free)
            sentence = "AH around ESP needs an SPI of its own."
            walk.error((*keys, name), Unfit(sentence, f'Write {name} = "{free:x}".', "missing-key"))
        elif spi == of_esp:
            walk.error((*keys, name), Unfit("ESP has the same SPI.", "Agree on another for AH."))


def _free_spi(start: int, is_taken: Callable[[int], bool]) -> int:
    """The next one above, or at the end of the range the next one below."""
    candidates = chain(range(start + 1, LAST_SPI + 1), range(start - 1, FIRST_SPI - 1, -1))
    return next(spi for spi in candidates if not is_taken(spi))


def _check_reflection(walk: Walk, layer: _Layer, keys: Keys, *, same: bool) -> None:
    if same and layer.local_spi == layer.remote_spi:
        sentence = "with one SPI and one key, what we send can be sent back to us."
        fix = "Agree on two SPIs, or on a key for each direction."
        walk.error((*keys, f"{layer.prefix}remote_spi"), Unfit(sentence, fix))


Pairs = tuple[tuple[Secret, Secret], tuple[Secret, Secret]]
"""Encryption and integrity key, inbound and outbound."""


def _passphrase(walk: Walk, table: ManualTable, keys: Keys) -> Secret | None:
    assert table.passphrase is not None
    passphrase = build_secret(walk, table.passphrase, (*keys, "passphrase"))
    if passphrase is None:
        return None
    if len(passphrase) < SHORTEST_PASSPHRASE and not table.weak_passphrase:
        sentence = f"the passphrase has fewer than {SHORTEST_PASSPHRASE} octets and can be guessed."
        fix = "Agree on 20 random characters with the peer; or, if it has to be this one, write weak_passphrase = true."
        walk.error((*keys, "passphrase"), Unfit(sentence, fix))
        return None
    return passphrase


def _from_passphrase(passphrase: Secret, layer: _Layer) -> Pairs:
    encryption, integrity = (octets for _, octets in _wanted(layer.proposal))

    def pair(spi: int) -> tuple[Secret, Secret]:
        material = derive(passphrase, layer.proposal.protocol.value, spi, encryption + integrity)
        return Secret(material[:encryption]), Secret(material[encryption:])

    return pair(layer.local_spi), pair(layer.remote_spi)


def _from_keys(walk: Walk, table: ManualTable, layer: _Layer, keys: Keys) -> Pairs | None:
    before = len(walk.findings)
    wanted = list(zip(layer.places, _wanted(layer.proposal), strict=True))
    outbound = [
        _key(walk, getattr(table, name), (*keys, name), what, octets) if name else Secret(b"")
        for name, (what, octets) in wanted
    ]
    inbound = [
        _key(walk, found, (*keys, f"{name}_in"), what, octets)
        if name and (found := getattr(table, f"{name}_in"))
        else ours
        for (name, (what, octets)), ours in zip(wanted, outbound, strict=True)
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
        walk.error(keys, Unfit(f"{what} takes no such key.", f"Remove {keys[-1]}."))
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
    return not row.counts and (bits or row.default) // 8 == octets


def _repeats(secret: Secret) -> bool:
    """RFC 2451 §2.3; the lowest bit of each octet is parity and does not count."""
    octets = bytes(octet & 0xFE for octet in secret.reveal())
    first, second, third = (octets[start : start + _DES_BLOCK] for start in (0, 8, 16))
    return second in (first, third)


def _algorithms(proposal: IpsecProposal, encryption: Secret, integrity: Secret, integrity_96: bool) -> Algorithms:
    bits = proposal.key_bits or esp_cipher_row(proposal.cipher).default
    return Algorithms(proposal.cipher, bits, proposal.integrity, encryption, integrity, integrity_96)
