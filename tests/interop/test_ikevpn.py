"""The configuration that scenarios give to ikevpn is what a user would write."""

from __future__ import annotations

import tomllib
from dataclasses import replace

from interop.peers import ikevpn
from interop.tunnel import TunnelParameters

TUNNEL = TunnelParameters("192.0.2.1", "192.0.2.2", ("10.1.1.0/24",), ("10.2.2.0/24",), pfs=True)


def test_it_is_toml_with_our_names() -> None:
    text = ikevpn.configuration((TUNNEL,), daemon={"socket": "/x/socket"})
    read = tomllib.loads(text)
    assert read["daemon"] == {"socket": "/x/socket"}
    assert read["tunnel"]["t"]["secret"] == {"file": "t.psk"}
    assert read["tunnel"]["t"]["ike_proposals"] == ["pre-g2-aes128-sha"]
    assert read["tunnel"]["t"]["esp_proposals"] == ["g2-esp-aes128-sha"]
    assert TUNNEL.secret not in text


def test_identities_are_written_only_where_there_are_some() -> None:
    without = tomllib.loads(ikevpn.configuration((TUNNEL,), daemon={}))["tunnel"]["t"]
    assert "local_id" not in without
    named = replace(TUNNEL, local_id="a.example", extra=(("dpd_interval_s", 1.5),))
    with_name = tomllib.loads(ikevpn.configuration((named,), daemon={}))["tunnel"]["t"]
    assert with_name["local_id"] == "a.example"
    assert with_name["dpd_interval_s"] == 1.5
