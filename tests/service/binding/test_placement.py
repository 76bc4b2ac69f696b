"""Which networks stand in our own table, which in the main one, and what is left to the host."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from ikevpn.model.address import Network
from ikevpn.net.kernel.rtnetlink import Route
from ikevpn.service.binding.placement import Placement, place

PEER = ip_network("203.0.113.2/32")


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts))


def placed(
    *fixed: str, strict: bool = True, local: str = "10.1.1.0/24", peers: tuple[Network, ...] = (PEER,), **more: object
) -> Placement:
    arguments: dict[str, object] = {"contributed": (), "routes": (), **more}
    return place(networks(*fixed), strict=strict, local=networks(local), peers=peers, **arguments)  # type: ignore[arg-type]


def test_the_lan_is_left_to_the_host_where_a_wider_network_is_behind_the_tunnel() -> None:
    assert placed("10.0.0.0/8") == Placement(strict=networks("10.0.0.0/8"), past=networks("10.1.1.0/24"))
    assert placed("10.1.1.128/25").past == (), "here the network behind the tunnel is the more exact one"
    assert placed("10.1.1.0/24", local="0.0.0.0/0").past == ()


def test_of_one_network_on_both_sides_the_nearer_counts() -> None:
    assert placed("10.1.1.0/24") == Placement(main=networks("10.1.1.0/24"), past=networks("10.1.1.0/24"))


def test_the_peer_is_never_left_to_the_host() -> None:
    found = placed("0.0.0.0/0", local="203.0.113.0/24")
    assert (found.strict, found.past) == (networks("0.0.0.0/0", "203.0.113.2/32"), networks("203.0.113.0/24"))
    found = placed("203.0.113.0/24", strict=False)
    assert (found.strict, found.main, found.around) == ((PEER,), networks("203.0.113.0/24"), (PEER,))
    assert placed("203.0.113.2/32", strict=False) == Placement((PEER,), (PEER,), (), (PEER,))


def test_a_peer_somewhere_in_a_network_has_its_part_of_it() -> None:
    wide = networks("203.0.112.0/20")
    assert placed("203.0.113.0/24", strict=False, peers=wide).around == networks("203.0.113.0/24")


@pytest.mark.parametrize("version", [4, 6])
def test_beside_a_default_route_links_are_left_to_the_host_and_routers_networks_are_not(version: int) -> None:
    texts = ("192.0.2.0/24", "198.51.100.0/24", "0.0.0.0/1") if version == 4 else ("fe80::/64", "2001:db8::/32", "::/1")
    router = ip_address("192.0.2.254" if version == 4 else "fe80::1")
    link, routed, half = networks(*texts)
    routes = (Route(link, "eth0"), Route(routed, "eth0", router), Route(half, "eth0"))
    everything = "0.0.0.0/0" if version == 4 else "::/0"
    assert placed(everything, local="172.16.0.0/12", routes=routes).past == (
        networks("172.16.0.0/12", texts[0]) if version == 4 else (link,)
    )
    assert placed("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1", local="fd00::/64", routes=routes).past == networks(
        "fd00::/64"
    )


def test_what_a_peer_names_leaves_out_what_the_host_has_a_route_for() -> None:
    routes = (Route(ip_network("10.7.7.0/24"), "eth1"), Route(ip_network("10.9.0.0/16"), "eth1"))
    found = placed(contributed=networks("10.7.0.0/16", "10.9.0.0/16", "10.9.9.0/24"), routes=routes)
    assert (found.strict, found.past) == (networks("10.7.0.0/16", "10.9.9.0/24"), networks("10.7.7.0/24"))


def test_routes_in_the_main_table_are_passed_by_where_a_wider_one_is_in_ours() -> None:
    assert placed("10.3.0.0/16", "0.0.0.0/0", strict=False).past == networks("10.3.0.0/16")
