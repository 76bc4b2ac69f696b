"""Names in certificates, as paths compare them (RFC 5280 §7.1): without regard to case, spaces and kind of string, but
part by part in the same order. Pure.
"""

from __future__ import annotations

from cryptography import x509

from ikevpn.model.names.distinguished_name import DistinguishedName
from ikevpn.pki.reading import WRONG


def same_name(one: x509.Name, other: x509.Name) -> bool:
    """False too for names that do not parse."""
    if one == other:
        return True
    try:
        return _plain(one) == _plain(other)
    except WRONG:
        return False


def _plain(name: x509.Name) -> bytes:
    return DistinguishedName.read(name.public_bytes()).plain.write()
