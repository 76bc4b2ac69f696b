"""strongSwan's certificate was revoked, or nobody can say whether it was: by CRLs in files.

left: ikevpn 192.0.2.1 ─── right: strongSwan 192.0.2.2
 10.1.1.0/24                10.2.2.0/24
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from interop.peers.credentials import Credentials
from interop.peers.tunnel import TunnelParameters
from interop.scenarios.certificates import issued, refused
from interop.stage.scenario import Scenario, needs

_SUITE = TunnelParameters(ike_suite="aes256-sha256-g14", local_id="west.example.com", remote_id="east.example.com")
_ROOT = ("root",)
_LISTS = ("root", "first", "second")
_STRICT = Credentials("west-rsa", authorities=_ROOT, crls=_LISTS)
_STALE = replace(_STRICT, crls=("root", "first", "second.stale"))
_EAST = Credentials("east-rsa", authorities=_ROOT)
_REVOKED = Credentials("revoked", authorities=_ROOT, key="east-rsa")
_OURS = {"strict": _STRICT, "best-effort-stale": replace(_STALE, revocation="best-effort")}


def _sides(name: str) -> tuple[tuple[str, bool], ...]:
    return tuple((f"certificate-{name}-{'initiator' if calls else 'responder'}", calls) for calls in (True, False))


SCENARIOS = (
    *(
        Scenario(
            name,
            f"CRLs in files, {kind}",
            partial(issued, ours=ours, theirs=_EAST, base=_SUITE, calls=calls),
            needs("ikevpn", "strongswan"),
        )
        for kind, ours in _OURS.items()
        for name, calls in _sides(f"crl-{kind}")
    ),
    *(
        Scenario(
            name,
            f"CRLs in files: {sentence}",
            partial(
                refused,
                ours=ours,
                theirs=theirs,
                theirs_id="east.example.com",
                pattern=sentence,
                notify="N(INVAL_CERT)",
                calls=calls,
            ),
            needs("ikevpn", "strongswan"),
        )
        for kind, ours, theirs, sentence in (
            ("revoked", _STRICT, _REVOKED, "was revoked on "),
            ("stale", _STALE, _EAST, "has a CRL that ended on 2020-02-01"),
        )
        for name, calls in _sides(f"refused-{kind}")
    ),
)
