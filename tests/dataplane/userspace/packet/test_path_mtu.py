from dataclasses import replace
from ipaddress import ip_address

import pytest

from ikevpn.dataplane.userspace.packet import path_mtu
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.path_mtu import FORGOTTEN_AFTER_S, PathMtus
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation
from tests.dataplane.fakes import THERE

PEER = THERE.remote.address
SIX = Path(Endpoint.of("2001:db8::1", 4500), Endpoint.of("2001:db8::2", 4500), Encapsulation.UDP)


class Route:
    """What the kernel says."""

    def __init__(self, mtu: int = 1500) -> None:
        self.mtu = mtu
        self.asked = 0

    def __call__(self, path: Path) -> int:
        self.asked += 1
        return self.mtu


def test_the_route_is_asked_now_and_then() -> None:
    route = Route()
    mtus = PathMtus(route)
    assert [mtus.of(THERE, 0.0), mtus.of(THERE, 1.0)] == [1500, 1500]
    assert route.asked == 1
    route.mtu = 1400
    assert mtus.of(THERE, FORGOTTEN_AFTER_S - 1) == 1500
    assert mtus.of(THERE, FORGOTTEN_AFTER_S) == 1400


def test_routers_lower_it_for_a_while() -> None:
    mtus = PathMtus(Route())
    mtus.of(THERE, 0.0)
    assert mtus.learn(PEER, 1300, 10.0)
    assert mtus.of(THERE, 11.0) == 1300
    assert mtus.of(replace(THERE, remote=THERE.remote.at(500)), 11.0) == 1300  # a path to the same host
    assert not mtus.learn(PEER, 1400, 12.0)
    assert not mtus.learn(PEER, 1300, 100.0)  # no news, but it is still so
    assert mtus.of(THERE, 10.0 + FORGOTTEN_AFTER_S) == 1300
    assert mtus.of(THERE, 100.0 + FORGOTTEN_AFTER_S) == 1500


def test_what_is_no_news_changes_nothing() -> None:
    mtus = PathMtus(Route())
    assert not mtus.learn(PEER, 1300, 0.0)
    assert mtus.of(THERE, 0.0) == 1500  # nothing is kept of peers to whom we do not send
    assert not mtus.learn(PEER, 1500, 0.0)
    assert not mtus.learn(PEER, 9000, 0.0)
    assert mtus.of(THERE, 0.0) == 1500


@pytest.mark.parametrize(("path", "least"), [(THERE, 576), (SIX, 1280)])
def test_never_below_what_every_path_takes(path: Path, least: int) -> None:
    mtus = PathMtus(Route(100))
    assert mtus.of(path, 0.0) == least
    mtus = PathMtus(Route())
    mtus.of(path, 0.0)
    assert mtus.learn(path.remote.address, 68, 0.0)
    assert mtus.of(path, 0.0) == least


def test_old_routers_do_not_say_how_much_they_take() -> None:
    mtus = PathMtus(Route())
    found = [mtus.of(THERE, 0.0)]
    for _ in range(4):
        mtus.learn(PEER, 0, 0.0)
        found.append(mtus.of(THERE, 0.0))
    assert found == [1500, 1492, 1006, 576, 576]


def test_a_smaller_route_wins_over_what_was_learnt() -> None:
    route = Route()
    mtus = PathMtus(route)
    mtus.of(THERE, 0.0)
    mtus.learn(PEER, 1450, FORGOTTEN_AFTER_S - 1)
    route.mtu = 1400
    assert mtus.of(THERE, FORGOTTEN_AFTER_S) == 1400


def test_paths_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_mtu, "MOST_PATHS", 3)
    mtus = PathMtus(Route())
    for port in range(1, 20):
        mtus.of(replace(THERE, remote=THERE.remote.at(port)), 0.0)
    mtus.learn(ip_address("192.0.2.2"), 1300, 0.0)
    assert mtus.of(replace(THERE, remote=THERE.remote.at(19)), 0.0) == 1300


def test_it_is_news_when_paths_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_mtu, "MOST_PATHS", 3)
    mtus = PathMtus(Route())
    before = mtus.news
    for port in range(1, 5):
        mtus.of(replace(THERE, remote=THERE.remote.at(port)), 0.0)
    assert mtus.news > before
