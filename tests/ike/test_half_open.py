"""Who is half-open, from where, and who goes first."""

from __future__ import annotations

from ipaddress import ip_address

from ikevpn.ike.exchange import Arrival
from ikevpn.ike.half_open import HalfOpen, source_of
from ikevpn.ike.phase1 import Phase1
from ikevpn.ike.sa import Exchange, IkeSa, Role
from ikevpn.ike.script import MAIN
from ikevpn.model.address import Endpoint
from ikevpn.wire.header import Header
from tests.ike.bench import HERE


def sa(serial: int, address: str = "203.0.113.1", row: int = 2) -> IkeSa:
    remote = Endpoint.of(address, 500)
    found = IkeSa(serial, Role.RESPONDER, b"initiate", b"responde", HERE, remote, 0.0)
    found.first_from = remote
    found.exchanges[0] = Exchange(MAIN, 0, Role.RESPONDER, Phase1(), row=row)
    return found


def test_sources() -> None:
    assert source_of(ip_address("192.0.2.1")) != source_of(ip_address("192.0.2.2"))
    assert source_of(ip_address("2001:db8::1")) == source_of(ip_address("2001:db8::ffff:0:0:2"))
    assert source_of(ip_address("2001:db8::1")) != source_of(ip_address("2001:db8:0:1::1"))
    assert source_of(ip_address("0.0.0.1")) != source_of(ip_address("0:0:0:1::"))


def test_the_silent_go_before_those_who_have_answered() -> None:
    table = HalfOpen()
    answered, old, other, young = sa(1, row=4), sa(2), sa(3, "203.0.113.2"), sa(4)
    for each in (answered, old, other, young):
        table.add(each)
    assert table.from_source(old.remote.address) == 3
    assert table.least() is table.silent_from(old.remote.address) is old
    table.remove(old)
    assert table.least() is other and table.silent_from(old.remote.address) is young
    table.remove(other)
    table.remove(young)
    assert table.least() is answered and table.silent_from(old.remote.address) is None
    table.remove(answered)
    table.remove(answered)
    assert not len(table) and not table._by_source


def test_what_is_held() -> None:
    table = HalfOpen()
    light, heavy = sa(1), sa(2)
    header: Header = None  # type: ignore[assignment]
    for each, size in ((light, 10), (heavy, 100)):
        table.add(each)
        each.early.append(Arrival(header, bytes(size), each.local, each.remote, False))
        table.weigh(each)
        table.weigh(each)
    assert table.octets == 110 and table.heaviest() is heavy and heavy in table
    heavy.early.clear()
    table.weigh(heavy)
    assert table.octets == 10 and table.heaviest() is light
    table.remove(light)
    table.weigh(light)
    assert table.octets == 0
