"""The stream of octets with its checksums."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from interop.traffic import stream


def test_both_ends_of_a_stream_agree() -> None:
    port = _free_port()
    command = [sys.executable, stream.__file__, "serve", "127.0.0.1", str(port), "300000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        sent, received = stream.dial("127.0.0.1", port, 300_000, "127.0.0.1")
        assert server.stdout.read().split() == ["sent", received, "received", sent]


def test_octets_that_are_missing_are_noticed() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(b"short")
        one.shutdown(socket.SHUT_WR)
        with pytest.raises(SystemExit, match="5 octets early"):
            stream.receive(other, 10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
