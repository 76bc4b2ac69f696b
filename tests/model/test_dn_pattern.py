"""Wildcards and containers: the examples of the ScreenOS guide (figures 45 and 46), and ours."""

from __future__ import annotations

import pytest

from ikevpn.model.dn_pattern import DnPattern
from ikevpn.model.names import name_text

KRISTINE = "CN=kristine,OU=finance,O=juniper,ST=ca,C=us"
RICK = "C=us,ST=ca,L=sf,O=juniper,OU=mkt,OU=dom,OU=west,CN=rick"
TONY = "C=us,ST=ca,L=la,O=juniper,OU=mkt,OU=west,OU=dom,CN=tony"
IN_ORDER = "container:C=us,O=juniper,OU=mkt,OU=dom,OU=west"


def matches(pattern: str, name: str) -> bool:
    found = DnPattern.of(pattern)
    assert found is not None
    again = DnPattern.of(str(found))
    assert again is not None
    assert again.matches(name_text.read(name)) == found.matches(name_text.read(name))
    return found.matches(name_text.read(name))


def test_figure_45_a_wildcard_asks_for_no_order() -> None:
    assert matches("wildcard:C=us,O=juniper", KRISTINE)


def test_figure_46_a_container_asks_for_the_order() -> None:
    assert matches(IN_ORDER, RICK)
    assert not matches(IN_ORDER, TONY)


@pytest.mark.parametrize("name", (RICK, "CN=rick,OU=west,OU=dom,OU=mkt,O=juniper,L=sf,ST=ca,C=us"))
def test_figure_46_in_either_way_of_writing(name: str) -> None:
    assert matches(IN_ORDER, name)
    assert matches("container:OU=west,OU=dom,OU=mkt,O=juniper,C=us", name)


def test_the_group_of_users_of_the_guide() -> None:
    pattern = "wildcard:o=juniper,ou=marketing"
    assert matches(pattern, "CN=jane, OU=marketing, OU=west, O=Juniper, C=US")
    assert not matches(pattern, "CN=jane, OU=sales, O=juniper, C=us")
    assert not matches(pattern, "CN=jane, OU=marketing, C=us")


@pytest.mark.parametrize(
    ("pattern", "matched"),
    (
        ("wildcard:O=juniper", True),
        ("wildcard:OU=west", True),
        ("wildcard:OU=east", False),
        ("wildcard:CN=rick, OU=mkt", True),
        ("wildcard:CN=rick, E=rick@juniper.net", False),
        ("container:OU=mkt,OU=dom,OU=west", True),
        ("container:OU=mkt,OU=dom", False),  # not all of them
        ("container:OU=west", False),
        ("container:O=juniper,CN=rick", True),
        ("container:O=juniper,CN=tony", False),
        ("container:O=juniper,E=rick@juniper.net", False),
    ),
)
def test_fields(pattern: str, matched: bool) -> None:
    assert matches(pattern, RICK) == matched


def test_what_is_no_pattern() -> None:
    assert DnPattern.of("CN=paris") is None
    assert DnPattern.of("keyid:CN=paris") is None
    with pytest.raises(ValueError, match="container: for several"):
        DnPattern.of("wildcard:OU=a,OU=b")
    with pytest.raises(ValueError, match="is not a field"):
        DnPattern.of("wildcard:")
