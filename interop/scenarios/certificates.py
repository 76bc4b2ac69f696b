"""Both ends prove themselves with signatures, against strongSwan: ours the key of west, its the key of east.

left: ikevpn 192.0.2.1 ─── right: strongSwan 192.0.2.2
 10.1.1.0/24                10.2.2.0/24
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from interop.lab.outcome import InteropError, Unmet, expect, wait_until
from interop.lab.topology import Topology, pair
from interop.peers.credentials import Credentials
from interop.peers.tunnel import Mode, TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage

SUBJECT = "C=CH, O=ikevpn test, OU=gateways, CN={}.example.com"


def stand(
    stage: Stage, ours: Credentials, theirs: Credentials, base: TunnelParameters, theirs_id: str = ""
) -> tuple[Topology, Side, Side]:
    """ikevpn and strongSwan with these keys; they are called as their certificates say, unless told. `theirs_id` is
    what strongSwan sends where we expect something else.
    """
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right, base)
    if base.local_id is None and base.remote_id is None:
        west, east = f'"{SUBJECT.format("west")}"', f'"{SUBJECT.format("east")}"'
        right_view = replace(right_view, local_id=east, remote_id=west)
        left_view = replace(left_view, local_id=west.strip('"'), remote_id=east.strip('"'))
    if theirs_id:
        right_view = replace(right_view, local_id=theirs_id)
    right = stage.side("strongswan", topology.right, replace(right_view, credentials=theirs))
    left = stage.side("ikevpn", topology.left, replace(left_view, credentials=ours))
    stage.stands()
    return topology, left, right


def known(stage: Stage, kind: str, mode: Mode, *, calls: bool) -> None:
    """Each end has the certificate of the other; one of them `calls`, ours or strongSwan."""
    west, east = f"west-{kind}", f"east-{kind}"
    base = TunnelParameters(mode=mode, ike_suite="aes256-sha256-g14")
    topology, left, right = stand(stage, Credentials(west, east), Credentials(east, west), base)
    one, other = (left, right) if calls else (right, left)
    proof.whole_life(topology, one, other, (left, right))


def issued(stage: Stage, ours: Credentials, theirs: Credentials, base: TunnelParameters, *, calls: bool) -> None:
    """Each end believes an authority, and the other has a certificate that leads there."""
    topology, left, right = stand(stage, ours, theirs, base)
    one, other = (left, right) if calls else (right, left)
    proof.whole_life(topology, one, other, (left, right))


def refused(
    stage: Stage,
    theirs: Credentials,
    theirs_id: str,
    pattern: str,
    notify: str,
    *,
    calls: bool,
    ours: Credentials | None = None,
) -> None:
    """strongSwan has something that we do not accept: our sentence says what, and it hears the right notify."""
    base = replace(SUITE, local_id="west.example.com", remote_id="east.example.com", extra=_QUICK)
    topology, left, right = stand(stage, ours or _WEST, theirs, base, theirs_id)
    one = left if calls else right
    try:
        one.peer.initiate(timeout_s=15 if calls else 3)
    except InteropError as error:
        said = str(error)
    else:
        raise Unmet("the tunnel came up although its ends differ")
    if calls:
        expect(re.search(pattern, said) is not None, f"nothing like `{pattern}` was said, but: {said}")
    wait_until(lambda: re.search(pattern, left.peer.log()), f"a line like `{pattern}` in our log")
    # a responder is up by then: it gets a Delete, too, and works at both at the same time
    heard = (notify, "received DELETE for IKE_SA") if calls else (notify,)
    wait_until(lambda: any(each in right.peer.log() for each in heard), f"{notify} in the log of strongSwan")
    expect(not left.peer.sas(), "there are SAs all the same")
    proof.nothing_in_clear(topology)


SUITE = TunnelParameters(ike_suite="aes256-sha256-g14")
_QUICK = (("retransmit_s", 0.3), ("retransmit_tries", 3))
_WEST, _EAST = Credentials("west-rsa", authorities=("root",)), Credentials("east-rsa", authorities=("root",))
_LARGE = Credentials("large", authorities=("root",), key="east-rsa")
_NAMES = {"local_id": "west.example.com", "remote_id": "east.example.com"}
_MAILS = {"local_id": "west@example.com", "remote_id": "east@example.com"}
_ASKED = replace(_WEST, send="on-request"), replace(_EAST, send="on-request")
_ISSUED: tuple[tuple[str, str, Credentials, Credentials, TunnelParameters], ...] = (
    ("chain", "three levels of authorities, distinguished names", _WEST, _EAST, SUITE),
    ("chain-aggressive", "the same in aggressive mode", _WEST, _EAST, replace(SUITE, mode="aggressive")),
    ("fqdn", "domain names", _WEST, _EAST, replace(SUITE, **_NAMES)),
    ("mail", "e-mail addresses", _WEST, _EAST, replace(SUITE, **_MAILS)),
    ("on-request", "certificates only where they are requested", *_ASKED, replace(SUITE, **_NAMES)),
    ("large", "a certificate of more than 4 KB in IKE fragments", _WEST, _LARGE, replace(SUITE, **_NAMES)),
    *(
        (
            kind,
            f"{kind}, by an authority of P-384",
            Credentials(f"west-{kind}", authorities=("ec-root",)),
            Credentials(f"east-{kind}", authorities=("ec-root",)),
            SUITE,
        )
        for kind in ("ec256", "ec384")
    ),
)


def _flawed(name: str) -> Credentials:
    return Credentials(name, authorities=("root",), key="east-rsa")


_REFUSED: tuple[tuple[str, str, str, str], ...] = (
    ("expired", "east.example.com", "expired on 2020-01-01", "N(INVAL_CERT)"),
    ("stranger", "east.example.com", "was issued by CN=other.* no authority of this tunnel", "N(INVAL_CA)"),
    ("wrong-usage", "east.example.com", "does not allow signatures", "N(INVAL_CERT)"),
    ("wrong-name", "elsewhere.example.com", "identity is elsewhere.example.com", "N(INVAL_ID)"),
)
_KINDS: tuple[tuple[str, Mode], ...] = (("rsa", "main"), ("rsa", "aggressive"), ("ec256", "main"), ("ec384", "main"))
SCENARIOS = (
    *(
        Scenario(
            f"certificate-known-{kind}-{mode}-{'initiator' if calls else 'responder'}",
            f"each end knows the other's certificate: {kind}, {mode} mode, {'we' if calls else 'strongSwan'} first",
            partial(known, kind=kind, mode=mode, calls=calls),
            needs("ikevpn", "strongswan"),
        )
        for kind, mode in _KINDS
        for calls in (True, False)
    ),
    *(
        Scenario(
            f"certificate-issued-{name}-{'initiator' if calls else 'responder'}",
            f"{sentence}, {'we' if calls else 'strongSwan'} first",
            partial(issued, ours=ours, theirs=theirs, base=base, calls=calls),
            needs("ikevpn", "strongswan"),
        )
        for name, sentence, ours, theirs, base in _ISSUED
        for calls in (True, False)
    ),
    *(
        Scenario(
            f"certificate-refused-{name}-{'initiator' if calls else 'responder'}",
            f"a certificate that is not accepted: {name}, {'we' if calls else 'strongSwan'} first",
            partial(refused, theirs=_flawed(name), theirs_id=identity, pattern=pattern, notify=notify, calls=calls),
            needs("ikevpn", "strongswan"),
        )
        for name, identity, pattern, notify in _REFUSED
        for calls in (True, False)
    ),
)
