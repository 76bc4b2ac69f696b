import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.interface import data_plane, ike_port, sa_plane
from ikevpn.dataplane.userspace.io import error_queue
from ikevpn.dataplane.userspace.ipc import channel, message
from ikevpn.model.address import Endpoint
from ikevpn.model.outer_header import DfBit, Fragment, OuterHeader
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Limits, SaUse, Total
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import EspCipher, Protocol
from tests.dataplane.fakes import OURS, THEIRS, policy, selector
from tests.esp.samples import CBC_SHA1, sa

SIX = Endpoint.of("2001:db8::1", 4500)
ZONE = Endpoint.of("fe80::1%eth0", 4500)
VALUES = [
    message.UseDevice("vpn", joins_udp=True),
    message.DropDevice("vpn"),
    message.UseUdp(SIX, receive=True, strangers=True),
    message.DropUdp(SIX),
    message.UseRaw(6),
    message.UseInbox(),
    message.UseNeighbour(1),
    message.Elsewhere(0x1000, 1),
    message.Elsewhere(0x1000, None),
    message.Handed(OURS, THEIRS, Encapsulation.UDP, Protocol.ESP, (b"one", b"two")),
    message.UseProbe(4),
    message.UseRehearsal(),
    error_queue.TooBig(THEIRS.address, 1300, b"quote", local=True),
    message.AddSa(sa(Direction.IN, CBC_SHA1, limits=Limits(soft_seconds=1.5, hard_bytes=2**40))),
    message.AddSa(sa(Direction.OUT, outer=OuterHeader(DfBit.SET, 46, False, 9, None, Fragment.AFTER))),
    message.DeleteSa(2**32 - 1, Direction.OUT, None),
    message.MoveSas((1, 2), OURS, ZONE),
    message.AddPolicy(policy()),
    message.DeletePolicy(policy()),
    message.SendIke(bytes(60_000), OURS, THEIRS),
    message.Keepalive(OURS, THEIRS, 20.0),
    message.EspDatagram(b"esp", SIX, ZONE),
    message.Query(),
    message.Sum(),
    message.Count(),
    message.Stop(),
    message.Done(),
    message.Ready(("a user of its own",)),
    message.Uses(
        (SaUse(1, Direction.IN, 2, 3, None, (("replay", 4),)), SaUse(5, Direction.OUT, idle_s=0.5)), last=True
    ),
    message.Uses((Total("paris", Direction.IN, 1, 2, (("replay", 4),)),), last=False),
    message.Counts((("packets-in", 1),)),
    sa_plane.Acquire("paris", 1, selector()),
    sa_plane.Expire(1, Direction.OUT, 1, "paris", ExpireKind.SOFT),
    sa_plane.Mapping(1, 1, "paris", OURS, THEIRS),
    sa_plane.UnknownSpi(1, OURS, THEIRS),
    ike_port.IkeDatagram(b"\xff", SIX, SIX),
    EspCipher(99),
]


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        one.setblocking(False)
        two.setblocking(False)
        yield one, two


def same_types(one: Any, two: Any) -> bool:
    if type(one) is not type(two):
        return False
    if is_dataclass(one):
        return all(same_types(getattr(one, field.name), getattr(two, field.name)) for field in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(two) and all(map(same_types, one, two))
    return True


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_message_comes_back_with_all_its_types(value: Any) -> None:
    decoded = channel.decode(channel.encode(value))
    assert decoded == value
    assert same_types(decoded, value)


def test_every_command_answer_and_event_is_among_the_values() -> None:
    travelling = {*message.Command.__args__, *message.Answer.__args__, *data_plane.DataPlaneEvent.__args__}
    assert travelling - {type(value) for value in VALUES} == {data_plane.Crashed}


def test_secrets_survive() -> None:
    assert channel.decode(channel.encode(Secret(b"\0key"))).reveal() == b"\0key"


def test_what_is_not_in_the_tables_does_not_travel() -> None:
    for value in (data_plane.Crashed("x"), socket.AddressFamily.AF_INET, {"a": "mapping"}):
        with pytest.raises(ValueError, match="does not travel"):
            channel.encode(value)


@given(st.binary())
def test_other_octets_raise_only_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        channel.decode(data)


def test_descriptors_travel_beside(ends: tuple[socket.socket, socket.socket]) -> None:
    reader, writer = os.pipe()
    channel.send(ends[0], message.UseDevice("vpn", joins_udp=True), [writer])
    os.close(writer)
    received = channel.receive(ends[1])
    assert received is not None
    assert received.value == message.UseDevice("vpn", joins_udp=True)
    (descriptor,) = received.descriptors
    os.write(descriptor, b"through")
    os.close(descriptor)
    assert os.read(reader, 10) == b"through"
    os.close(reader)


def test_messages_keep_their_order_and_the_end_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    for value in VALUES:
        channel.send(ends[0], value)
    ends[0].close()
    for value in VALUES:
        assert channel.receive(ends[1]) == (value, ())
    assert channel.receive(ends[1]) is None


def test_nothing_to_read_and_no_room_to_write_are_told(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(BlockingIOError):
        channel.receive(ends[1])
    with pytest.raises(BlockingIOError):
        for _ in range(1000):
            channel.send(ends[0], message.SendIke(bytes(60_000), OURS, THEIRS))
