"""What was probably meant by a name that is no proposal's: only what is one is ever offered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ikevpn.config.finding import nearest
from ikevpn.model.algorithm_names import AND, GROUPS
from ikevpn.model.proposal_name import UnknownPart, read_ike, read_ipsec

_USUAL_GROUP = "g14"
_USUAL = ("pre", _USUAL_GROUP, "esp", "aes128", "sha")
"""What stands in for a part that is missing, whichever of them may."""
_FORGOTTEN_IKE, _FORGOTTEN_IPSEC = "pre-", "g14-"
_MODP = {768: 1, 1024: 2, 1536: 5, 2048: 14, 3072: 15, 4096: 16, 6144: 17, 8192: 18}
_ECP = {256: 19, 384: 20, 521: 21}
_OTHERS_WORDS = {
    **{f"modp{bits}": f"g{group}" for bits, group in _MODP.items()},
    **{f"ecp{bits}": f"g{group}" for bits, group in _ECP.items()},
    **{f"dh{group}": f"g{group}" for group in (*_MODP.values(), *_ECP.values())},
    **{f"sha2_{bits}": f"sha{bits}" for bits in (256, 384, 512)},
    "curve25519": "g31",
    "x25519": "g31",
    "aes": "aes128",
    **{
        f"aes{bits}{mode}{8 * octets}": f"aes{bits}{mode}{octets}"
        for bits in (128, 192, 256)
        for mode in ("gcm", "ccm")
        for octets in (8, 12, 16)
    },
    "sha1": "sha",
}
"""What strongSwan and libreswan write, by what is written here."""
_MOST_SLIPS = 2


def meant_ike(text: str) -> str:
    """The phase 1 proposal that was probably meant, or nothing."""
    return _first(text, read_ike, _FORGOTTEN_IKE, lambda groups, rest: ["pre", *groups, *rest])


def meant_ipsec(text: str) -> str:
    """The phase 2 proposal that was probably meant, or nothing."""
    return _first(text, read_ipsec, _FORGOTTEN_IPSEC, lambda groups, rest: [*(groups or ["nopfs"]), "esp", *rest])


Read = Callable[[str], object]
Order = Callable[[list[str], list[str]], list[str]]
"""All words of a name from those for its groups and the others."""


def _first(text: str, read: Read, forgotten: str, order: Order) -> str:
    lower = text.lower()
    candidates = (_translated(lower, order), forgotten + lower, *_mended(lower, read))
    return next((candidate for candidate in candidates if _is_read(candidate, read)), "")


def _is_read(text: str, read: Read) -> bool:
    try:
        read(text)
    except UnknownPart:
        return False
    return True


def _translated(text: str, order: Order) -> str:
    """`aes256-sha256-modp2048`: the group stands last, and what is used for is not said."""
    words = [_OTHERS_WORDS.get(word, word) for word in re.split("[-;]", text.rstrip("!"))]
    words = [word for word in words if not word.startswith("prf")]
    return "-".join(order([word for word in words if word in GROUPS], [word for word in words if word not in GROUPS]))


def _mended(text: str, read: Read) -> Iterator[str]:
    """The same name with its wrong part changed, and then with the next one that is wrong."""
    for _ in range(_MOST_SLIPS):
        try:
            read(text)
        except UnknownPart as unknown:
            text = _without_slip(text, unknown)
        else:
            return
        yield text


def _without_slip(text: str, unknown: UnknownPart) -> str:
    if not unknown.allowed:  # more stands at the end than may
        return text.removesuffix(unknown.part)[:-1]
    if not unknown.part:
        usual = next((word for word in _USUAL if word in unknown.allowed), unknown.allowed[0])
        if AND in text:
            return text
        return _put_into_gap(text, usual)
    near = _near_group(unknown) if set(unknown.allowed) & set(GROUPS) else nearest(unknown.part, unknown.allowed)
    wrong = f"(?<![^-{AND}]){re.escape(unknown.part)}(?![^-{AND}])"  # a whole part, or several
    return re.sub(wrong, near, text) if near else text


def _near_group(unknown: UnknownPart) -> str:
    """A group with other digits may be far weaker, so none is near. In place of one that we lack: g14."""
    digits = re.sub(r"\D", "", unknown.part)
    same = [word for word in unknown.allowed if re.sub(r"\D", "", word) == digits]
    return nearest(unknown.part, same) or (_USUAL_GROUP if re.fullmatch(r"g\d*", unknown.part) else "")


def _put_into_gap(text: str, word: str) -> str:
    """Where two hyphens meet or the name begins with one, else at its end."""
    parts = text.split("-")
    if "" in parts[:-1]:
        parts[parts.index("")] = word
        return "-".join(parts)
    return f"{text.rstrip('-')}-{word}"
