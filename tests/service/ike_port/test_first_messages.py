"""What waits, what gives way, and who is served next."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from ikevpn.model.address import Address, Endpoint
from ikevpn.service.ike_port.first_messages import REMEMBERED, WAITING, First, FirstMessages, Repeats, is_first
from ikevpn.wire.octets.limits import FIRST_MESSAGE
from ikevpn.wire.registry import ExchangeType

HERE = Endpoint.of("192.0.2.1", 500)
NAMED = Endpoint.of("192.0.2.2", 500)
MAIN, AGGRESSIVE = ExchangeType.MAIN, ExchangeType.AGGRESSIVE


def first(number: int, source: Endpoint, kind: int = MAIN) -> First:
    data = number.to_bytes(8, "big") + bytes(8) + bytes([1, 0x10, kind, 0]) + bytes(4) + (28).to_bytes(4, "big")
    return First(data, HERE, source, natt=False)


def stranger(number: int) -> Endpoint:
    return Endpoint.of(f"203.0.{number >> 8 & 255}.{number & 255}", 500)


def names(address: Address) -> bool:
    return address == NAMED.address


def admitted(*arrived: First, turns: int = 1000) -> list[First]:
    """All that come in one turn of the loop, and which of them are admitted."""
    done: list[First] = []

    async def scenario() -> Counter[str]:
        waiting = FirstMessages(done.append, names, random.Random(1).randrange)
        for each in arrived:
            waiting.add(each)
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.close()
        return waiting.counters

    dropped = asyncio.run(scenario())["first-messages-dropped"]
    assert turns < 1000 or dropped + len(done) == len(arrived)
    return done


def test_what_names_our_cookie_is_no_first_message() -> None:
    data = first(1, NAMED).data
    assert is_first(data) and not is_first(data[:27]) and not is_first(data[:15] + b"\x01" + data[16:])


def test_all_are_admitted_where_few_come() -> None:
    some = [first(number, stranger(number)) for number in range(WAITING)]
    assert sorted(admitted(*some)) == sorted(some)


def test_of_a_flood_chance_takes_some() -> None:
    flood = [first(number, stranger(number)) for number in range(1000)]
    done = admitted(*flood)
    newest = flood[-WAITING:]
    assert len(done) == WAITING and WAITING // 4 < sum(each in newest for each in done) < WAITING


def test_a_peer_with_a_name_waits_apart() -> None:
    flood = [first(number, stranger(number)) for number in range(1000)]
    done = admitted(first(7777, NAMED), *flood, turns=4)
    assert first(7777, NAMED) in done


def test_who_repeats_itself_waits_apart() -> None:
    flood = [first(number, stranger(number)) for number in range(1000)]
    honest = first(7777, stranger(2))
    other_port = honest._replace(remote=Endpoint(honest.remote.address, 501))
    done = admitted(honest, *flood, honest, turns=4)
    assert honest in done
    third = honest._replace(data=honest.data[:16] + b"\4" + honest.data[17:])
    assert not Repeats().is_one(honest)
    repeats = Repeats()
    assert [repeats.is_one(each) for each in (honest, other_port, third, honest)] == [False, False, False, True]
    assert sum(repeats.is_one(first(number, stranger(1))) for number in range(3 * REMEMBERED)) == 0
    assert not repeats.is_one(honest) and len(repeats._now) + len(repeats._before) <= 2 * REMEMBERED


def test_a_flood_from_one_address_gives_way_to_another() -> None:
    flood = [first(number, stranger(1)) for number in range(1000)]
    honest = first(7777, stranger(2))
    assert honest in admitted(*flood[:500], honest, *flood[500:])


def test_aggressive_mode_does_not_hold_up_main_mode() -> None:
    flood = [first(number, stranger(number), AGGRESSIVE) for number in range(1000)]
    done = admitted(*flood, first(7777, stranger(7777)), turns=4)
    assert first(7777, stranger(7777)) in done


def test_one_that_fails_is_not_the_last() -> None:
    done: list[First] = []

    def admit(each: First) -> None:
        done.append(each)
        raise RuntimeError("a mistake")

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        waiting = FirstMessages(admit, names, random.Random(1).randrange)
        for number in range(3):
            waiting.add(first(number, stranger(number)))
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run(scenario())
    assert len(done) == 3


def test_others_have_their_turn_between_two() -> None:
    order: list[str] = []

    async def scenario() -> None:
        waiting = FirstMessages(lambda each: order.append("first"), names, random.Random(1).randrange)
        for number in range(3):
            waiting.add(first(number, stranger(number)))
        for _ in range(3):
            await asyncio.sleep(0)
            order.append("other")

    asyncio.run(scenario())
    assert order[:4] == ["first", "other", "first", "other"]


def test_invented_exchanges_share_one_line_and_its_time() -> None:
    """Each kind of exchange had a line: by 254 invented ones a stranger kept 254 shares, of time and of room."""
    flood = [first(number, stranger(number), kind) for number in range(200) for kind in range(256) if kind != MAIN]
    done = admitted(*flood, *(first(9000 + number, stranger(number)) for number in range(WAITING)), turns=8)
    assert sum(each.data[18] == MAIN for each in done) >= 2


def test_what_is_too_long_takes_no_room_while_it_waits() -> None:
    (done,) = admitted(First(first(1, stranger(1)).data + bytes(60_000), HERE, stranger(1), natt=True))
    assert len(done.data) == FIRST_MESSAGE + 1
