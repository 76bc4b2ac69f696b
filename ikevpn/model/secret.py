"""Octets that must never be printed."""

from __future__ import annotations

import hmac


class Secret:
    """Wraps key material. Prints only its length; compares in constant time."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = bytes(octets)

    def reveal(self) -> bytes:
        """The octets themselves; every caller of this is a place to review."""
        return self._octets

    def __len__(self) -> int:
        return len(self._octets)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        """Keyed anew in each process (PEP 456), so that it tells nothing; ten thousand secrets are found at once."""
        return hash(self._octets)

    def __repr__(self) -> str:
        return f"<secret, {len(self._octets)} octets>"
