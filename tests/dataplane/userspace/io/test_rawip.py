"""Opening raw sockets needs root and is tested in `tests/net`; here a unix socket plays one."""

import socket
from collections.abc import Iterator

import pytest

from ikevpn.dataplane.userspace.io import rawip, udp
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation
from tests.esp.samples import ipv4

ESP = bytes(range(40))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, two:
        two.setblocking(False)
        yield one, two


def packet(data: bytes = ESP, options: bytes = b"", source: str = "192.0.2.2") -> bytes:
    return ipv4(data, source=source, target="192.0.2.1", protocol=50, options=options)


def path(source: str = "192.0.2.2") -> Path:
    return Path(Endpoint.of("192.0.2.1", 0), Endpoint.of(source, 0), Encapsulation.NONE)


def test_the_ip_header_goes_and_tells_the_path(ends: tuple[socket.socket, socket.socket]) -> None:
    receiver = rawip.receiver(ends[1], 4, batch=99)
    for each in (packet(), packet(options=bytes(8)), packet(source="192.0.2.3")):
        ends[0].send(each)
    assert receiver.read_batch(10) == [(path(), [ESP, ESP], 0), (path("192.0.2.3"), [ESP], 0)]
    assert receiver.read_batch(10) == []


def test_what_is_alike_is_a_run(ends: tuple[socket.socket, socket.socket]) -> None:
    receiver = rawip.receiver(ends[1], 4, batch=99)
    longer, marked, large = ESP + bytes(4), bytearray(packet()), ESP + bytes(range(256)) * 16
    marked[1] |= 3
    sent = [packet()] * 2 + [packet(longer)] * 2 + [packet(longer, options=bytes(4))] * 2
    for each in [*sent, bytes(marked), packet(ESP[:36], options=bytes(4)), packet(large), packet(large)]:
        ends[0].send(each)
    found = receiver.read_batch(20)
    assert [(list(datagrams), mark) for _, datagrams, mark in found] == [
        ([ESP] * 2, 0),
        ([longer] * 2, 0),
        ([longer] * 2, 0),
        ([ESP], 3),
        ([ESP[:36], large, large], 0),
    ]
    assert [isinstance(datagrams, Run) for _, datagrams, _ in found] == [True, True, True, False, False]


def test_batches_and_the_memory_of_paths_are_bounded(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp, "MOST_PATHS", 2)
    receiver = rawip.receiver(ends[1], 4, batch=99)
    for n in range(5):
        ends[0].send(packet(source=f"192.0.2.{n}"))
    assert [len(receiver.read_batch(2)) for _ in range(3)] == [2, 2, 1]
    assert len(receiver._paths) <= 2  # type: ignore[attr-defined]
