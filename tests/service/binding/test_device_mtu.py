"""The MTU of a device: a packet of that size, sealed, fits the path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.config.proposals.names import EspProposals
from ikevpn.model.address import AddressRange
from ikevpn.model.sa import SaMode
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, NatTraversal, Tunnel
from ikevpn.service.binding.device_mtu import device_mtu


def tunnel(*names: str, inside: str = "0.0.0.0/0", natt: NatTraversal = NatTraversal.AUTO) -> Tunnel:
    kind = EspProposals()
    found = [proposal for name in names for proposal in kind.read(name)]
    everything = AddressRange.of(inside)
    return Tunnel("t", (), tuple(found), (Child("all", 1, Selector(everything, everything)),), nat_traversal=natt)


@pytest.mark.parametrize(
    ("proposal", "mtu"),
    [
        # 1500 less IP 20, UDP 8, ESP 8, IV and ICV, down to whole blocks, less padding length and next header
        ("nopfs-esp-aes128gcm16", (1500 - 20 - 8 - 8 - 8 - 16) // 4 * 4 - 2),
        ("nopfs-esp-aes128-sha", (1500 - 20 - 8 - 8 - 16 - 12) // 16 * 16 - 2),
        ("nopfs-esp-3des-md5", (1500 - 20 - 8 - 8 - 8 - 12) // 8 * 8 - 2),
    ],
)
def test_in_udp_over_ipv4(proposal: str, mtu: int) -> None:
    assert device_mtu(tunnel(proposal)) == mtu


@pytest.mark.parametrize(("version", "ah"), [(4, 12 + 12), (6, 12 + 12), (4, 12 + 16), (6, 12 + 16 + 4)])
def test_ah_around_esp_travels_in_no_udp(version: int, ah: int) -> None:
    name = "nopfs-esp-3des-md5+ah-sha" if ah == 24 else "nopfs-esp-3des-md5+ah-sha256"
    header = 20 if version == 4 else 40
    assert device_mtu(tunnel(name), version=version) == (1500 - header - ah - 8 - 8 - 12) // 8 * 8 - 2


def test_the_widest_proposal_counts() -> None:
    both = device_mtu(tunnel("nopfs-esp-aes128gcm16", "nopfs-esp-aes256-sha512"))
    assert both == device_mtu(tunnel("nopfs-esp-aes256-sha512")) < device_mtu(tunnel("nopfs-esp-aes128gcm16"))


def test_ipv6_outside_costs_twenty_octets_and_no_nat_saves_eight() -> None:
    gcm = tunnel("nopfs-esp-aes128gcm16")
    assert device_mtu(gcm) - device_mtu(gcm, version=6) == 20
    assert device_mtu(replace(gcm, nat_traversal=NatTraversal.OFF)) - device_mtu(gcm) == 8


def test_a_small_path_makes_a_small_device_but_never_below_what_ip_needs() -> None:
    gcm = tunnel("nopfs-esp-aes128gcm16")
    assert device_mtu(gcm) - device_mtu(gcm, 1400) == 100
    assert device_mtu(gcm, 300) == 576


def test_ipv6_inside_needs_more() -> None:
    gcm = tunnel("nopfs-esp-aes128gcm16", inside="::/0")
    assert device_mtu(gcm, 1300) == 1280 > device_mtu(tunnel("nopfs-esp-aes128gcm16"), 1300)
    assert device_mtu(gcm, 1500) == device_mtu(tunnel("nopfs-esp-aes128gcm16"), 1500)


def test_transport_mode_takes_whole_packets() -> None:
    made = replace(tunnel("nopfs-esp-aes128-sha"), sa_mode=SaMode.TRANSPORT)
    assert device_mtu(made) == 65_535
