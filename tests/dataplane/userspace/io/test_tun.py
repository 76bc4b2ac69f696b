import errno
import os
import socket
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest

from ikevpn.dataplane.userspace.io import tun
from ikevpn.dataplane.userspace.io.frame_buffer import FrameBuffer
from ikevpn.dataplane.userspace.packet import vnet
from ikevpn.dataplane.userspace.packet.frames import Packet
from ikevpn.dataplane.userspace.packet.segment import Chain
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.errors import HostError
from tests.dataplane.traffic import udp, udp_run


@pytest.mark.parametrize("name", ["", "a-name-longer-than-fifteen", "ä" * 8])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(HostError, match="cannot be the name of a device"):
        tun.open_device(name, 1400)


def test_no_clone_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tun, "CLONE_DEVICE", "/dev/net/no-such-tun")
    with pytest.raises(HostError, match="/dev/net/no-such-tun does not exist") as caught:
        tun.open_device("vpn", 1400)
    assert caught.value.reason == "no-tun"
    assert "modprobe tun" in caught.value.fix


def test_batches_are_bounded_and_end_where_there_is_nothing() -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_DIRECT)  # a pipe in packet mode reads like a device
    device = tun.Tun(reader, Stats(), FrameBuffer(256), joins_udp=True)
    for packet in (b"one", b"two", b"three"):
        os.write(writer, packet)
    assert device.read_batch(2) == [b"one", b"two"]
    assert device.read_batch(2) == [b"three"]
    assert device.read_batch(2) == []
    assert not device.gone
    os.close(writer)
    device.close()
    assert device.read_batch(2) == []
    assert device.gone


@pytest.fixture
def joint() -> Iterator[tuple[tun.Tun, socket.socket]]:
    """A device with offloads, and the socket in the place of the host."""
    host, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    host.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    with host, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tun, "_has_offloads", lambda descriptor: True)
        device = tun.Tun(inside.detach(), Stats(), FrameBuffer(256), joins_udp=True)
        yield device, host
        device.close()


def flat(packets: Sequence[Packet]) -> list[bytes]:
    return [
        each
        for packet in packets
        for each in ([packet] if isinstance(packet, bytes) else packet.split() if isinstance(packet, Chain) else packet)
    ]


def test_large_packets_among_small_ones_are_whole_and_in_order(joint: tuple[tun.Tun, socket.socket]) -> None:
    device, host = joint
    sent: list[bytes] = []
    for size in (40, 2101, 2102, 2103, 30_000, 41, 4214, 42, 42, 42, 42):
        sent.append(bytes([0x45, *range(1, 32)]) + bytes([size % 251]) * (size - 32))
        host.send(vnet.PLAIN + sent[-1])
    assert flat(device.read_batch(99)) == sent
    assert device.taken == len(sent)
    assert device.read_batch(99) == []


def test_devices_take_turns_with_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tun, "_has_offloads", lambda descriptor: True)
    devices, hosts = tun.Devices(Stats(), 99), []
    for name in ("vpn1", "vpn2"):
        host, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        hosts.append((host, devices.use(name, inside.detach(), joins_udp=True)))
    for turn in range(3):
        for number, (host, _) in enumerate(hosts):
            for each in range(5):
                host.send(vnet.PLAIN + udp(4, bytes([turn, number, each]) * (turn + number)))
        for number, (_, device) in enumerate(hosts):
            expected = [udp(4, bytes([turn, number, each]) * (turn + number)) for each in range(5)]
            assert flat(device.read_batch(99)) == expected
    for host, device in hosts:
        host.close()
        device.close()


def test_a_batch_has_few_large_packets_and_ends_at_its_limit(joint: tuple[tun.Tun, socket.socket]) -> None:
    device, host = joint
    for _ in range(5):
        host.send(vnet.PLAIN + bytes(65_535))
    assert [len(flat(device.read_batch(999))) for _ in range(3)] == [4, 1, 0]
    for _ in range(60):
        host.send(vnet.PLAIN + bytes(3000))
    assert [len(flat(device.read_batch(999))) for _ in range(2)] == [60, 0]
    for _ in range(10):
        host.send(vnet.PLAIN + udp(4, b"small"))
    assert [len(flat(device.read_batch(6))) for _ in range(3)] == [6, 4, 0]
    host.send(vnet.PLAIN + bytes(65_535))
    assert flat(device.read_batch(1)) == [bytes(65_535)]


def test_what_the_kernel_does_not_take_is_counted() -> None:
    stats = Stats()
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_DIRECT)
    device = tun.Tun(writer, stats, FrameBuffer(256), joins_udp=True)
    device.write_batch([bytes(60_000)] * 3)
    os.close(reader)
    device.close()
    device.write_batch([b"x"])
    report = stats.report()
    assert report["drop-queue-full"] >= 1
    assert report["drop-device-down"] == 1


def test_packets_for_a_device_that_is_gone_are_counted() -> None:
    stats = Stats()
    devices = tun.Devices(stats, 9)
    devices.write("vpn", [b"x", b"y"])
    assert stats.report() == {"drop-no-device": 2}
    assert devices.drop("vpn") is None


@pytest.mark.parametrize(
    ("number", "gone"), [(errno.EBADFD, True), (errno.EIO, True), (errno.EINVAL, False), (errno.ENOMEM, False)]
)
def test_only_a_deleted_device_is_gone(monkeypatch: pytest.MonkeyPatch, number: int, gone: bool) -> None:
    stats = Stats()
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_DIRECT)
    device = tun.Tun(reader, stats, FrameBuffer(256), joins_udp=True)

    def refuse(*arguments: object) -> int:
        raise OSError(number, "refused")

    with monkeypatch.context() as patch:
        patch.setattr(device, "_file", SimpleNamespace(readinto=refuse))
        assert device.read_batch(2) == []
    assert device.gone is gone
    assert stats.report() == ({} if gone else {"drop-read-failed": 1})
    os.close(writer)
    device.close()


def test_what_is_refused_together_is_written_singly(monkeypatch: pytest.MonkeyPatch) -> None:
    stats, run, written, writev = Stats(), udp_run(4, 5, 100), [], os.writev
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_DIRECT)
    monkeypatch.setattr(tun, "_has_offloads", lambda descriptor: True)
    device = tun.Tun(writer, stats, FrameBuffer(256), joins_udp=True)

    def refuse_joined(descriptor: int, pieces: Sequence[bytes]) -> int:
        if pieces[0] != vnet.PLAIN:
            raise OSError(errno.EINVAL, "not this kind")
        return writev(descriptor, pieces)

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", refuse_joined)
        device.write_batch(run)
    for _ in run:
        written.append(os.read(reader, 2048))
    assert written == [vnet.PLAIN + packet for packet in run]
    assert stats.report() == {}
    os.close(reader)
    device.close()


def test_a_device_is_told_whether_the_kernel_joins_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_DIRECT)
    monkeypatch.setattr(tun, "_has_offloads", lambda descriptor: True)
    device = tun.Devices(Stats(), 9).use("vpn", writer, joins_udp=False)
    device.write_batch(udp_run(4, 5, 100))
    assert [os.read(reader, 2048)[:10] for _ in range(5)] == [vnet.PLAIN] * 5
    os.close(reader)
    device.close()


@pytest.mark.parametrize(("newest", "joins_udp"), [(True, True), (False, False)])
def test_the_kernel_says_what_it_takes(monkeypatch: pytest.MonkeyPatch, newest: bool, joins_udp: bool) -> None:
    def ioctl(descriptor: int, request: int, argument: int) -> int:
        if not newest and argument & tun._USO4:
            raise OSError(errno.EINVAL, "what is that")
        return 0

    monkeypatch.setattr(tun, "_set_flags", lambda descriptor, name, flags: name)
    monkeypatch.setattr("fcntl.ioctl", ioctl)
    assert tun._attach(-1, "vpn") == ("vpn", joins_udp)
