"""Exponentiation modulo a large prime, by OpenSSL; where its libcrypto cannot be found there is none.

OpenSSL's own Diffie-Hellman is out of reach: the `cryptography` package has deprecated it, and it tests a prime that it
does not know by name on every use, which costs 25 ms in group 2. So we call the one function that matters directly. It
takes the same time for all exponents of one length in 64-bit words. `pow` is ten times slower and does not, so that
whoever measures our answers learns of our secrets: we do not fall back to it.

Measured in ms, with a 256-bit exponent modulo 1024 and 2048 bits: OpenSSL 0.06 and 0.21, gmpy2 0.09 and 0.35,
pow 0.67 and 2.3.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Protocol

from ikevpn.errors import HostError

_SONAMES = ("libcrypto.so.3", "libcrypto.so.4", "libcrypto.so.1.1")
_HANDLE, _INT, _OCTETS = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p

# name of the function: what it returns and takes, from openssl/bn.h
_PROTOTYPES: Mapping[str, tuple[Any, tuple[Any, ...]]] = MappingProxyType(
    {
        "BN_new": (_HANDLE, ()),
        "BN_clear_free": (None, (_HANDLE,)),
        "BN_bin2bn": (_HANDLE, (_OCTETS, _INT, _HANDLE)),
        "BN_bn2binpad": (_INT, (_HANDLE, _OCTETS, _INT)),
        "BN_CTX_new": (_HANDLE, ()),
        "BN_CTX_free": (None, (_HANDLE,)),
        "BN_MONT_CTX_new": (_HANDLE, ()),
        "BN_MONT_CTX_set": (_INT, (_HANDLE, _HANDLE, _HANDLE)),
        "BN_mod_exp_mont_consttime": (_INT, (_HANDLE, _HANDLE, _HANDLE, _HANDLE, _HANDLE, _HANDLE)),
    }
)


class Modulus(Protocol):
    """An odd number that one computes modulo. It lives as long as the process."""

    def power(self, base: bytes, exponent: bytes) -> bytes:
        """base^exponent, in as many octets as the modulus has. Numbers are big-endian, `base` below the modulus."""


class OpensslModulus:
    """OpenSSL's big numbers, with everything that depends on the modulus alone computed once (Montgomery form)."""

    def __init__(self, library: ctypes.CDLL, modulus: int) -> None:
        self._library = library
        self._size = (modulus.bit_length() + 7) // 8
        self._modulus = _made(library.BN_bin2bn(modulus.to_bytes(self._size, "big"), self._size, None))
        self._montgomery = _made(library.BN_MONT_CTX_new())
        context = _made(library.BN_CTX_new())
        _made(library.BN_MONT_CTX_set(self._montgomery, self._modulus, context))
        library.BN_CTX_free(context)

    def power(self, base: bytes, exponent: bytes) -> bytes:
        """As `Modulus.power`. Threads may call it at once: only the modulus is shared, and that only read."""
        library = self._library
        result = library.BN_new()
        number = library.BN_bin2bn(base, len(base), None)
        secret = library.BN_bin2bn(exponent, len(exponent), None)
        context = library.BN_CTX_new()
        octets = ctypes.create_string_buffer(self._size)
        try:
            for handle in (result, number, secret, context):
                _made(handle)
            power = library.BN_mod_exp_mont_consttime
            _made(power(result, number, secret, self._modulus, context, self._montgomery))
            library.BN_bn2binpad(result, octets, self._size)
            return octets.raw
        finally:
            for handle in (result, number, secret):
                library.BN_clear_free(handle)
            library.BN_CTX_free(context)


def modulus(number: int) -> Modulus:
    """`number`, odd, to compute modulo of. Raises HostError where there is no libcrypto."""
    return OpensslModulus(require(), number)


def require() -> ctypes.CDLL:
    """The system's libcrypto. Raises HostError where it cannot be loaded."""
    library = libcrypto()
    if library is None:
        raise HostError(
            f"OpenSSL ({', '.join(_SONAMES)}) cannot be loaded, and without it no Diffie-Hellman takes constant time",
            fix="install it: `apt install libssl3`, `dnf install openssl-libs` or `apk add libcrypto3`",
            reason="no-libcrypto",
        )
    return library


@cache
def libcrypto() -> ctypes.CDLL | None:
    """The system's libcrypto with our functions declared; on most systems Python's `hashlib` has loaded it already."""
    for soname in _SONAMES:
        try:
            library = ctypes.CDLL(soname)
            for name, (result, arguments) in _PROTOTYPES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):
            continue
        return library
    return None


def _made(result: int | None) -> int:
    """What OpenSSL returned, unless it is its sign of failure; with valid handles only memory can fail."""
    if not result:
        raise MemoryError("OpenSSL has no memory for a big number")
    return result
