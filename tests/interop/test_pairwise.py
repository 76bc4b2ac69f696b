"""Covering arrays cover, and the matrix is one."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from interop.scenarios import matrix
from interop.stage import pairwise

VALUES = st.lists(st.integers(0, 9).map(str), min_size=1, max_size=4, unique=True)


@given(st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=2, max_size=4))
def test_every_pair_meets(factors: dict[str, list[str]]) -> None:
    rows = pairwise.cover(factors)
    met = set().union(*(pairwise.pairs(row) for row in rows))
    everything = (dict(zip(factors, values, strict=True)) for values in product(*factors.values()))
    assert met == set().union(*(pairwise.pairs(row) for row in everything))


def test_the_matrix_is_small_and_always_the_same() -> None:
    rows = pairwise.cover(matrix.FACTORS)
    assert rows == pairwise.cover(matrix.FACTORS)
    assert 30 <= len(rows) <= 36  # five suites by six are thirty at least
