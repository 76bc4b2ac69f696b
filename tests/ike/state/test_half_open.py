"""Who is half-open, from where, and who goes first."""

from __future__ import annotations

import random
from ipaddress import ip_address

from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.script import MAIN
from ikevpn.ike.state.half_open import HalfOpen, source_of
from ikevpn.ike.state.sa import Exchange, IkeSa, Role
from ikevpn.ike.values.arrival import Arrival
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


def table_of(*members: IkeSa, seed: int = 1) -> HalfOpen:
    table = HalfOpen(random.Random(seed).randrange)
    for each in members:
        table.add(each)
        table.answered(each)
    return table


def test_the_silent_go_before_those_who_have_answered() -> None:
    answered, old, other, young = sa(1, row=4), sa(2), sa(3, "203.0.113.2"), sa(4)
    table = table_of(answered, old, other, young)
    here = old.remote.address
    assert table.from_source(here) == 3 and table.answered_from(here) == 1 and len(table) == 4
    assert not table.is_silent(answered) and table.is_silent(old)
    assert {table.least(9) for _ in range(100)} == {old, other, young}
    for each in (old, other, young):
        table.remove(each)
    assert table.least(9) is None and table.least_answered() is answered
    table.remove(answered)
    table.remove(answered)
    assert not len(table) and not table._by_source and not table._answered_of and table.least_answered() is None


def test_of_two_drawn_the_older_goes() -> None:
    members = [sa(serial, f"203.0.113.{serial}") for serial in range(1, 101)]
    table = table_of(*members)
    gone = [table.least(1) for _ in range(2000)]
    assert len(set(gone)) > 90, "drawn, not always the same"
    younger = sum(each is not None and each.serial > 50 for each in gone)
    assert 350 < younger < 650, "a quarter: where both that were drawn are of the younger half"


def test_a_source_with_more_than_its_share_goes_first() -> None:
    many, one = [sa(serial) for serial in range(2, 60)], sa(1, "203.0.113.2")
    table = table_of(one, *many)
    gone = [table.least(10) for _ in range(500)]
    assert gone.count(one) <= 3, "only where it was drawn twice"


def test_members_come_and_go_in_any_order() -> None:
    rng = random.Random(5)
    table, there = table_of(), {}
    for serial in range(1, 2000):
        if there and rng.random() < 0.48:
            table.remove(there.pop(rng.choice(list(there))))
        else:
            there[serial] = sa(serial, f"203.0.113.{serial % 250}", row=rng.choice((2, 4)))
            table.add(there[serial])
            table.answered(there[serial])
        assert len(table) == len(there)
    assert all(each in table for each in there.values())


def test_what_is_held() -> None:
    table = table_of()
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
