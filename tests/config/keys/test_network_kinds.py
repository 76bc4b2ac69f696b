"""Addresses and names: what no host can have, and what is no name. A sentence says which, and what is near is taken."""

from __future__ import annotations

import pytest

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.kinds import Kind
from ikevpn.config.keys.network_kinds import InterfaceAddress, Network, OwnAddress, PeerIdentity, Place, Remote
from ikevpn.model.identity import Identity
from ikevpn.wire.registry import IdType

NO_HOST = "no host can have the address"
OUR_FIX = "Write an address of this host, or leave the key out."
ZONE = "has a zone, which does not belong here. Remove"
LINK = "is link-local: what it means is different on every link."
NAMES = 'is not an address, a domain name, "user@domain", "CN=…, O=…" or "keyid:…".'


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (OwnAddress(), "255.255.255.255", f"{NO_HOST} 255.255.255.255. {OUR_FIX}"),
        (OwnAddress(), "::", f"{NO_HOST} ::. {OUR_FIX}"),
        (OwnAddress(wildcards=True), "ff02::1", f"{NO_HOST} ff02::1. {OUR_FIX}"),
        (OwnAddress(), "2001:db8::1%eth0", f'"2001:db8::1%eth0" {ZONE} "%eth0".'),
        (
            OwnAddress(),
            "fe80::1",
            '"fe80::1" is a link-local address, which each device has for itself. '
            'Write its device behind it: "fe80::1%eth0".',
        ),
        (Remote(), "2001:db8::1%eth0", f'"2001:db8::1%eth0" {ZONE} "%eth0".'),
        (Remote(), "fe80::1", f'"fe80::1" {LINK} Write another address of the peer, or "any".'),
        (Place(), "fe80::1%eth0", f'"fe80::1%eth0" {LINK} Write another address of the peer, or "any".'),
        (Network(), "2001:db8::1%eth0", f'"2001:db8::1%eth0" {ZONE} "%eth0".'),
        (InterfaceAddress(), "fe80::1%eth0/64", f'"fe80::1%eth0/64" {ZONE} "%eth0".'),
        (PeerIdentity(), "2001:db8::1%eth0", f'"2001:db8::1%eth0" {ZONE} "%eth0".'),
        *(
            (PeerIdentity(), text, f'"{text}" {NAMES} Write "@{text}" where the peer sends just this as its name.')
            for text in ("x@", "a b", "10.1.1.1/24", "2001:db8::1%", "gw.example.net:500", "https://gw")
        ),
    ],
)
def test_what_cannot_be(kind: Kind, text: str, told: str) -> None:
    with pytest.raises(Unfit) as caught:
        kind.read(text)
    assert f"{caught.value.sentence} {caught.value.fix}" == told


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (OwnAddress(wildcards=True), "0.0.0.0"),
        (OwnAddress(wildcards=True), "::"),
        (OwnAddress(), "127.0.0.1"),
        (OwnAddress(), "fe80::1%eth0"),
        (Remote(), "0.0.0.0/0"),
        (Remote(), "::/0"),
        (Remote(), "169.254.7.1"),
    ],
)
def test_what_is_near_and_can_be(kind: Kind, text: str) -> None:
    kind.read(text)


@pytest.mark.parametrize("text", ["a b", "x@", "10.1.1.1/24", "10.1.1.1"])
def test_a_name_behind_an_at_sign_is_taken_as_it_stands(text: str) -> None:
    assert PeerIdentity().read(f"@{text}") == Identity(IdType.FQDN, text.encode())
