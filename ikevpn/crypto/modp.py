"""Diffie-Hellman in the MODP groups: the primes, and exponentiation modulo them.

Knows integers only; sizes on the wire and the refusal of bad public values are in `groups`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from ikevpn.wire.registry import Group

GENERATOR = 2


@dataclass(frozen=True, slots=True)
class Modp:
    """A prime 2^bits - 2^(bits-64) - 1 + 2^64 * (floor(2^(bits-130) * pi) + offset).

    `exponent_bits` is the length of our private exponents: at least twice the strength of the group
    (NIST SP 800-56A revision 3, table 26; 128 bits of strength for the small groups, which have less), in whole words.
    """

    bits: int
    offset: int
    exponent_bits: int


MODP: Mapping[Group, Modp] = MappingProxyType({
    Group.MODP_768: Modp(768, 149686, 256),  # RFC 2409 §6.1
    Group.MODP_1024: Modp(1024, 129093, 256),  # RFC 2409 §6.2
    Group.MODP_1536: Modp(1536, 741804, 256),  # RFC 3526 §2
    Group.MODP_2048: Modp(2048, 124476, 256),  # RFC 3526 §3
    Group.MODP_3072: Modp(3072, 1690314, 320),  # RFC 3526 §4
    Group.MODP_4096: Modp(4096, 240904, 384),  # RFC 3526 §5
    Group.MODP_6144: Modp(6144, 929484, 448),  # RFC 3526 §6
    Group.MODP_8192: Modp(8192, 4743158, 512),  # RFC 3526 §7
})


@cache
def prime(group: Group) -> int:
    """The prime of a MODP group, computed once from its formula."""
    row = MODP[group]
    pi = _scaled_pi(row.bits - 130)
    return int(2**row.bits - 2 ** (row.bits - 64) - 1 + 2**64 * (pi + row.offset))


def power(group: Group, base: int, exponent: int) -> int:
    """base^exponent modulo the group's prime, for 1 < base < prime - 1."""
    return pow(base, exponent, prime(group))


def _scaled_pi(bits: int) -> int:
    """floor(2^bits * pi), by Machin's formula pi = 16 arctan(1/5) - 4 arctan(1/239) with 64 bits to spare."""
    unit = 1 << (bits + 64)
    return (16 * _scaled_arctan(5, unit) - 4 * _scaled_arctan(239, unit)) >> 64


def _scaled_arctan(inverse: int, unit: int) -> int:
    """unit * arctan(1/inverse), by its power series."""
    term = unit // inverse
    total, odd, sign = term, 1, 1
    while term:
        term //= inverse * inverse
        odd += 2
        sign = -sign
        total += sign * (term // odd)
    return total
