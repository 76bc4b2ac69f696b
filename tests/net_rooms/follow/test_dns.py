"""Looking up names: addresses and names that no DNS knows need no network."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import pytest

from ikevpn.errors import HostError
from ikevpn.net.follow.dns import resolve


def test_an_address_is_its_own_answer() -> None:
    assert asyncio.run(resolve("192.0.2.7")) == (ip_address("192.0.2.7"),)
    assert asyncio.run(resolve("2001:db8::7", version=6)) == (ip_address("2001:db8::7"),)


def test_localhost_has_each_address_once() -> None:
    answers = asyncio.run(resolve("localhost"))
    assert ip_address("127.0.0.1") in answers
    assert len(answers) == len(set(answers))


@pytest.mark.parametrize(
    ("number", "why"),
    [(socket.EAI_NONAME, "there is no such name"), (socket.EAI_AGAIN, "no DNS server answers")],
)
def test_a_failure_in_words(monkeypatch: pytest.MonkeyPatch, number: int, why: str) -> None:
    """What the system's resolver says depends on the machine: here it says what the case needs."""

    def fail(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(number, "words of the C library")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(HostError) as caught:
        asyncio.run(resolve("gw.example.net"))
    assert str(caught.value) == f"the name gw.example.net cannot be looked up: {why}"
    assert caught.value.reason == "dns"
    assert caught.value.fix == "Check its spelling and /etc/resolv.conf, or write the address in place of the name."


def test_a_name_that_no_dns_can_hold() -> None:
    with pytest.raises(HostError, match="it is not a name that DNS can hold"):
        asyncio.run(resolve("a" * 64 + ".example.net"))
