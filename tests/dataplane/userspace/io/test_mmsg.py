import errno
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.io import mmsg, pktinfo
from ikevpn.dataplane.userspace.io.mmsg import SLOT, Arrivals, Departures, Envelope
from ikevpn.dataplane.userspace.packet.run import Octets, Run

End = socket.socket


def listener(address: str) -> End:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    end = socket.socket(family, socket.SOCK_DGRAM)
    end.bind((address, 0))
    return end


@pytest.fixture
def pair() -> Iterator[tuple[End, End, Envelope]]:
    with listener("127.0.0.1") as to, socket.socket(type=socket.SOCK_DGRAM) as by:
        yield by, to, Envelope(ip_address("127.0.0.1"), to.getsockname()[1], [])


def received(end: End, most: int) -> list[bytes]:
    arrivals = Arrivals(most)
    lengths = arrivals.receive(end.fileno(), most)
    return [arrivals.whole(index, int(length)) for index, length in enumerate(lengths)]


@pytest.mark.parametrize(("to", "of"), [("127.0.0.1", "127.0.0.9"), ("::1", "::1")])
def test_target_and_source_are_those_of_the_envelope(to: str, of: str) -> None:
    with listener(to) as there, socket.socket(there.family, socket.SOCK_DGRAM) as by:
        departures, address = Departures(), ip_address(to)
        for source in (of, to):
            beside = pktinfo.write(ip_address(source))
            departures.load(Envelope(address, there.getsockname()[1], beside), [b"a", b"b"])
            assert departures.send(by.fileno(), 0, 2) == 2
            assert [there.recvfrom(9)[1][0] for _ in range(2)] == [source] * 2


@given(st.lists(st.binary(max_size=3 * SLOT), min_size=1, max_size=8))
def test_what_was_sent_comes(datagrams: list[bytes]) -> None:
    with listener("127.0.0.1") as to, socket.socket(type=socket.SOCK_DGRAM) as by:
        departures = Departures()
        departures.load(Envelope(ip_address("127.0.0.1"), to.getsockname()[1], []), datagrams)
        assert departures.send(by.fileno(), 0, len(datagrams)) == len(datagrams)
        assert received(to, 10) == datagrams


def test_a_run_with_its_tail_and_views(pair: tuple[End, End, Envelope]) -> None:
    by, to, envelope = pair
    rows = np.arange(60, dtype=np.uint8).reshape(5, 12)
    departures = Departures()
    wholes: list[Run | Sequence[Octets]] = [Run(rows, b"tail"), Run(rows[1:4, 2:7]), [memoryview(b"view"), b"bytes"]]
    for datagrams in wholes:
        departures.load(envelope, datagrams)
        assert departures.send(by.fileno(), 0, len(datagrams)) == len(datagrams)
        assert received(to, 10) == [bytes(each) for each in datagrams]


def test_part_of_what_was_loaded(pair: tuple[End, End, Envelope]) -> None:
    by, to, envelope = pair
    departures = Departures()
    departures.load(envelope, [b"%d" % n for n in range(5)])
    assert departures.send(by.fileno(), 1, 4) == 3
    assert received(to, 10) == [b"1", b"2", b"3"]


def test_what_the_kernel_refuses_ends_the_call(pair: tuple[End, End, Envelope]) -> None:
    by, to, envelope = pair
    departures = Departures()
    departures.load(envelope, [b"fits", bytes(65_530), b"after"])
    assert departures.send(by.fileno(), 0, 3) == 1
    with pytest.raises(OSError, match="too long") as caught:
        departures.send(by.fileno(), 1, 3)
    assert caught.value.errno == errno.EMSGSIZE
    assert departures.send(by.fileno(), 2, 3) == 1
    assert received(to, 3) == [b"fits", b"after"]


def test_a_part_of_a_datagram(pair: tuple[End, End, Envelope]) -> None:
    by, to, envelope = pair
    arrivals, departures, large = Arrivals(4), Departures(), bytes(range(256)) * 9
    departures.load(envelope, [large, b"abcdef"])
    departures.send(by.fileno(), 0, 2)
    lengths = arrivals.receive(to.fileno(), 4)
    assert lengths.tolist() == [len(large), 6]
    assert arrivals.whole(0, len(large), 20) == large[20:]
    assert arrivals.whole(1, 6, 2) == b"cdef"


def test_no_more_than_asked_for_and_nothing_to_read(pair: tuple[End, End, Envelope]) -> None:
    by, to, envelope = pair
    departures, arrivals = Departures(), Arrivals(8)
    departures.load(envelope, [b"x"] * 5)
    departures.send(by.fileno(), 0, 5)
    assert [len(arrivals.receive(to.fileno(), limit)) for limit in (2, 9)] == [2, 3]
    with pytest.raises(BlockingIOError):
        arrivals.receive(to.fileno(), 8)


@pytest.mark.parametrize("count", [1, mmsg.MOST, mmsg.MOST + 1, 3 * mmsg.MOST])
@pytest.mark.parametrize("tail", [b"", b"tail"])
def test_portions(count: int, tail: bytes) -> None:
    rows = np.arange(count, dtype=np.uint16).view(np.uint8).reshape(count, 2)
    for whole in (Run(rows, tail), list(Run(rows, tail))):
        parts = list(mmsg.portions(whole))
        assert all(0 < len(part) <= mmsg.MOST for part in parts)
        assert [each for part in parts for each in part] == list(whole)
