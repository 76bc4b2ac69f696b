"""Offers in words: `3des-sha1-modp1024, psk, 28800 s`. Total: numbers nobody assigned are named by their number, an
attribute that repeats or that we do not know is listed behind the others."""

from __future__ import annotations

from collections.abc import Mapping

from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.payloads.proposal import Proposal, Transform
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

# One table an enumeration: members of different ones are equal to each other where their numbers are.
_WORDS: Mapping[type[OpenEnum], Mapping[OpenEnum, str]] = {
    Integrity: {
        Integrity.HMAC_MD5: "md5",
        Integrity.HMAC_SHA1: "sha1",
        Integrity.HMAC_SHA2_256: "sha256",
        Integrity.HMAC_SHA2_384: "sha384",
        Integrity.HMAC_SHA2_512: "sha512",
        Integrity.HMAC_RIPEMD: "ripemd",
    },
    Group: {
        Group.MODP_1024_160: "modp1024s160",
        Group.MODP_2048_224: "modp2048s224",
        Group.MODP_2048_256: "modp2048s256",
    },
    LifeType: {LifeType.SECONDS: "s", LifeType.KILOBYTES: "KB"},
}
_UNABRIDGED = (Auth, Mode)
_ABRIDGED = (("triple-", "3"), ("-cbc", ""), ("sha2-", "sha"), ("-", ""))


def word(number: OpenEnum) -> str:
    """The short name of an algorithm: `3des`, `aes`, `sha256`, `modp1024`, `aesgcm16`; `unknown-99` if unassigned."""
    special = _WORDS.get(type(number), {}).get(number)
    if special is not None:
        return special
    text = number.label
    if number.known and not isinstance(number, _UNABRIDGED):
        for long, short in _ABRIDGED:
            text = text.replace(long, short)
    return text


def value(attribute: Attribute) -> str:
    """The value of an attribute of unknown meaning: a number where it can be one, else how long it is."""
    return f"<{len(attribute.value)} octets>" if len(attribute.value) > 8 else str(attribute.number)


def transform(each: Transform, protocol: Protocol) -> str:
    """One transform of a proposal for `protocol`."""
    if protocol == Protocol.ISAKMP:
        return _phase1(each)
    return _phase2(each, protocol)


def proposal(each: Proposal) -> str:
    """One proposal on one line: `#1 esp c0ffee00: aes128-sha1, tunnel, 3600 s | 3des-md5, tunnel, 3600 s`."""
    spi = f" {each.spi.hex()}" if each.spi else ""
    return f"#{each.number} {each.protocol.label}{spi}: " + " | ".join(
        transform(alternative, each.protocol) for alternative in each.transforms
    )


class _Attributes:
    """The attributes of a transform, handed out one by one so that what is left over can be listed at the end."""

    def __init__(self, attributes: tuple[Attribute, ...], life_type: int, life_duration: int) -> None:
        self._left = list(attributes)
        self._life_type = life_type
        self._life_duration = life_duration

    def pop(self, kind: int) -> int | None:
        """The number of the first attribute of a kind, if there is one that can be a number."""
        for index, each in enumerate(self._left):
            if each.type == kind and len(each.value) <= 8:
                return self._left.pop(index).number
        return None

    def named(self, kind: int, names: type[OpenEnum], prefix: str = "") -> list[str]:
        """The word for the first attribute of a kind as a list of one, or an empty list."""
        number = self.pop(kind)
        return [] if number is None else [prefix + word(names(number))]

    def lifetimes(self) -> list[str]:
        """All pairs of life type and duration."""
        found = []
        while (duration := self.pop(self._life_duration)) is not None:
            unit = self.pop(self._life_type)
            found.append(f"{duration} {'of no unit' if unit is None else word(LifeType(unit))}")
        return found

    def others(self) -> list[str]:
        return [f"attribute {each.type} = {value(each)}" for each in self._left]


def _cipher(name: str, bits: int | None) -> str:
    """Key bits stand behind the family: `aes128`, `aes128gcm16`."""
    if bits is None:
        return name
    for mode in ("gcm", "ccm", "ctr", "gmac"):
        family, found, rest = name.partition(mode)
        if found:
            return f"{family}{bits}{mode}{rest}"
    return f"{name}{bits}"


def _phase1(each: Transform) -> str:
    left = _Attributes(each.attributes, Ike.LIFE_TYPE, Ike.LIFE_DURATION)
    bits = left.pop(Ike.KEY_LENGTH)
    ciphers = [_cipher(name, bits) for name in left.named(Ike.ENCRYPTION, IkeCipher)]
    suite = "-".join([*ciphers, *left.named(Ike.HASH, Hash), *left.named(Ike.GROUP, Group)])
    return ", ".join([suite or "nothing", *left.named(Ike.AUTHENTICATION, Auth), *left.lifetimes(), *left.others()])


def _phase2(each: Transform, protocol: Protocol) -> str:
    left = _Attributes(each.attributes, Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)
    names: Mapping[Protocol, type[OpenEnum]] = {
        Protocol.ESP: EspCipher,
        Protocol.AH: AhTransform,
        Protocol.IPCOMP: IpcompTransform,
    }
    kind = names.get(protocol)
    name = f"transform {each.id}" if kind is None else word(kind(each.id))
    suite = "-".join([_cipher(name, left.pop(Ipsec.KEY_LENGTH)), *left.named(Ipsec.AUTHENTICATION, Integrity)])
    return ", ".join(
        [
            suite,
            *left.named(Ipsec.MODE, Mode),
            *left.named(Ipsec.GROUP, Group, "pfs "),
            *left.lifetimes(),
            *left.others(),
        ]
    )
