"""A capture of real packets on loopback, and what it does when it cannot go on."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from pathlib import Path

import pytest
from scapy.layers.inet import UDP
from scapy.utils import PcapNgReader

from ikevpn.capture.capture import PER_TURN, Capture
from ikevpn.errors import HostError
from ikevpn.wire.registry import EspCipher
from tests.capture.test_offload import esp
from tests.capture.test_wireshark import sa

pytestmark = pytest.mark.root
UDP_SEGMENT = 103
SA = sa(EspCipher.AES_GCM_16, "00" * 20)


def record(file: Path, *payloads: bytes, segment: int = 0, port: int = 4500) -> Capture:
    """Send to a port of loopback while a capture runs."""

    async def scenario() -> Capture:
        capture = Capture(file, (500, 4500), lambda source, target: True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for payload in payloads:
                ancillary = [(socket.IPPROTO_UDP, UDP_SEGMENT, segment.to_bytes(2, "little"))] if segment else []
                sender.sendmsg([payload], ancillary, 0, ("127.0.0.1", port))
        capture.close()
        return capture

    return asyncio.run(scenario())


def payloads(file: Path) -> list[bytes]:
    with PcapNgReader(str(file)) as packets:
        return [bytes(packet[UDP].payload) for packet in packets]


def test_each_packet_once_and_super_packets_cut(tmp_path: Path) -> None:
    file = tmp_path / "x.pcapng"
    pieces = [esp(number, 100) for number in range(1, 9)]
    capture = record(file, b"".join(pieces), segment=100)
    assert payloads(file) == pieces and capture.packets == 8
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_other_traffic_stays_out(tmp_path: Path) -> None:
    record(tmp_path / "x.pcapng", b"a question", port=53)
    assert payloads(tmp_path / "x.pcapng") == []


def test_all_that_is_waiting_at_the_end_is_taken(tmp_path: Path) -> None:
    pieces = [esp(number, 100) for number in range(1, 2 * PER_TURN + 5)]
    record(tmp_path / "x.pcapng", *pieces)
    assert payloads(tmp_path / "x.pcapng") == pieces


@pytest.mark.parametrize(
    ("protocol", "frame"),
    [
        (0x0800, bytes([0x45, *bytes(8), 50])),
        (0x0800, bytes([0x45, *bytes(8), 50, *bytes(9)])),
        (0x0800, bytes([0x41, *bytes(8), 50, *bytes(30)])),
        (0x86DD, bytes([0x60, *bytes(5), 50])),
        (0x86DD, bytes([0x60, *bytes(5), 50, *bytes(32)])),
    ],
)
def test_a_packet_that_is_shorter_than_its_header_stays_out(tmp_path: Path, protocol: int, frame: bytes) -> None:
    async def scenario() -> Capture:
        capture = Capture(tmp_path / "x.pcapng", (500, 4500), lambda source, target: True)
        with (
            socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as forger,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):
            forger.sendto(frame, ("lo", protocol))
            sender.sendto(b"x" * 40, ("127.0.0.1", 4500))
        capture.close()
        return capture

    asyncio.run(scenario())
    assert payloads(tmp_path / "x.pcapng") == [b"x" * 40]


def test_keys_are_noted(tmp_path: Path) -> None:
    async def scenario() -> None:
        capture = Capture(tmp_path / "x.pcapng", (500,), lambda source, target: True)
        capture.add_ike(b"cookies!", bytes(16))
        capture.add_esp(SA)
        capture.close()

    asyncio.run(scenario())
    keys = tmp_path / "x.pcapng.keys"
    assert (keys / "ikev1_decryption_table").read_text() == f"{b'cookies!'.hex()},{bytes(16).hex()}\n"
    assert "0x00001234" in (keys / "esp_sa").read_text()


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.pcapng").write_text("precious")

    async def scenario() -> None:
        Capture(tmp_path / "x.pcapng", (500,), lambda source, target: True)

    with pytest.raises(HostError, match="cannot create"):
        asyncio.run(scenario())
    assert (tmp_path / "x.pcapng").read_text() == "precious"
    assert [each.name for each in tmp_path.iterdir()] == ["x.pcapng"]


def test_keys_that_cannot_be_kept_leave_no_capture(tmp_path: Path) -> None:
    (tmp_path / "x.pcapng.keys").touch()

    async def scenario() -> None:
        Capture(tmp_path / "x.pcapng", (500,), lambda source, target: True)

    with pytest.raises(HostError, match=r"cannot create .*x\.pcapng\.keys: File exists"):
        asyncio.run(scenario())
    assert [each.name for each in tmp_path.iterdir()] == ["x.pcapng.keys"]


def test_a_full_disk_is_said_once_and_touches_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        capture = Capture(tmp_path / "x.pcapng", (500, 4500), lambda source, target: True)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, capture._out)
        os.close(full)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x" * 40, ("127.0.0.1", 4500))
        capture.close()

    logging.getLogger("ikevpn").propagate = True
    asyncio.run(scenario())
    assert caplog.text.count("is incomplete: No space left on device") == 1
