"""What libreswan is told, and what it answers."""

from __future__ import annotations

from dataclasses import replace

from interop.peers import libreswan
from interop.peers.shape import EspSa
from interop.peers.tunnel import TunnelParameters

STATUS = """
000 #4: "t":500 STATE_MAIN_I4 (IKE SA established); REPLACE in 28206s; newest; lastdpd=-1s(seq in:0 out:0); idle;
000 #5: "t":500 STATE_QUICK_I2 (IPsec SA established); REPLACE in 2974s; newest; eroute owner; ISAKMP SA #4; idle;
000 #5: "t" esp.c8f8a160@192.0.2.1 esp.f6f97aba@192.0.2.2 tun.0@192.0.2.1 tun.0@192.0.2.2 Traffic: ESPin=0B
000 #7: "u":4500 STATE_QUICK_R2 (IPsec SA established); REPLACE in 2974s; newest; eroute owner; ISAKMP SA #4; idle;
000 #7: "u" esp.00000001@192.0.2.1 esp.00000002@192.0.2.2 tun.0@192.0.2.1 tun.0@192.0.2.2 Traffic: ESPin=0B
"""
TUNNEL = TunnelParameters("192.0.2.2", "192.0.2.1", ("10.2.2.0/24",), ("10.1.1.0/24",), ike_suite="aes128-sha-g14")


def test_our_spi_stands_second_and_the_port_tells_the_encapsulation() -> None:
    assert libreswan.established(STATUS) == {
        "t": (EspSa("t", 0xF6F97ABA, 0xC8F8A160, False),),
        "u": (EspSa("u", 2, 1, True),),
    }


def test_ikev1_is_switched_on_and_no_script_runs() -> None:
    text = libreswan.configuration((TUNNEL,))
    assert "ikev1-policy=accept" in text
    assert "leftupdown=%disabled" in text


def test_pfs_names_its_group() -> None:
    assert "phase2alg=aes128-sha1;modp2048" in libreswan.configuration((replace(TUNNEL, pfs=True),))
    assert "pfs=no" in libreswan.configuration((TUNNEL,))
