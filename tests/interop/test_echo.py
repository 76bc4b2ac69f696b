"""Echo requests: an answer that comes late is an answer, and one that never comes is missed. Needs root.

The host answers no pings itself; a program beside it does, and keeps the third answer back for half a second.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from interop.lab.outcome import wait_until
from interop.lab.site import Site
from interop.traffic import echo, traffic

ANSWER = """
import socket, sys, time
sys.path.insert(0, {folder!r})
from echo import checksum
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
print("ready", flush=True)
while True:
    packet, sender = raw.recvfrom(65535)
    message = packet[20:]
    if message[0] != 8:
        continue
    number = int.from_bytes(message[6:8], "big")
    if number == {lost}:
        continue
    if number == 3:
        time.sleep(0.5)
    unsummed = bytes(4) + message[4:]
    raw.sendto(bytes(2) + checksum(unsummed).to_bytes(2, "big") + message[4:], sender)
"""


def _asked(count: int, patience_s: float, lost: int = 0) -> set[int]:
    with Site() as site:
        host = site.namespace("one")
        host.run("sysctl", "-w", "net.ipv4.icmp_echo_ignore_all=1")
        source = Path(echo.__file__).read_text()
        host.write_file("echo.py", source)
        script = host.write_file("answer.py", ANSWER.format(folder=str(host.folder), lost=lost))
        job = host.spawn(sys.executable, script, name="answer")
        wait_until(lambda: "ready" in job.output(), "the start of the answering program")
        end = traffic.End(host, "127.0.0.1")
        return traffic.answered(end, end, count, patience_s)


@pytest.mark.root
def test_a_late_answer_is_waited_for() -> None:
    assert _asked(3, 30.0) == {1, 2, 3}


@pytest.mark.root
def test_a_lost_one_is_named() -> None:
    assert _asked(3, 2.0, lost=2) == {1, 3}


@pytest.mark.root
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_kernel_answers_all(address: str) -> None:
    with Site() as site:
        end = traffic.End(site.namespace("one"), address)
        assert traffic.answered(end, end, 3, 30.0) == {1, 2, 3}


def test_checksum() -> None:
    """The example of RFC 1071 §3."""
    assert echo.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
