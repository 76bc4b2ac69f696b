"""What needs no kernel: names of tables, and a host without nftables."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.errors import HostError
from ikevpn.net.kernel import nftables
from ikevpn.net.kernel.inward import Fate
from ikevpn.net.kernel.packet_table import PacketTable, table_name
from tests.net_rooms.kernel.test_packet_rules import ACCEPT, DISCARD


def test_a_table_for_each_state_folder() -> None:
    assert table_name(Path("/run/ikevpn")) == "ikevpn"
    one, two = table_name(Path("/run/one")), table_name(Path("/run/two"))
    assert one != two and one.startswith("ikevpn_") and one.isascii() and len(one) == 15


def test_a_host_without_nftables_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nftables, "LIBRARY", "libnftables.so.0-missing")
    table = PacketTable()
    table.add_device("vpn0")
    table.add_pair(ACCEPT)
    assert table.discarded() is None and table.others() == [] and not table.restore()
    for _ in range(2):
        with pytest.raises(HostError, match=r"libnftables.so.0-missing is missing") as caught:
            table.add_pair(DISCARD)
        assert "Install the package nftables" in caught.value.fix and "when_unprotected" in caught.value.fix
    assert {pair.fate for pair in table.content()[0]} == {Fate.ACCEPT}
    table.delete_pair(ACCEPT)
    table.close()
    assert not nftables.is_installed()
