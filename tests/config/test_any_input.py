"""Whatever stands in a file, the answer is a configuration or sentences; nothing else is ever raised."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikevpn.config.check import check
from ikevpn.config.finding import Unfit
from ikevpn.config.keys.key import Table, key_of
from ikevpn.config.keys.network_kinds import InterfaceAddress, Network, OwnAddress, PeerIdentity, Place, Prefix, Remote
from ikevpn.config.keys.schema import DaemonTable, TunnelTable
from ikevpn.config.keys.traffic_keys import SelectorTable
from ikevpn.config.load import load
from ikevpn.config.proposals.names import EspProposals, IkeProposals
from ikevpn.config.toml.document import dotted
from tests.config.conftest import Write

scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.text(max_size=12),
    st.datetimes(),
    st.sampled_from(
        ["any", "peer", "", "10.1.1.1/24", "10.1.1.0/24", "::/0", "pre-g2-aes-sha", "nopfs-esp-3des-sha", "-", "/"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
kinds = [
    key_of(field).kind for table in (DaemonTable, TunnelTable, SelectorTable) for field in dataclasses.fields(table)
]
kinds = [kind for kind in kinds if not isinstance(kind, Table)]
kinds += [Network(), Prefix(), OwnAddress(), Remote(), Place(), PeerIdentity(True), InterfaceAddress()]
kinds += [IkeProposals(), EspProposals()]


@given(st.sampled_from(kinds), values)
@settings(max_examples=1000)
def test_a_kind_reads_or_raises_unfit(kind: object, value: object) -> None:
    try:
        kind.read(value)  # type: ignore[attr-defined]
    except Unfit as unfit:
        assert unfit.sentence.endswith(".")
        assert "\n" not in unfit.sentence


@given(st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text(write: Write, text: str) -> None:
    path = write("")
    path.write_text(text, encoding="utf-8", errors="replace")
    for finding in check(path).errors:
        assert str(finding).startswith(str(path))


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_octets(write: Write, octets: bytes) -> None:
    path = write("")
    path.write_bytes(octets)
    check(path)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (("tunnel", "paris", "mode"), "tunnel.paris.mode"),
        (("tunnel", "paris.example", "selector", 0, "local"), 'tunnel."paris.example".selector[1].local'),
    ],
)
def test_keys_as_they_are_written(keys: tuple[str | int, ...], text: str) -> None:
    assert dotted(keys) == text


def test_lines_are_found_behind_lists_and_comments(tunnel: Write) -> None:
    path = tunnel("# a comment", 'natt_drafts = [\n  "rfc3947",\n  "draft-99",\n]', '"mtu" = 5')
    assert [str(each).removeprefix(str(path)).split(" ")[0] for each in check(path).errors] == [":7:", ":11:"]


def test_many_tunnels(write: Write) -> None:
    table = '[tunnel.t{0}]\nremote = "10.{1}.{2}.1"\nsecret = {{ file = "paris.psk" }}\nbinding = "route"\n'
    path = write("".join(table.format(n, n // 250, n % 250) for n in range(200)))
    assert len(load(path).tunnels) == 200
