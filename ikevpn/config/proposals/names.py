"""Proposals as people configure them: names, the levels of ScreenOS and our own, and what is weak about a choice.

The grammar of the names is in `model.proposal_name`, because events speak it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ikevpn.config.finding import Unfit, nearest, one_of, show
from ikevpn.config.proposals.suggest import meant_ike, meant_ipsec
from ikevpn.model.algorithm_names import AEAD_CIPHERS
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.proposal_name import UnknownPart, read_ike, read_ipsec
from ikevpn.wire.registry import EspCipher, Group, Hash, IkeCipher, Integrity

MODERN = "modern"
IKE_LEVELS: Mapping[str, tuple[str, ...]] = {
    MODERN: ("pre-g14-aes256-sha256", "pre-g14-aes128-sha256", "pre-g14-aes256-sha", "pre-g14-aes128-sha"),
    "standard": ("pre-g2-aes128-sha", "pre-g2-3des-sha"),
    "compatible": ("pre-g2-3des-sha", "pre-g2-3des-md5", "pre-g2-des-sha", "pre-g2-des-md5"),
    "basic": ("pre-g1-des-sha", "pre-g1-des-md5"),
}
"""`modern` keeps the first message small, uses one group so that aggressive mode can offer it, and has nothing weak."""
ESP_LEVELS: Mapping[str, tuple[str, ...]] = {
    MODERN: ("g14-esp-aes128gcm16", "g14-esp-aes256gcm16", "g14-esp-aes256-sha256", "g14-esp-aes128-sha"),
    "standard": ("g2-esp-3des-sha", "g2-esp-aes128-sha"),
    "compatible": ("nopfs-esp-3des-sha", "nopfs-esp-3des-md5", "nopfs-esp-des-sha", "nopfs-esp-des-md5"),
    "basic": ("nopfs-esp-des-sha", "nopfs-esp-des-md5"),
}

_DES = "DES has keys of 56 bits, which are found in a day"
_MD5 = "MD5 is broken as a hash; as HMAC it has no margin left"
_GROUP_1 = "group 1 has 768 bits, a size that was computed in public in 2016"
_GROUP_2 = "group 2 has 1024 bits, within reach of states that record now and read later"
_NO_CIPHER = "without encryption every host on the path can read the traffic"
_NO_INTEGRITY = "without integrity every host on the path can change the traffic"
_GROUPS = {Group.MODP_768: _GROUP_1, Group.MODP_1024: _GROUP_2}
_IKE_CIPHERS = {IkeCipher.DES_CBC: _DES}
_HASHES = {Hash.MD5: _MD5}
_ESP_CIPHERS = {EspCipher.DES: _DES, EspCipher.NULL: _NO_CIPHER, EspCipher.NULL_AES_GMAC: _NO_CIPHER}
_INTEGRITIES = {Integrity.HMAC_MD5: _MD5}
_NO_GROUP = "nopfs-"
_AEAD = {cipher for cipher, _ in AEAD_CIPHERS.values()}


@dataclass(frozen=True)
class IkeProposals:
    """A name or a level of phase 1; reads to the proposals that it stands for."""

    expects: str = f"a phase 1 proposal like {one_of(IKE_LEVELS[MODERN][:1])} or one of the levels {one_of(IKE_LEVELS)}"

    def read(self, value: object) -> tuple[IkeProposal, ...]:
        names = _expand(value, IKE_LEVELS, self.expects)
        try:
            return tuple(read_ike(name) for name in names)
        except UnknownPart as unknown:
            raise _unfit("phase 1", str(value), unknown, IKE_LEVELS, meant_ike) from None


@dataclass(frozen=True)
class EspProposals:
    """A name or a level of phase 2; reads to the proposals that it stands for."""

    expects: str = f"a phase 2 proposal like {one_of(ESP_LEVELS[MODERN][:1])} or one of the levels {one_of(ESP_LEVELS)}"

    def read(self, value: object) -> tuple[IpsecProposal, ...]:
        names = _expand(value, ESP_LEVELS, self.expects)
        try:
            return tuple(read_ipsec(name) for name in names)
        except UnknownPart as unknown:
            raise _unfit("phase 2", str(value), unknown, ESP_LEVELS, meant_ipsec) from None


def read_without_group(value: str) -> IpsecProposal:
    """`esp-aes128-sha`: a phase 2 proposal where there is no key exchange. Raises Unfit."""
    try:
        return read_ipsec(f"{_NO_GROUP}{value}")
    except UnknownPart as unknown:
        meant = meant_ipsec(f"{_NO_GROUP}{value}")
        fix = meant.removeprefix(_NO_GROUP) if meant.startswith(_NO_GROUP) else ""
        raise _no_such("proposal", value, unknown, fix) from None


def join_proposals(items: list[object]) -> tuple[object, ...]:
    """All proposals of all names, each once, in order."""
    return tuple(dict.fromkeys(proposal for item in items for proposal in _each(item)))


def weaknesses_ike(proposals: Sequence[IkeProposal]) -> list[str]:
    """What is weak about these phase 1 proposals, each reason once."""
    found = [
        reason
        for proposal in proposals
        for reason in (
            _IKE_CIPHERS.get(proposal.cipher),
            _HASHES.get(proposal.hash),
            _GROUPS.get(proposal.group),
        )
    ]
    return [reason for reason in dict.fromkeys(found) if reason]


def weaknesses_esp(proposals: Sequence[IpsecProposal]) -> list[str]:
    """What is weak about these phase 2 proposals, each reason once."""
    found = [
        reason
        for proposal in proposals
        for reason in (
            _ESP_CIPHERS.get(proposal.cipher),
            _weak_integrity(proposal),
            _GROUPS.get(proposal.group),
        )
    ]
    return [reason for reason in dict.fromkeys(found) if reason]


def _weak_integrity(proposal: IpsecProposal) -> str | None:
    """Of a bundle counts what is best."""
    if proposal.around and (proposal.integrity == Integrity.NONE or proposal.integrity in _INTEGRITIES):
        return _weak_integrity(proposal.around) if proposal.cipher not in _AEAD else None
    if proposal.integrity == Integrity.NONE and proposal.cipher not in _AEAD:
        return _NO_INTEGRITY
    return _INTEGRITIES.get(proposal.integrity)


def _expand(value: object, levels: Mapping[str, tuple[str, ...]], expects: str) -> tuple[str, ...]:
    if not isinstance(value, str) or not value:
        raise Unfit(f"{show(value)} is not {expects}.")
    return levels.get(value.lower(), (value,))


def _unfit(
    phase: str, text: str, unknown: UnknownPart, levels: Mapping[str, tuple[str, ...]], meant_by: Callable[[str], str]
) -> Unfit:
    """Names the part that is wrong; suggests what was probably meant, or a level."""
    if not set(text) & set("-;"):
        near = nearest(text.lower(), list(levels))
        meant = f'Did you mean "{near}"?' if near else f"The levels are {one_of(levels)}."
        return Unfit(f"{show(text)} is neither a {phase} proposal nor a level.", meant, "unknown-proposal")
    return _no_such(f"{phase} proposal", text, unknown, meant_by(text))


def _no_such(what: str, text: str, unknown: UnknownPart, meant: str) -> Unfit:
    missing = f"{unknown.what} is missing" + ("" if "" in text.split("-")[:-1] else " at its end")
    wrong = f'"{unknown.part}" is not {unknown.what}' if unknown.part else missing
    allowed = f" ({', '.join(unknown.allowed)})" if unknown.allowed else ""
    sentence = f"there is no {what} {show(text)}: {wrong}{allowed}."
    return Unfit(sentence, f'Did you mean "{meant}"?' if meant else "", "unknown-proposal")


def _each(item: object) -> tuple[object, ...]:
    return item if isinstance(item, tuple) else (item,)
