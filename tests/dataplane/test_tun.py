import errno
import os

import pytest

from ikevpn.dataplane import tun
from ikevpn.dataplane.stats import Stats
from ikevpn.errors import HostError


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
    device = tun.Tun(reader, Stats())
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


def test_what_the_kernel_does_not_take_is_counted() -> None:
    stats = Stats()
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_DIRECT)
    device = tun.Tun(writer, stats)
    device.write_batch([bytes(60_000)] * 3)
    os.close(reader)
    device.close()
    device.write_batch([b"x"])
    report = stats.report()
    assert report["drop-queue-full"] >= 1
    assert report["drop-device-down"] == 1


def test_packets_for_a_device_that_is_gone_are_counted() -> None:
    stats = Stats()
    devices = tun.Devices(stats)
    devices.write("vpn", [b"x", b"y"])
    assert stats.report() == {"drop-no-device": 2}
    assert devices.drop("vpn") is None


@pytest.mark.parametrize(
    ("number", "gone"), [(errno.EBADFD, True), (errno.EIO, True), (errno.EINVAL, False), (errno.ENOMEM, False)]
)
def test_only_a_deleted_device_is_gone(monkeypatch: pytest.MonkeyPatch, number: int, gone: bool) -> None:
    stats = Stats()
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_DIRECT)
    device = tun.Tun(reader, stats)

    def refuse(*arguments: object) -> int:
        raise OSError(number, "refused")

    with monkeypatch.context() as patch:
        patch.setattr(os, "readv", refuse)
        assert device.read_batch(2) == []
    assert device.gone is gone
    assert stats.report() == ({} if gone else {"drop-read-failed": 1})
    os.close(writer)
    device.close()
