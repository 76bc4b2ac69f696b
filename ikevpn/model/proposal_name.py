"""Reading names of proposals in the grammar of ScreenOS: `pre-g2-aes128-sha`, `g14-esp-aes128gcm16`.

`str(proposal)` writes them; the words are in `algorithm_names`. A wrong name raises `UnknownPart`, which knows the part
that is wrong and what would do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from ikevpn.model.algorithm_names import (
    AEAD_CIPHERS,
    AH_INTEGRITIES,
    AND,
    AUTHENTICATIONS,
    CTR_CIPHERS,
    ESP_CIPHERS,
    EXTENDED,
    GROUPS,
    HASHES,
    IKE_CIPHERS,
    INTEGRITIES,
    PFS_GROUPS,
    PROTOCOLS,
)
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.wire.registry import EspCipher, Integrity, Protocol

T = TypeVar("T")

ALIASES: Mapping[str, str] = {"sha1": "sha", "psk": "pre", "none": "null"}
"""Other words that people use for a part; never written."""


class UnknownPart(ValueError):
    """A part of a name that stands in no table. `part` is empty where the name is too short, else what was read."""

    def __init__(self, part: str, what: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{part!r} is not {what}" if part else f"{what} is missing")
        self.part = part
        self.what = what
        self.allowed = allowed


def read_ike(text: str) -> IkeProposal:
    """`pre-g14-aes256-sha256`: how peers prove who they are, group, cipher, hash. Raises UnknownPart."""
    auth, group, cipher, hash_ = _parts(text, 4)
    method = _look_up(auth, AUTHENTICATIONS, "a kind of authentication")
    modp_or_ecp = _look_up(group, GROUPS, "a group")
    algorithm, key_bits = _look_up(cipher, IKE_CIPHERS, "a cipher")
    return IkeProposal(
        auth=method,
        group=modp_or_ecp,
        cipher=algorithm,
        key_bits=key_bits,
        hash=_look_up(hash_, HASHES, "a hash"),
    )


def read_ipsec(text: str) -> IpsecProposal:
    """`nopfs-esp-3des-sha`, where the cipher authenticates by itself `g14-esp-aes128gcm16`, for AH `g2-ah-sha`; `-esn`
    behind it stands for extended sequence numbers. `g2-esp-3des-sha+ah-sha` is a bundle: AH around ESP.

    Raises UnknownPart.
    """
    inner, bundle, outer = text.lower().partition(AND)
    if not bundle:
        return _read_one(inner)
    group, _, rest = inner.partition("-")
    if rest.partition("-")[0] == "ah":
        raise UnknownPart("ah", f"a protocol that may stand in front of {AND}", ("esp",))
    if outer.partition("-")[0] != "ah":
        raise UnknownPart(outer, f"a name that may stand behind {AND}", tuple(f"ah-{name}" for name in AH_INTEGRITIES))
    outer, more, rest = outer.partition(AND)
    if more:
        raise UnknownPart(rest, "a part that may stand at the end", ())
    return replace(_read_one(inner), around=_read_one(f"{group}-{outer}"))


def _read_one(text: str) -> IpsecProposal:
    plain = text.removesuffix(f"-{EXTENDED}")
    proposal = _read_plain(plain)
    if plain == text:
        return proposal
    if proposal.integrity == Integrity.NONE and not plain.endswith(tuple(AEAD_CIPHERS)):
        raise UnknownPart(EXTENDED, "a part that may follow where nothing is authenticated", ())
    return replace(proposal, extended_sequence_numbers=True)


def _read_plain(text: str) -> IpsecProposal:
    if text.split("-")[1:2] == ["ah"]:
        return _read_ah(text)
    group, protocol, cipher, integrity = _parts(text, 4)
    pfs_group = _look_up(group, PFS_GROUPS, "a group or nopfs")
    esp = _look_up(protocol, PROTOCOLS, "a protocol")
    if cipher in AEAD_CIPHERS:
        if integrity not in ("", "null"):
            raise UnknownPart(integrity, f"a part that may follow {cipher}", ())
        integrity = "null"
    algorithm, key_bits = _look_up(cipher, ESP_CIPHERS, "a cipher")
    if integrity == "null" and (algorithm == EspCipher.NULL or cipher in CTR_CIPHERS):
        raise UnknownPart(integrity, f"an integrity algorithm for the cipher {cipher}", _without_null(INTEGRITIES))
    return IpsecProposal(
        group=pfs_group,
        protocol=esp,
        cipher=algorithm,
        key_bits=key_bits,
        integrity=_look_up(integrity, INTEGRITIES, "an integrity algorithm"),
    )


def _read_ah(text: str) -> IpsecProposal:
    """`g2-ah-sha`: there is no cipher."""
    group, _, integrity, more = _parts(text, 4)
    pfs_group = _look_up(group, PFS_GROUPS, "a group or nopfs")
    algorithm = _look_up(integrity, AH_INTEGRITIES, "an integrity algorithm of AH")
    if more:
        raise UnknownPart(more, "a part that may stand at the end", ())
    return IpsecProposal(Protocol.AH, EspCipher.NULL, 0, algorithm, pfs_group)


def _parts(text: str, count: int) -> list[str]:
    parts = [ALIASES.get(part, part) for part in text.lower().split("-")]
    if len(parts) > count:
        raise UnknownPart("-".join(parts[count:]), "a part that may stand at the end", ())
    return parts + [""] * (count - len(parts))


def _look_up(part: str, table: Mapping[str, T], what: str) -> T:
    if part not in table:
        raise UnknownPart(part, what, tuple(table))
    return table[part]


def _without_null(table: Mapping[str, T]) -> tuple[str, ...]:
    return tuple(name for name in table if name != "null")
