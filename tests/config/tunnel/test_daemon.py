"""The [daemon] table: ports that clash, and paths that cannot be what they are for."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ikevpn.config.check import check
from tests.config.conftest import Write

PORTS = "nothing would tell them apart. Leave both ports out: 500 and 4500 are what peers expect."


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            "ike_port = 500\nnatt_port = 500",
            f"3: daemon.natt_port: IKE and ESP through NAT cannot share port 500: {PORTS}",
        ),
        (
            "ike_port = 4500",
            f"2: daemon.ike_port: IKE and ESP through NAT cannot share port 4500: {PORTS}",
        ),
        ('state = "/etc/passwd"', "2: daemon.state: /etc/passwd is not a folder. Name a folder, there or not."),
        ('sequences = "/dev/null"', "2: daemon.sequences: /dev/null is not a folder. Name a folder, there or not."),
        ('state = "/etc/passwd/x/y"', "2: daemon.state: /etc/passwd is not a folder. Name a folder, there or not."),
        (
            'sequences = "/etc/passwd/x"',
            "2: daemon.sequences: /etc/passwd is not a folder. Name a folder, there or not.",
        ),
        ('socket = "/etc/passwd/x"', "2: daemon.socket: /etc/passwd is not a folder. Name a folder, there or not."),
        (
            'socket = "/etc/passwd"',
            "2: daemon.socket: /etc/passwd is there already and is no socket. Name a file that the daemon may make.",
        ),
        (
            'listen = ["224.0.0.1"]',
            "2: daemon.listen: no host can have the address 224.0.0.1. "
            "Write an address of this host, or leave the key out.",
        ),
        ('socket = "/tmp"', "2: daemon.socket: /tmp is a folder. Name a file in it."),
        (
            f'socket = "/{"é" * 60}"',
            "2: daemon.socket: the name of a socket has 107 octets at most, and this one has 121. "
            "Choose a folder with a shorter name.",
        ),
    ],
)
def test_what_clashes_or_cannot_be(write: Write, lines: str, sentence: str) -> None:
    path = write(f"[daemon]\n{lines}\n")
    assert [str(each) for each in check(path).errors] == [f"{path}:{sentence}"]


def test_a_socket_that_a_daemon_left_or_made(write: Write, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(f"{tmp_path}/s")
        assert check(write(f'[daemon]\nsocket = "{tmp_path}/s"\n')).good


def test_what_can_be(write: Write, tmp_path: Path) -> None:
    path = write(
        f'[daemon]\nike_port = 4500\nnatt_port = 500\nstate = "{tmp_path}"\nsequences = "/no/such"\n'
        f'socket = "/{"a" * 106}"\n'
    )
    assert check(path).good
