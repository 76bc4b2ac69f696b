from __future__ import annotations

import re
from hashlib import md5
from pathlib import Path

import pytest

from ikevpn.wire import vendor
from ikevpn.wire.vendor import ROWS, Capability, VendorRow, recognise

SENT = (
    (vendor.RFC_3947, Capability.NATT_RFC),
    (vendor.NATT_DRAFT_00, Capability.NATT_DRAFT_00),
    (vendor.NATT_DRAFT_02, Capability.NATT_DRAFT_02),
    (vendor.NATT_DRAFT_02N, Capability.NATT_DRAFT_02N),
    (vendor.NATT_DRAFT_03, Capability.NATT_DRAFT_03),
    (vendor.DPD, Capability.DPD),
    (vendor.XAUTH, Capability.XAUTH),
    (vendor.UNITY, Capability.UNITY),
    (vendor.FRAGMENTATION, Capability.FRAGMENTATION),
    (vendor.HEARTBEAT, Capability.HEARTBEAT),
)
SOURCES = re.compile(r"(md5|text|list:|capture of|RFC|strongSwan) ", re.DOTALL)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_source_of_every_row(row: VendorRow) -> None:
    assert SOURCES.match(row.source)
    kind, _, text = row.source.partition(" ")
    if kind == "md5":
        assert md5(text.encode()).digest().startswith(row.prefix)
    if kind == "text":
        assert row.prefix == text.encode()


def test_rows_are_distinct() -> None:
    assert len({row.prefix for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("data", "capability"), SENT)
def test_what_we_send_is_recognised(data: bytes, capability: Capability) -> None:
    row = recognise(data)
    assert row is not None
    assert row.capability == capability
    assert row.product == ""


@pytest.mark.parametrize(
    ("data", "product", "name"),
    [
        ("166f932d55eb64d8e4df4fd37e2313f0d0fd84510000000000000000", "screenos", "ScreenOS 5.2 or later"),
        ("1e2b516905991c7d7c96fcbfb587e46100000009", "windows", "Windows 8 or later"),
        ("1e2b516905991c7d7c96fcbfb587e461000000ff", "windows", "Windows"),
        ("4f454e5f52685050487b645e", "libreswan", "Libreswan or Openswan"),
        ("4f4547407c7673775449546e", "openswan", "Openswan or Libreswan"),
        ("5b362bc820f60007", "sonicwall", "SonicWall"),
    ],
)
def test_the_longest_prefix_wins(data: str, product: str, name: str) -> None:
    row = recognise(bytes.fromhex(data))
    assert row is not None
    assert (row.product, row.name) == (product, name)


@pytest.mark.parametrize("data", [b"", b"O", b"deadbeef", vendor.RFC_3947[:-1]])
def test_nothing_else_is_recognised(data: bytes) -> None:
    assert recognise(data) is None


def test_the_published_list_agrees(corpus: Path) -> None:
    listed: dict[str, list[bytes]] = {}
    for line in (corpus / "reference" / "ike-vendor-ids.txt").read_text(encoding="latin-1").splitlines():
        if match := re.fullmatch(r"([^#\t]+)\t+\^([0-9a-f]+)[.$]*", line):
            listed.setdefault(match[1].strip(), []).append(bytes.fromhex(match[2][: len(match[2]) // 2 * 2]))
    for row in ROWS:
        kind, _, name = row.source.partition(" ")
        if kind == "list:" and name in listed:
            assert any(each.startswith(row.prefix) or row.prefix.startswith(each) for each in listed[name]), row
