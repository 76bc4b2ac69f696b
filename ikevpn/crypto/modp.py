"""Diffie-Hellman in the MODP groups of RFC 2409 and RFC 3526: the primes, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from ikevpn.crypto.modexp import Modulus, modulus
from ikevpn.wire.registry import Group

_GENERATOR = b"\x02"


@dataclass(frozen=True)
class ModpGroup:
    """The group modulo 2^bits - 2^(bits-64) - 1 + 2^64 * (floor(2^(bits-130) * pi) + offset).

    `exponent_bits` is the length of our private exponents: at least twice the strength of the group (NIST SP 800-56A
    revision 3, table 26), never below 256, in whole words of 64.
    """

    bits: int
    offset: int
    exponent_bits: int

    @cached_property
    def prime(self) -> int:
        """The prime, computed from its formula. It is a safe one: (prime - 1) / 2 is prime too."""
        return int(2**self.bits - 2 ** (self.bits - 64) - 1 + 2**64 * (_scaled_pi(self.bits - 130) + self.offset))

    @cached_property
    def _modulus(self) -> Modulus:
        return modulus(self.prime)

    @property
    def private_end(self) -> int:
        """Private exponents lie above 0 and below this."""
        return self.prime - 1

    def private(self, entropy: Callable[[int], bytes]) -> bytes:
        """A fresh exponent. Its highest bit is always set, so that all have as many words and take as long."""
        octets = bytearray(entropy(self.exponent_bits // 8))
        octets[0] |= 0x80
        return bytes(octets)

    def public(self, private: bytes) -> bytes:
        """g^private."""
        return self._modulus.power(_GENERATOR, private)

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """peer_public^private. Raises ValueError for 0, 1, p - 1, p and above.

        With these gone every value has an order of at least (p - 1) / 2, as p is a safe prime.
        """
        if not 1 < int.from_bytes(peer_public, "big") < self.prime - 1:
            raise ValueError("not between 2 and p - 2")
        return self._modulus.power(peer_public, private)


MODP: Mapping[Group, ModpGroup] = MappingProxyType(
    {
        Group.MODP_768: ModpGroup(768, 149686, 256),  # RFC 2409 §6.1
        Group.MODP_1024: ModpGroup(1024, 129093, 256),  # RFC 2409 §6.2
        Group.MODP_1536: ModpGroup(1536, 741804, 256),  # RFC 3526 §2
        Group.MODP_2048: ModpGroup(2048, 124476, 256),  # RFC 3526 §3
        Group.MODP_3072: ModpGroup(3072, 1690314, 320),  # RFC 3526 §4
        Group.MODP_4096: ModpGroup(4096, 240904, 384),  # RFC 3526 §5
        Group.MODP_6144: ModpGroup(6144, 929484, 448),  # RFC 3526 §6
        Group.MODP_8192: ModpGroup(8192, 4743158, 512),  # RFC 3526 §7
    }
)


def _scaled_pi(bits: int) -> int:
    """floor(2^bits * pi), by Machin's formula pi = 16 arctan(1/5) - 4 arctan(1/239), with 64 bits to spare."""
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
