"""Errors of loopback, which are as real as any."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from ikevpn.dataplane.userspace.io import error_queue, outer_fields, udp
from ikevpn.dataplane.userspace.io.error_queue import TooBig
from ikevpn.dataplane.userspace.io.outer import Outer
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.marking import PLAIN, Mark
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation


def end_and_path(address: str) -> tuple[socket.socket, Path]:
    """A socket, and a way to a port where nobody listens."""
    end = udp.open_socket(Endpoint.of(address, 0))
    with socket.socket(end.family, socket.SOCK_DGRAM) as gone:
        gone.bind((address, 0))
        port = gone.getsockname()[1]
    return end, Path(Endpoint.of(address, end.getsockname()[1]), Endpoint.of(address, port), Encapsulation.UDP)


def hearing() -> tuple[Outer, Stats, list[list[TooBig]]]:
    """An outer end, what it loses, and what it hears, by the times that it asks."""
    heard: list[list[TooBig]] = []

    def hear(asked: socket.socket) -> bool:
        found, some = error_queue.read(asked)
        heard.append(found)
        return some

    stats = Stats()
    return Outer(stats, hear), stats, heard


def test_this_host_says_how_much_fits() -> None:
    end, path = end_and_path("127.0.0.1")
    with end:
        outer_fields.set_options(end, df=True, checksum=True)
        with pytest.raises(OSError, match="too long"):
            end.sendto(bytes(65_520), (str(path.remote.address), path.remote.port))
        found, some = error_queue.read(end)
        assert [(error.remote, error.local) for error in found] == [(ip_address("127.0.0.1"), True)]
        assert not some, "it is the very datagram that was refused, not an earlier one"
        assert found[0].mtu in (65_535, 65_536)
        assert error_queue.read(end) == ([], False)


def test_a_datagram_that_is_too_large_is_tried_twice_at_most() -> None:
    end, path = end_and_path("127.0.0.1")
    outer, stats, heard = hearing()
    with end:
        outer.use_udp(path.local, end)
        outer.send(path, [bytes(65_520)], Mark(df=True))
    assert len(heard) == 2 and heard[0]
    assert stats.report() == {"drop-too-big": 1}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_error_of_an_earlier_datagram_costs_none_that_follows(address: str) -> None:
    end, path = end_and_path(address)
    outer, stats, heard = hearing()
    with end, socket.socket(end.family, socket.SOCK_DGRAM) as listener:
        listener.bind((address, 0))
        listener.settimeout(90)
        outer.use_udp(path.local, end)
        outer.send(path, [b"to nobody"])
        there = Path(path.local, Endpoint.of(address, listener.getsockname()[1]), Encapsulation.UDP)
        outer.send(there, [b"to somebody"], Mark(df=True))
        assert listener.recv(99) == b"to somebody"
        assert heard == [[]]  # an error, and none of size
        outer.send(there, [b"once more"], PLAIN)
        assert listener.recv(99) == b"once more"
    assert stats.report() == {}
