"""What two tunnels do to each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.config.check import check
from tests.config.conftest import Write
from tests.config.rules.test_advice import warnings


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


def test_policies_for_one_network_share_a_device_or_one_of_them_gets_nothing(two: Write) -> None:
    first = POLICY.format(1, "10.2.0.0/16")
    second = POLICY.format(2, "10.2.2.0/24").replace("10.1.1.0/24", "10.1.2.0/24")
    path = two(first, second)
    assert warnings(path) == [] and not check(path).errors, "other local networks, one device: both work"
    path = two(first, second + '\ndevice = "vpn7"')
    (error,) = check(path).errors
    assert error.code == "split-networks" and str(error).endswith(
        "10.2.2.0/24 is behind tunnel one, too, and a route looks at the target only: of ikevpn0 and vpn7 one gets "
        "what the local networks of both send there, and drops what is not its own. Give both the same device, or "
        "leave device out: there the local networks decide."
    )
    same = POLICY.format(2, "10.2.0.0/16") + '\ndevice = "vpn7"\nmetric = 101'
    assert not check(two(first, same)).errors, "one behind the other"


def test_one_that_passes_while_another_blocks(two: Write) -> None:
    first = POLICY.format(1, "10.2.0.0/16")
    second = POLICY.format(2, "10.2.2.0/24").replace("10.1.1.0/24", "10.1.2.0/24")
    (warning,) = warnings(two(first, second + '\nwhen_down = "pass"'))
    assert warning.endswith(
        "traffic to 10.2.2.0/24 does not pass while tunnel one blocks it for itself. "
        "Write the same when_down as in one."
    )


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


ANYONE = 'remote = "{}"\nlocal_networks = "10.1.1.0/24"\nremote_networks = "10.{}.0.0/16"\nremote_id = "{}.example.net"'
UNKNOWN = (
    "tunnel.two.ike_proposals: tunnel one has other ike_proposals for the same unknown addresses. In main mode we "
    "choose one before the peer says who it is, so a peer of this tunnel may be given what only the other one takes, "
    "and fail. Give both the same ike_proposals, or use aggressive mode, which names the peer first."
)


@pytest.mark.parametrize("place", ["any", "198.51.100.0/24"])
def test_main_mode_chooses_before_it_knows_whom(two: Write, place: str) -> None:
    one, other = ANYONE.format(place, 2, "a"), ANYONE.format(place, 3, "b")
    differ = 'ike_proposals = "pre-g14-aes256-sha256"'
    assert any(each.endswith(UNKNOWN) for each in warnings(two(one, f"{other}\n{differ}")))
    assert warnings(two(one, other)) == []
    assert warnings(two(f"{one}\n{differ}", f"{other}\n{differ}")) == []


def test_known_or_other_addresses_may_have_other_proposals(two: Write) -> None:
    differ = 'ike_proposals = "pre-g14-aes256-sha256"'
    for here, there in (("192.0.2.8", "192.0.2.9"), ("198.51.100.0/24", "203.0.113.0/24")):
        assert warnings(two(ANYONE.format(here, 2, "a"), f"{ANYONE.format(there, 3, 'b')}\n{differ}")) == []
    aggressive = 'mode = "aggressive"\nanswer_aggressive = true'
    both = (f"{ANYONE.format('any', 2, 'a')}\n{aggressive}", f"{ANYONE.format('any', 3, 'b')}\n{aggressive}\n{differ}")
    assert not any("unknown addresses" in each for each in warnings(two(*both)))


ROADS = 'remote = "any"\nlocal_networks = "10.1.1.0/24"\nremote_networks = "{}"'


def test_networks_of_a_named_peer_are_not_for_whoever_calls(two: Write) -> None:
    path = two(POLICY.format(1, "10.64.5.0/24"), ROADS.format("10.64.0.0/10"))
    assert [str(each).replace(str(path), "FILE") for each in check(path).errors] == [
        "FILE:6: tunnel.two: peers at any address could take 10.64.5.0/24 away from tunnel one, which has a peer of "
        "its own: 10.64.0.0/10 is for whoever calls. "
        "Give peers of tunnel two networks of their own in remote_networks, without 10.64.5.0/24."
    ]


@pytest.mark.parametrize(
    ("named", "errors"),
    [
        (POLICY.format(1, "10.64.5.0/24"), 1),
        (POLICY.format(1, "10.0.0.0/8"), 1),
        (ROUTE.format(1, "10.64.5.0/24", "vpn0"), 1),
        (POLICY.format(1, "10.64.5.0/24") + '\ndevice = "vpn7"', 1),
        (POLICY.format(1, "10.128.0.0/16"), 0),
        (POLICY.format(1, "0.0.0.0/0"), 0),  # what is narrower wins
    ],
)
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("remote", ["any", "198.51.100.0/24"])
def test_whatever_the_device_and_the_order(two: Write, named: str, errors: int, order: int, remote: str) -> None:
    path = two(*(named, ROADS.format("10.64.0.0/10").replace("any", remote))[::order])
    assert [each.code for each in check(path).errors] == ["network-claimed"] * errors


@pytest.mark.parametrize(
    ("named", "roads", "errors"),
    [
        (POLICY.format(1, "10.64.5.0/24"), ROADS.format("0.0.0.0/0"), 0),  # refused when they ask for it
        (POLICY.format(1, "0.0.0.0/0"), ROADS.format("0.0.0.0/0"), 1),
        (ROUTE.format(1, "0.0.0.0/0", "vpn0"), ROADS.format("0.0.0.0/0"), 0),
        (POLICY.format(1, "10.64.5.0/24"), 'remote = "any"\nbinding = "route"\nroutes = "10.64.5.0/25"', 1),
        (POLICY.format(1, "10.64.5.0/24"), 'remote = "any"\nbinding = "route"\nroutes = "10.65.0.0/16"', 0),
        (ROADS.format("10.64.0.0/10"), ROADS.format("10.64.0.0/10"), 0),  # first come, first served
    ],
)
def test_everything_and_routes(two: Write, named: str, roads: str, errors: int) -> None:
    codes = [each.code for each in check(two(named, roads)).errors]
    assert codes.count("network-claimed") == errors
