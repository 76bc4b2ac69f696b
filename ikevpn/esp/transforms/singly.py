"""What transforms have in common that take packets one by one: there is no way for runs."""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.esp.transforms.cbc import Octets
from ikevpn.esp.transforms.room import Rows


class SealsSingly:
    """Part of a `transform.Sealing`."""

    __slots__ = ()

    def rows(self, count: int, padded: int) -> Rows | None:
        """See `Sealing.rows`."""
        return None

    def seal_rows(self, sequences: range, padded: int) -> Rows:
        raise AssertionError("there is no way for runs")


class OpensSingly:
    """Part of a `transform.Opening` that decrypts as it authenticates."""

    __slots__ = ()

    def decrypt(self, authentic: Sequence[Octets]) -> list[bytes]:
        """`authentic` as bytes."""
        return list(map(bytes, authentic))

    def open_rows(self, packets: Rows, sequences: range) -> Rows | None:
        """See `Opening.open_rows`."""
        return None
