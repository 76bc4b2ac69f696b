"""Which routes win over a tunnel's, by the real kernel, in a namespace of its own.

wan 192.0.2.1/24, 2001:db8::1/64 ── default via 192.0.2.254, 2001:db8::fe
lan 10.1.1.1/24, fd01::1/64, from where this host forwards
vpn0: stands for a TUN device, and has all of 10.2.0.0/16 and fd02::/32
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from ikevpn.model.address import AddressRange
from ikevpn.net.follow.rivals import Claim, find_rivals
from ikevpn.net.kernel.rtnetlink import MAIN_TABLE, Kernel
from ikevpn.net.kernel.rule import TUNNELS_TABLE
from ikevpn.net.plan.addresses import plan_device
from ikevpn.net.plan.journal import Journal
from ikevpn.net.plan.ledger import Ledger
from ikevpn.net.plan.routes import plan_routes
from ikevpn.net.plan.rules import plan_outside, plan_tunnels_table
from tests.net.places import Place, new_place

pytestmark = pytest.mark.root
NETWORKS = {4: ip_network("10.2.0.0/16"), 6: ip_network("fd02::/32")}
LOCAL = (AddressRange.of("10.1.1.0/24"), AddressRange.of("fd01::/64"))


@pytest.fixture
def place() -> Iterator[Place]:
    with new_place() as made:
        made.ip("link set lo up")
        made.ip("tuntap add dev vpn0 mode tun")
        for device, *addresses in (("wan", "192.0.2.1/24", "2001:db8::1/64"), ("lan", "10.1.1.1/24", "fd01::1/64")):
            made.ip(f"link add {device} type veth peer name {device}-far")
            made.ip(f"link set {device}-far up")
            made.ip(f"link set {device} up")
            for address in addresses:
                made.ip(f"address add {address} dev {device}" + (" nodad" if ":" in address else ""))
        made.ip("route add default via 192.0.2.254")
        made.ip("-6 route add default via 2001:db8::fe")
        yield made


def found(tmp_path: Path, *, strict: bool = True, stands: bool = True, **more: object) -> list[str]:
    """What wins over a tunnel, before or after it stands."""
    with contextlib.closing(Kernel()) as kernel, contextlib.closing(Journal(tmp_path / "journal")) as journal:
        ledger = Ledger(kernel, journal)
        table = TUNNELS_TABLE if strict else MAIN_TABLE
        plan = (*plan_device("vpn0"), *plan_routes(NETWORKS.values(), "vpn0", 100, table=table))
        if strict:
            plan = (*plan_outside([4, 6], (500,)), *plan_tunnels_table([4, 6]), *plan)
        if stands:
            ledger.apply("paris", plan)
        claims = [Claim(each, strict, 100, local=LOCAL, **more) for each in NETWORKS.values()]  # type: ignore[arg-type]
        rivals = find_rivals(kernel, {"paris": claims}, {"vpn0"}, stands=stands)["paris"]
        ledger.undo_all()
    return [f"{rival.network}: {rival}" for rival in rivals]


@pytest.mark.parametrize("stands", [True, False])
def test_with_strict_routes_rules_that_come_before_ours(place: Place, tmp_path: Path, stands: bool) -> None:
    for line in (
        "route add 10.2.4.0/24 via 192.0.2.254",
        "route add default via 192.0.2.254 table 99",
        "rule add to 10.2.8.0/24 lookup 99 priority 100",
        "-6 route add fd02:0:4::/48 via 2001:db8::fe",
    ):
        place.ip(line)
    assert found(tmp_path, stands=stands) == []
    place.ip("rule add to 10.2.8.0/24 lookup 99 priority 10")
    assert found(tmp_path, stands=stands) == [
        "10.2.8.0/24: 0.0.0.0/0 via 192.0.2.254 dev wan table 99, by the rule with preference 10"
    ]
    assert found(tmp_path, stands=stands, past=(ip_network("10.2.8.0/23"),)) == []


@pytest.mark.parametrize("stands", [True, False])
def test_in_the_main_table_more_exact_routes_and_connected_networks(place: Place, tmp_path: Path, stands: bool) -> None:
    for line in (
        "route add 10.2.4.0/24 via 192.0.2.254",
        "route add 10.0.0.0/8 via 192.0.2.254",
        "route add 10.2.0.0/16 via 192.0.2.254 metric 200",
        "address add 10.2.5.1/24 dev lan",
        "-6 route add fd02:0:4::/48 via 2001:db8::fe",
    ):
        place.ip(line)
    assert found(tmp_path, strict=False, stands=stands) == [
        "10.2.4.0/24: 10.2.4.0/24 via 192.0.2.254 dev wan",
        "10.2.5.0/24: 10.2.5.0/24 dev lan",
        "fd02:0:4::/48: fd02:0:4::/48 via 2001:db8::fe dev wan metric 1024",
    ]
    assert found(tmp_path, stands=stands) == []


def test_the_kernel_decides_by_source_and_for_what_is_forwarded(place: Place, tmp_path: Path) -> None:
    """A rule for another source takes nothing from the tunnel; one for the LAN takes what the LAN sends."""
    place.ip("route add default via 192.0.2.254 table 99")
    place.ip("rule add from 172.16.0.0/12 lookup 99 priority 10")
    assert found(tmp_path) == []
    place.ip("rule add from 10.1.1.0/24 lookup 99 priority 11")
    says = "10.2.0.0/16: 0.0.0.0/0 via 192.0.2.254 dev wan table 99, by the rule with preference {}"
    assert found(tmp_path) == [says.format(11)]
    place.ip("rule del priority 11")
    place.ip("rule add iif lan lookup 99 priority 12")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    assert found(tmp_path) == [says.format(12)]


def test_a_route_that_went_with_its_next_hop_is_known_no_more(place: Place) -> None:
    place.ip("nexthop add id 7 via 192.0.2.254 dev wan")
    place.ip("route add 10.2.3.0/24 nhid 7")
    with contextlib.closing(Kernel()) as kernel:

        def to_there() -> list[object]:
            return [each for each in kernel.routes(4, ours=False) if str(each.network) == "10.2.3.0/24"]

        assert to_there()
        place.ip("nexthop del id 7")
        assert not to_there()
