"""Sentences are total: whatever the facts are, a readable text comes out."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from ikevpn.model.events.sentence import closest, fill, is_general, needs, show

FACTS = st.dictionaries(
    st.sampled_from(["remote", "tries", "offered", "x"]),
    st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()).map(tuple)),
)


def test_holes_are_filled_and_optional_parts_go_with_their_facts() -> None:
    template = "no answer from {remote}[ after {tries} tries][ in {seconds} s]"
    assert fill(template, {"remote": "192.0.2.1:500", "tries": 5}) == "no answer from 192.0.2.1:500 after 5 tries"


def test_a_missing_fact_outside_of_brackets_reads_as_a_general_word() -> None:
    assert fill("no answer from {remote}", {}) == "no answer from the peer"
    assert fill("{nothing of the kind}", {}) == "{nothing of the kind}"
    assert fill("{something}", {}) == "unknown"


def test_an_empty_fact_counts_as_missing() -> None:
    assert fill("up[ with {peer_id}]", {"peer_id": ""}) == "up"
    assert fill("agreed[ on {chosen}]", {"chosen": ()}) == "agreed"


def test_zero_is_a_fact() -> None:
    assert fill("[{count} packets]", {"count": 0}) == "0 packets"


@given(st.text(alphabet=string.ascii_letters + " {}[]_", max_size=60), FACTS)
def test_filling_never_fails(template: str, facts: dict[str, str]) -> None:
    assert isinstance(fill(template, facts), str)


def test_what_a_peer_says_cannot_move_the_cursor() -> None:
    assert fill("{remote} said", {"remote": "\x1b[2Jevil\r\n"}) == "?[2Jevil?? said"


def test_long_lists_are_cut() -> None:
    assert show(tuple("abcdefghij")) == "a, b, c, d, e, f, g, h, and 2 more"
    assert show(()) == "nothing"


def test_numbers_are_short() -> None:
    assert [show(1.23456), show(1234.56), show(True), show(7)] == ["1.23", "1235", "yes", "7"]


def test_needs_only_what_stands_outside_of_brackets() -> None:
    assert needs("[{a} ]{b} {c}") == {"b", "c"}
    assert is_general("{remote} is silent") and not is_general("{fix}")


def test_the_closest_pair_is_named_with_its_difference() -> None:
    offered = ("pre-g2-aes128-sha", "pre-g5-3des-md5")
    assert closest(offered, ("pre-g14-aes128-sha", "pre-g14-aes256-sha256")) == (
        "pre-g2-aes128-sha differs from pre-g14-aes128-sha only in g2 vs g14"
    )


def test_nothing_is_close_to_names_of_another_grammar() -> None:
    assert closest(("a-b",), ("a-b-c",)) == ""
    assert closest((), ("a-b-c",)) == ""
