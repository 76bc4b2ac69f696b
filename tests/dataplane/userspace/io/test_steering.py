"""Programs of the packet filter: run by an interpreter of a few lines, then by the kernel over loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.kernel import socket_filter
from ikevpn.dataplane.userspace.io import steering, udp
from ikevpn.dataplane.userspace.io.steering import AT_ONCE, MOST_KNOWN, Instruction, Steering
from ikevpn.errors import HostError
from ikevpn.model.address import Endpoint

SPIS = st.integers(0, 2**32 - 1)


NETWORK = 0xFFF0_0000


def judge(program: Sequence[Instruction], packet: bytes, header: bytes = b"") -> int:
    """What the kernel would return; a load beyond the packet ends with 0. `header` is that of IP."""
    accumulator = index = at = 0
    while True:
        code, yes, no, operand = program[at]
        at += 1
        match code:
            case 0x20 | 0x40:
                if code == 0x20 and operand >= NETWORK:
                    place = operand - NETWORK
                    accumulator = int.from_bytes(header[place : place + 4], "big")
                    continue
                place = operand + (index if code == 0x40 else 0)
                if place + 4 > len(packet):
                    return 0
                accumulator = int.from_bytes(packet[place : place + 4], "big")
            case 0xB1:
                index = 4 * (packet[operand] & 15)
            case 0x05:
                at += operand
            case 0x15:
                at += yes if accumulator == operand else no
            case 0x35:
                at += yes if accumulator >= operand else no
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"unknown code {code:#x}")


@given(st.dictionaries(SPIS, st.integers(1, 5), max_size=200), SPIS)
def test_every_spi_has_its_verdict(owners: dict[int, int], other: int) -> None:
    program = steering.udp_program(owners)
    assert all(0 <= jump < 256 for _, yes, no, _ in program for jump in (yes, no))
    for spi in (*owners, other):
        assert judge(program, spi.to_bytes(4, "big") + bytes(40)) == owners.get(spi, 0)
    assert judge(program, b"\xff") == 0


@given(st.dictionaries(SPIS, st.integers(1, 3), max_size=60), SPIS, st.sampled_from([0, 4, 40]))
def test_one_worker_alone_is_given_what_is_raw(owners: dict[int, int], other: int, options: int) -> None:
    for version, header in ((4, bytes([0x45 + options // 4]) + bytes(19 + options)), (6, b"")):
        programs = [steering.raw_program(owners, worker, version) for worker in range(4)]
        for spi in (*owners, other):
            packet = header + spi.to_bytes(4, "big") + bytes(20)
            given = [worker for worker, program in enumerate(programs) if judge(program, packet)]
            assert given == [owners.get(spi, 0)]


@given(
    st.sets(SPIS, max_size=200), SPIS, st.sampled_from([4, 6]), st.dictionaries(SPIS, st.integers(1, 3), max_size=40)
)
def test_strangers_have_a_socket_of_their_own(
    known: set[int], other: int, version: int, owners: dict[int, int]
) -> None:
    program = [*steering.stranger_program(known, 9, version), *steering.udp_program(owners)]
    for word in (*known, other):
        source = word.to_bytes(4, "big")
        header = bytes(12) + source + bytes(4) if version == 4 else bytes(20) + source + bytes(16)
        for spi in (*owners, 7):
            verdict = judge(program, spi.to_bytes(4, "big"), header)
            assert verdict == (owners.get(spi, 0) if word in known else 9)


def test_addresses_of_both_versions_are_compared_by_their_last_octets() -> None:
    assert steering.last_word(Endpoint.of("192.0.2.1", 1).address) == 0xC0000201
    assert steering.last_word(Endpoint.of("2001:db8::1:2", 1).address) == 0x00010002


def test_a_program_for_a_thousand_is_searched_in_few_steps_and_fits() -> None:
    program = steering.udp_program({spi * 4_000_000: 1 for spi in range(1, 1000)})
    assert len(program) < 1500 < socket_filter.LONGEST_PROGRAM


@pytest.fixture
def ends() -> Iterator[list[socket.socket]]:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    opened = udp.open_sockets(Endpoint.of("127.0.0.1", port), 3)
    yield opened
    for end in opened:
        end.close()


def arrived(ends: Sequence[socket.socket], *datagrams: bytes, source: str = "127.0.0.1") -> list[list[bytes]]:
    """What each of the sockets got; over loopback it is there at once."""
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        for datagram in datagrams:
            sender.sendto(datagram, ends[0].getsockname())
    found: list[list[bytes]] = [[] for _ in ends]
    for end, got in zip(ends, found, strict=True):
        try:
            while True:
                got.append(end.recv(2048))
        except BlockingIOError:
            pass
    return found


def esp(spi: int) -> bytes:
    return spi.to_bytes(4, "big") + bytes(28)


def test_the_kernel_does_what_it_is_told(ends: list[socket.socket]) -> None:
    told = Steering()
    told.use_udp(ends)
    told.own(0xFFFF_0001, 1)
    told.own(0x1000, 2)
    told.own(0x1001, 0)
    ike = bytes(4) + b"ISAKMP"
    mixed = [esp(0x1000), esp(0xFFFF_0001), esp(0x1001), esp(0x1002), ike, b"\xff", b""]
    assert arrived(ends, *mixed) == [[esp(0x1001), esp(0x1002), ike, b"\xff", b""], [esp(0xFFFF_0001)], [esp(0x1000)]]
    told.own(0x1000, 1)
    told.disown(0xFFFF_0001)
    assert arrived(ends, *mixed[:2]) == [[esp(0xFFFF_0001)], [esp(0x1000)], []]


def test_the_kernel_knows_strangers(ends: list[socket.socket]) -> None:
    told = Steering()
    told.use_udp(ends, strangers=True)
    peer, elsewhere = (Endpoint.of(address, 4500).address for address in ("127.0.0.2", "127.0.0.3"))
    assert arrived(ends, esp(1), source="127.0.0.2") == [[], [], [esp(1)]]
    told.meet(1, peer)
    told.meet(2, peer)
    told.own(2, 1)
    assert arrived(ends, esp(1), esp(2), source="127.0.0.2") == [[esp(1)], [esp(2)], []]
    assert arrived(ends, esp(1), esp(2), source="127.0.0.3") == [[], [], [esp(1), esp(2)]]
    told.part(1)
    assert arrived(ends, esp(1), source="127.0.0.2") == [[esp(1)], [], []]
    assert told.has_met(2) and not told.has_met(1)
    told.meet(2, elsewhere)
    assert arrived(ends, esp(2), source="127.0.0.2") == [[], [], [esp(2)]]
    assert arrived(ends, esp(2), source="127.0.0.3") == [[], [esp(2)], []]


def test_too_many_to_know_are_no_strangers(ends: list[socket.socket]) -> None:
    told = Steering()
    for spi in range(MOST_KNOWN):
        told.meet(spi, Endpoint.of("10.0.0.1", 0).address + spi)
    told.use_udp(ends, strangers=True)
    told.meet(MOST_KNOWN + 1, Endpoint.of("192.0.2.1", 0).address)
    assert arrived(ends, esp(1), source="127.0.0.2") == [[esp(1)], [], []]
    told.part(MOST_KNOWN + 1)
    assert arrived(ends, esp(1), source="127.0.0.2") == [[], [], [esp(1)]]


def test_what_does_not_fit_stays_with_the_first_worker(ends: list[socket.socket]) -> None:
    told = Steering()
    told.use_udp(ends)
    for spi in range(1, 3600):
        told._owners[spi * 1000] = 1
    told.own(3600 * 1000, 2)
    assert arrived(ends, esp(1000), esp(2000 * 1000), esp(3600 * 1000)) == [
        [esp(3600 * 1000)], [esp(1000), esp(2000 * 1000)], [],
    ]  # fmt: skip
    for spi in range(1, 3600):
        told._owners.pop(spi * 1000)
    told.own(5, 1)
    assert arrived(ends, esp(3600 * 1000), esp(5)) == [[], [esp(5)], [esp(3600 * 1000)]]


def test_room_that_was_missing_is_found_again(ends: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    told = Steering()
    told.use_udp(ends)
    with monkeypatch.context() as patch:
        patch.setattr(socket_filter, "LONGEST_PROGRAM", 0)
        told.own(1000, 1)
    for spi in (2000, 3000, 4000):
        told.own(spi, 2)
    assert arrived(ends, esp(1000), esp(2000)) == [[], [esp(1000)], [esp(2000)]]


def test_many_changes_of_a_large_table_are_told_together(ends: list[socket.socket]) -> None:
    planned: list[Callable[[], None]] = []
    told = Steering(lambda after_s, act: planned.append(act))
    told.use_udp(ends)
    for spi in range(1, AT_ONCE + 1):
        told.own(spi, 1)
    assert not planned
    for spi in range(AT_ONCE + 1, AT_ONCE + 50):
        told.own(spi, 1)
    late = esp(AT_ONCE + 49)
    assert arrived(ends, esp(AT_ONCE), late) == [[late], [esp(AT_ONCE)], []]
    (tell,) = planned
    tell()
    assert arrived(ends, late) == [[], [late], []]
    told.disown(AT_ONCE + 49)
    assert len(planned) == 2
    told.close()
    planned[1]()


def test_several_sockets_are_no_way_to_join_others(ends: list[socket.socket]) -> None:
    for count in (1, 2):
        with pytest.raises(HostError, match="is in use"):
            udp.open_sockets(Endpoint.of(*ends[0].getsockname()), count)


def test_one_socket_needs_no_program() -> None:
    told = Steering()
    with socket.socket(type=socket.SOCK_DGRAM) as end:
        told.use_udp([end])  # the kernel would refuse one: it is not bound
        told.own(1, 1)
    told.close()


def test_a_peer_more_or_less_costs_the_same_among_ten_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that change nothing in the kernel nothing is told, and no list of all is made."""
    planned: list[float] = []
    told = Steering(lambda after_s, act: planned.append(after_s))
    first = Endpoint.of("10.0.0.1", 0).address
    for spi in range(10_000):
        told.meet(spi, first + spi)
    told._is_planned = False
    planned.clear()
    monkeypatch.setattr(Steering, "_tell", None)
    for spi in range(10_000, 10_100):
        told.meet(spi, first + spi)
        told.meet(spi, first + spi - 1)
        told.part(spi)
    assert planned == []
    assert told.has_met(9_999) and not told.has_met(10_000)


def test_an_address_is_known_as_long_as_one_spi_is_sent_with_from_there(ends: list[socket.socket]) -> None:
    told = Steering()
    told.use_udp(ends, strangers=True)
    peer = Endpoint.of("127.0.0.2", 0).address
    told.meet(1, peer)
    told.meet(2, peer)
    told.meet(2, Endpoint.of("192.0.2.1", 0).address)
    assert arrived(ends, esp(9), source="127.0.0.2") == [[esp(9)], [], []]
    told.part(1)
    assert arrived(ends, esp(9), source="127.0.0.2") == [[], [], [esp(9)]]
