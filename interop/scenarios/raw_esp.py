"""ESP as protocol 50 against a real kernel: strongSwan and libreswan in the guest, each as either role.

    left: ikevpn 192.0.2.1 ─────── 192.0.2.2 right: guest with kernel ESP, strongSwan or libreswan
     10.1.1.0/24                                 10.2.2.0/24

libreswan knows no group 2, cannot be told to rekey an IKEv1 tunnel, and starts a tunnel again that it has itself
started and the other side ends; so its tunnels are rekeyed by us and ended by whoever started them.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from interop.lab.outcome import expect
from interop.lab.topology import pair
from interop.peers.tunnel import TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage

_PINGS = 50
_STRONGSWAN_SUITES = (
    ("3des-md5-g2", "3des-md5"),
    ("aes128-sha-g2", "aes128-sha"),
    ("aes256-sha256-g14", "aes128gcm16"),
)
_LIBRESWAN_SUITES = (
    ("3des-sha-g14", "3des-sha"),
    ("aes128-sha-g14", "aes128-sha"),
    ("aes256-sha256-g14", "aes256-sha256"),
)


def play(
    stage: Stage,
    base: TunnelParameters,
    we_start: bool,
    theirs: str,
    ours: str = "ikevpn",
    family: int = 4,
    large: bool = False,
) -> None:
    """The whole life of a tunnel without encapsulation; `large` sends UDP that has to be fragmented, too."""
    topology = pair(stage.site, family=family)
    left_view, right_view = between(topology.left, topology.right, base)
    right = stage.side(theirs, topology.right, right_view)
    left = stage.side(ours, topology.left, left_view)
    stage.stands()
    initiator, responder = (left, right) if we_start else (right, left)
    proof.comes_up(initiator, responder)
    proof.encapsulation_is(left, udp=False)
    proof.encapsulation_is(right, udp=False)
    proof.carries(initiator, responder)
    if large:
        proof.carries_large_datagrams(initiator, responder)
    rekeying = (left,) if theirs == "guest-libreswan" else (left, right)
    proof.rekeys_without_loss(left, right, rekeying, tolerated=0 if ours == "ikevpn" else 1)
    proof.goes_down(initiator, responder)
    proof.nothing_in_clear(topology)


def compressed(stage: Stage, theirs: str) -> None:
    """The peer starts and wants IPComp; what it compresses comes through, and so does what we do not.

    libreswan offers nothing else, strongSwan the way without as well.
    """
    topology = pair(stage.site)
    base = TunnelParameters(ike_suite="aes128-sha-g14", esp_suite="aes128-sha", compress=True)
    left_view, right_view = between(topology.left, topology.right, base)
    right = stage.side(theirs, topology.right, right_view)
    left = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    proof.comes_up(right, left)
    agreed = theirs == "guest-libreswan"
    expect(
        f"IPComp {'for what it sends' if agreed else 'is left out'}" in left.peer.log(),
        "our log does not say what became of the compression",
    )
    proof.carries(right, left)
    before = _received(left)
    words = ("-n", "-i", "0.02", "-c", str(_PINGS), "-s", "1200", "-p", "00", "-I", left.end.address)
    left.host.run("ping", *words, right.end.address, timeout_s=60)
    octets = (_received(left) - before) // _PINGS
    expect((octets < 600) is agreed, f"answers of 1200 octets of zeros came in datagrams of {octets}")
    proof.carries_large_datagrams(right, left)
    proof.goes_down(right, left)
    proof.nothing_in_clear(topology)


def _received(side: Side) -> int:
    """Octets that have come in from outside."""
    (link,) = json.loads(side.host.run("ip", "-json", "-statistics", "link", "show", "outer").output)
    return int(link["stats64"]["rx"]["bytes"])


def _compressed(theirs: str) -> Scenario:
    peer = theirs.removeprefix("guest-")
    sentence = f"protocol 50 with {peer} on a kernel, which wants IPComp and starts"
    play_it = partial(compressed, theirs=theirs)
    return Scenario(f"raw-esp-{peer}-r-ipcomp", sentence, play_it, needs("ikevpn", theirs))


def _scenario(theirs: str, ike: str, esp: str, pfs: bool, we_start: bool, **options: Any) -> Scenario:
    base = TunnelParameters(ike_suite=ike, esp_suite=esp, pfs=pfs)
    peer = theirs.removeprefix("guest-")
    prefix = "lab-raw-esp" if options.get("ours") else "raw-esp6" if options.get("family") == 6 else "raw-esp"
    is_ah = esp.startswith("ah")
    prefix, suite = (prefix.replace("esp", "ah"), esp) if is_ah else (prefix, f"esp-{esp}")
    name = f"{prefix}-{peer}-{'i' if we_start else 'r'}-{ike}-{suite}-{'pfs' if pfs else 'nopfs'}"
    number, starter = 51 if is_ah else 50, "we" if we_start else peer
    sentence = f"protocol {number} with {peer} on a kernel: {proof.in_words(base)}, {starter} start"
    own = str(options.get("ours", "ikevpn"))
    play_it = partial(play, base=base, we_start=we_start, theirs=theirs, **options)
    return Scenario(name, sentence, play_it, needs(own, theirs))


SCENARIOS = (
    *(
        _scenario(theirs, ike, esp, pfs, we_start)
        for theirs, suites in (("guest-strongswan", _STRONGSWAN_SUITES), ("guest-libreswan", _LIBRESWAN_SUITES))
        for we_start in (True, False)
        for ike, esp in suites
        for pfs in (False, True)
    ),
    *(
        _scenario("guest-strongswan", "aes256-sha256-g14", "aes128gcm16", True, we_start, family=6)
        for we_start in (True, False)
    ),
    *(
        _scenario("guest-strongswan", "aes256-sha256-g14", esp, True, we_start)
        for esp, we_start in (
            *(("aes128-sha-esn", True), ("aes128gcm16-esn", False)),
            *(("aes128ctr-sha256", True), ("aes256ctr-sha", False)),
            *(("aes128ccm8", False), ("aes128ccm12", True), ("aes256ccm16", True)),
            *(("aes128gmac", True), ("aes256gmac", False)),
        )
    ),
    *(
        _scenario("guest-strongswan", "aes256-sha256-g14", suite, True, we_start, family=family, large=True)
        for suite, we_start, family in (
            *(
                (ah, we_start, 4)
                for ah in ("ah-md5", "ah-sha", "ah-sha256", "ah-sha384", "ah-sha512")
                for we_start in (True, False)
            ),
            *((suite, we_start, 6) for suite in ("ah-sha", "ah-sha256") for we_start in (True, False)),
            *((suite, we_start, 4) for suite in ("null-sha", "aes256-sha256") for we_start in (True, False)),
        )
    ),
    *map(_compressed, ("guest-strongswan", "guest-libreswan")),
    *(
        _scenario(theirs, "aes128-sha-g14", "aes128-sha", True, True, ours="guest-strongswan")
        for theirs in ("guest-strongswan", "guest-libreswan")
    ),
)
