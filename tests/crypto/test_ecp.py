"""Points of the curves: private scalars stay in range, sizes are those of the table."""

from __future__ import annotations

import pytest

from ikevpn.crypto.ecp import ECP
from ikevpn.crypto.tables import GROUPS
from ikevpn.wire.registry import Group

EVERY = sorted(ECP)


@pytest.mark.parametrize("group", EVERY)
def test_scalars_are_in_range_whatever_the_entropy_gives(group: Group) -> None:
    row = ECP[group]
    end = row.private_end
    asked: list[int] = []

    def private(drawn: int) -> int:
        def entropy(size: int) -> bytes:
            asked.append(size)
            return drawn.to_bytes(size, "big")

        return int.from_bytes(row.private(entropy), "big")

    assert [private(drawn) for drawn in (0, end - 2, end - 1, end, 3 * end)] == [1, end - 1, 1, 2, 4]
    assert min(asked) * 8 >= end.bit_length() + 64


@pytest.mark.parametrize("group", EVERY)
def test_sizes_in_the_table_are_those_of_the_field(group: Group) -> None:
    field = (ECP[group].curve.key_size + 7) // 8
    assert (GROUPS[group].public, GROUPS[group].shared) == (2 * field, field)
    assert len(ECP[group].public(b"\x01")) == 2 * field
