"""The pipe between a command and the daemon that it starts."""

from __future__ import annotations

import os

import pytest

from ikevpn.control import api, ready
from ikevpn.errors import HostError


def test_ready_is_no_error() -> None:
    there, here = os.pipe()
    ready.tell(here, api.Done())
    assert ready.wait(there, 5) is None
    os.close(there)


def test_why_not_comes_through() -> None:
    there, here = os.pipe()
    error = api.Error(reason="no-tun", kind="host", sentence="/dev/net/tun does not exist", advice=("modprobe tun",))
    ready.tell(here, error)
    assert ready.wait(there, 5) == error
    os.close(there)


def test_a_daemon_that_dies_is_noticed() -> None:
    there, here = os.pipe()
    os.close(here)
    with pytest.raises(HostError, match="ended before it was ready"):
        ready.wait(there, 5)
    os.close(there)


def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever() -> None:
    there, here = os.pipe()
    with pytest.raises(HostError, match="not ready within 0 s"):
        ready.wait(there, 0.0)
    os.close(here)
    os.close(there)


def test_a_starter_that_is_gone_does_not_matter() -> None:
    there, here = os.pipe()
    os.close(there)
    ready.tell(here, api.Done())
