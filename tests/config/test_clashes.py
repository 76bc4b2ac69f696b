"""What two tunnels do to each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.config.check import check
from tests.config.conftest import Write
from tests.config.test_advice import warnings


@pytest.fixture
def two(write: Write) -> Write:
    """Writes the tunnels `one` and `two`, each with lines of its own."""

    def write_two(one: str, two: str) -> Path:
        common = 'secret = { file = "paris.psk" }\n'
        return write(f"[tunnel.one]\n{common}{one}\n[tunnel.two]\n{common}{two}")

    return write_two


POLICY = 'remote = "203.0.113.{}"\nlocal_networks = "10.1.1.0/24"\nremote_networks = "{}"'
ROUTE = 'remote = "203.0.113.{}"\nbinding = "route"\nroutes = "{}"\ndevice = "{}"'


def test_networks_that_overlap(two: Write) -> None:
    path = two(POLICY.format(1, "10.2.0.0/16"), POLICY.format(2, "10.2.2.0/24"))
    assert warnings(path) == [
        "FILE:6: tunnel.two: tunnel one and this one overlap: 10.1.1.0/24 === 10.2.0.0/16 and "
        "10.1.1.0/24 === 10.2.2.0/24; the more exact one wins, else the first."
    ]
    assert warnings(two(POLICY.format(1, "10.2.0.0/16"), POLICY.format(2, "10.3.0.0/16"))) == []
    assert warnings(two(POLICY.format(1, "10.2.0.0/16"), ROUTE.format(2, "10.4.0.0/16", "vpn0"))) == []


def test_one_network_through_two_devices_needs_two_metrics(two: Write) -> None:
    first, second = ROUTE.format(1, "10.2.0.0/16", "vpn0"), ROUTE.format(2, "10.2.0.0/16", "vpn1")
    path = two(first, second)
    assert [str(each).replace(str(path), "FILE") for each in check(path).errors] == [
        "FILE:7: tunnel.two: tunnel one routes 10.2.0.0/16 to vpn0 with the same metric 100. "
        "Say which goes first: write metric = 101 for the second."
    ]
    assert warnings(two(first, second + "\nmetric = 101")) == []


HOSTS = 'remote = "203.0.113.1"\nlocal = "192.0.2.{}"\nsa_mode = "transport"'
PORT = '[[tunnel.{}.selector]]\nlocal = "192.0.2.{}"\nremote = "203.0.113.1"\nprotocol = "tcp"\nremote_port = {}'


def test_what_is_sent_to_one_host_goes_into_one_tunnel(two: Write) -> None:
    path = two(HOSTS.format(1), HOSTS.format(9))
    assert [str(each).replace(str(path), "FILE") for each in check(path).errors] == [
        "FILE:6: tunnel.two: tunnel one protects what this host sends to 203.0.113.1 as well, and only one of the two "
        "would get it. Keep one of them, or give each a protocol or ports of its own in selector tables."
    ]
    web, mail = (f"{HOSTS.format(9)}\n{PORT.format('two', 9, port)}" for port in (443, 25))
    (error,) = check(two(f"{HOSTS.format(1)}\n{PORT.format('one', 1, 443)}", web)).errors
    assert error.code == "same-hosts" and "(192.0.2.9 === 203.0.113.1[443] tcp)" in error.sentence
    assert not check(two(f"{HOSTS.format(1)}\n{PORT.format('one', 1, 443)}", mail)).errors
    assert not check(two(HOSTS.format(1), HOSTS.format(9).replace("113.1", "113.2"))).errors


def test_a_caller_that_could_mean_either(two: Write) -> None:
    path = two(POLICY.format(1, "10.2.0.0/16"), POLICY.format(1, "10.3.0.0/16"))
    assert warnings(path) == [
        "FILE:6: tunnel.two: a peer that calls could mean tunnel one or this one. "
        "Give them different values of remote, local or remote_id."
    ]
    assert warnings(two(POLICY.format(1, "10.2.0.0/16"), POLICY.format(1, "10.3.0.0/16") + '\nremote_id = "a"')) == []
