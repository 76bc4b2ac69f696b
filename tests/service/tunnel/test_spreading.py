"""Policy tunnels that name no device, over several workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.load import load
from ikevpn.service.tunnel.spreading import Spreading

TUNNEL = """
[tunnel.{name}]
remote = "{remote}"
secret = {{ file = "psk" }}
local_networks = ["10.1.0.0/16", "fd01::/32"]
remote_networks = {networks}
{more}
"""


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Tunnels by name, each with its remote, its networks and other keys."""
    secret = tmp_path / "psk"
    secret.write_text("a long enough secret")
    secret.chmod(0o600)

    def read(**tunnels: tuple[str, list[str], str]) -> dict[str, TunnelConfig]:
        path = tmp_path / "ikevpn.toml"
        path.write_text(
            "".join(
                TUNNEL.format(name=name, remote=remote, networks=networks, more=more)
                for name, (remote, networks, more) in tunnels.items()
            )
        )
        return dict(load(path).tunnels)

    return read


def devices(spread: dict[str, TunnelConfig]) -> dict[str, str]:
    return {name: tunnel.device for name, tunnel in spread.items()}


def test_one_device_a_worker(read) -> None:  # type: ignore[no-untyped-def]
    tunnels = read(**{f"t{n}": (f"192.0.2.{n}", [f"10.{n}.0.0/16"], "") for n in range(2, 7)})
    assert devices(Spreading(1).spread(tunnels)) == dict.fromkeys(tunnels, "ikevpn0")
    spread = devices(Spreading(2).spread(tunnels))
    assert spread == {"t2": "ikevpn0", "t3": "ikevpn1", "t4": "ikevpn0", "t5": "ikevpn1", "t6": "ikevpn0"}


def test_what_names_its_device_or_has_its_own_keeps_it(read) -> None:  # type: ignore[no-untyped-def]
    tunnels = read(
        named=("192.0.2.2", ["10.2.0.0/16"], 'device = "ikevpn0"'),
        routed=("192.0.2.3", ["10.3.0.0/16"], 'binding = "route"'),
        free=("192.0.2.4", ["10.4.0.0/16"], ""),
        other=("192.0.2.5", ["10.5.0.0/16"], ""),
    )
    spread = devices(Spreading(4).spread(tunnels))
    assert spread == {"named": "ikevpn0", "routed": "vpn-routed", "free": "ikevpn0", "other": "ikevpn1"}


def test_overlapping_networks_and_one_peer_stay_together(read) -> None:  # type: ignore[no-untyped-def]
    tunnels = read(
        wide=("192.0.2.2", ["10.16.0.0/12"], ""),
        apart=("192.0.2.3", ["10.64.0.0/16"], ""),
        within=("192.0.2.4", ["10.17.0.0/16", "fd02::/32"], ""),
        chained=("192.0.2.5", ["fd02:0:1::/48"], ""),
        peer=("192.0.2.3", ["10.80.0.0/16"], ""),
    )
    spread = devices(Spreading(3).spread(tunnels))
    assert spread["wide"] == spread["within"] == spread["chained"] != spread["apart"] == spread["peer"]
    everything = read(any=("any", ["0.0.0.0/0"], ""), one=("192.0.2.2", ["10.2.0.0/16"], ""))
    assert set(devices(Spreading(3).spread(everything)).values()) == {"ikevpn0"}


def test_a_reload_moves_nothing_that_need_not_move(read) -> None:  # type: ignore[no-untyped-def]
    spreading = Spreading(2)
    two = {f"t{n}": (f"192.0.2.{n}", [f"10.{n}.0.0/16"], "") for n in (2, 3)}
    before = devices(spreading.spread(read(**two)))
    after = devices(spreading.spread(read(a=("192.0.2.9", ["10.9.0.0/16"], ""), **two)))
    assert {name: after[name] for name in two} == before
    gone = devices(spreading.spread(read(t3=two["t3"], b=("192.0.2.8", ["10.8.0.0/16"], ""))))
    assert gone == {"t3": before["t3"], "b": "ikevpn0"}


def test_overlapping_routes_stay_together(read) -> None:  # type: ignore[no-untyped-def]
    """Their networks do not overlap, but two devices could not have the same route."""
    everything = 'routes = ["10.0.0.0/8", "fd00::/16"]'
    tunnels = read(
        a=("192.0.2.2", ["10.2.0.0/16"], everything),
        b=("192.0.2.3", ["10.3.0.0/16"], everything),
        other=("192.0.2.4", ["172.16.0.0/16"], ""),
        within=("192.0.2.5", ["fd00:1::/32"], ""),
    )
    spread = devices(Spreading(2).spread(tunnels))
    assert spread["a"] == spread["b"] == spread["within"] != spread["other"]


def test_what_overlaps_with_a_named_device_goes_there(read) -> None:  # type: ignore[no-untyped-def]
    tunnels = read(
        first=("192.0.2.2", ["10.2.0.0/16"], ""),
        free=("192.0.2.3", ["10.3.0.0/16"], ""),
        named=("192.0.2.4", ["10.3.3.0/24"], 'device = "ikevpn0"'),
    )
    spread = devices(Spreading(2).spread(tunnels))
    assert spread["free"] == spread["named"] == "ikevpn0"


def test_nothing_is_put_on_a_device_that_somebody_has_named(read) -> None:  # type: ignore[no-untyped-def]
    spreading = Spreading(3)
    free = {f"t{n}": (f"192.0.2.{n}", [f"10.{n}.0.0/16"], "") for n in (2, 3, 4)}
    before = devices(spreading.spread(read(**free)))
    assert before == {"t2": "ikevpn0", "t3": "ikevpn1", "t4": "ikevpn2"}
    mine = ("192.0.2.9", ["10.9.0.0/16"], 'device = "ikevpn1"')
    after = devices(spreading.spread(read(**free, mine=mine)))
    assert after == {"t2": "ikevpn0", "t3": "ikevpn0", "t4": "ikevpn2", "mine": "ikevpn1"}
