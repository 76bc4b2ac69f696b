"""What strongSwan is told, and what it answers."""

from __future__ import annotations

from dataclasses import replace

from interop.peers import swanctl
from interop.peers.shape import EspSa
from interop.peers.tunnel import TunnelParameters

LISTED = (
    "list-sa event {paris {uniqueid=1 version=1 state=ESTABLISHED local-host=192.0.2.1 local-port=4500 nat-remote=yes "
    "tasks-passive=[] child-sas {paris-2 {name=paris uniqueid=2 reqid=1 state=INSTALLED protocol=ESP encap=yes "
    "spi-in=ba78d47a spi-out=5a813b9a local-ts=[10.1.1.0/24] remote-ts=[10.2.2.0/24 10.3.0.0/16]} "
    "paris-1 {name=paris uniqueid=1 state=INSTALLED encap=yes spi-in=00000101 spi-out=00000202} "
    "paris-3 {name=paris uniqueid=3 state=REKEYING encap=yes spi-in=00000301 spi-out=00000302}}}}\n"
    "list-sa event {rome {uniqueid=2 state=CONNECTING child-sas {}}}\n"
    "list-sas reply {}\n"
)
TUNNEL = TunnelParameters("192.0.2.1", "192.0.2.2", ("10.1.1.0/24",), ("10.2.2.0/24",))


def test_installed_pairs_come_oldest_first() -> None:
    assert swanctl.installed(LISTED) == {
        "paris": (EspSa("paris", 0x101, 0x202, True), EspSa("paris", 0xBA78D47A, 0x5A813B9A, True))
    }


def test_raw_form_keeps_lists_and_sections() -> None:
    text = "event {a {b=1 empty= c {} d {list=[10.2.2.0/24 10.3.0.0/16] none=[]}} e=2}"
    inner: swanctl.Node = {"list": ["10.2.2.0/24", "10.3.0.0/16"], "none": []}
    assert swanctl.read_raw(text) == {"a": {"b": "1", "empty": "", "c": {}, "d": inner}, "e": "2"}


def test_pfs_takes_the_group_of_phase_1() -> None:
    tunnel = replace(TUNNEL, ike_suite="aes256-sha512-g19", esp_suite="aes128gcm16", pfs=True)
    text = swanctl.configuration((tunnel,))
    assert "proposals = aes256-sha512-ecp256\n" in text
    assert "esp_proposals = aes128gcm16-ecp256\n" in text


def test_aggressive_mode_and_identities() -> None:
    text = swanctl.configuration((replace(TUNNEL, mode="aggressive", local_id="a.example", remote_id="b.example"),))
    assert "aggressive = yes" in text
    assert text.count("id = b.example") == 2  # of the remote end, and of the secret


def test_anybody_may_call() -> None:
    assert "remote_addrs = %any" in swanctl.configuration((replace(TUNNEL, remote="any"),))


def test_networks_that_are_not_given_are_left_to_strongswan() -> None:
    assert "_ts = " not in swanctl.configuration((replace(TUNNEL, local_networks=(), remote_networks=()),))
    assert "local_ts = 10.1.1.0/24\n      remote_ts = 10.2.2.0/24\n" in swanctl.configuration((TUNNEL,))
