"""Keys from a passphrase, where people agree on a sentence instead of on keys: scrypt (RFC 7914), one call an SPI.

    scrypt(passphrase, salt = "ikevpn manual key" || protocol (1 octet) || SPI (4 octets), N = 32768, r = 8, p = 1)

gives the encryption key and behind it the integrity key. The SPI is that under which the packets travel, so both
directions have keys of their own, and two tunnels with one passphrase share none.
"""

from __future__ import annotations

import hashlib

from ikevpn.model.secret import Secret

SALT = b"ikevpn manual key"
COST = 32768
BLOCK = 8
PARALLEL = 1
_MEMORY = 64 << 20  # OpenSSL counts 32 MiB and a little more


def derive(passphrase: Secret, protocol: int, spi: int, octets: int) -> bytes:
    """Key material for one direction. Takes about a tenth of a second, on purpose."""
    salt = SALT + bytes([protocol]) + spi.to_bytes(4, "big")
    return hashlib.scrypt(passphrase.reveal(), salt=salt, n=COST, r=BLOCK, p=PARALLEL, maxmem=_MEMORY, dklen=octets)
