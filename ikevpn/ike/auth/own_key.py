"""With which of our keys we prove ourselves, and which certificates go with the proof."""

from __future__ import annotations

from ikevpn.ike.auth.transcript import Transcript
from ikevpn.ike.runner.exchange import Rejected
from ikevpn.ike.state.sa import IkeSa
from ikevpn.model.certificates import OwnKey, SendCertificate
from ikevpn.model.events.event import Fact, Reason
from ikevpn.wire.payload import Certificate, CertificateRequest, Payload
from ikevpn.wire.registry import CertificateEncoding, NotifyType

WANTED = (CertificateEncoding.X509_SIGNATURE, CertificateEncoding.PKCS7)
"""Requests that a certificate of ours can answer; the second is what Windows asks for beside the first."""


def choose(sa: IkeSa, said: Transcript) -> OwnKey:
    """The one key that fits what has been agreed on and, where the peer names authorities, is under one of them.

    An authority that vouches for none of ours is no reason to end it: the peer may know our key all the same (RFC 4945
    §3.2.5). Raises Rejected where there is no key, or no telling which.
    """
    assert sa.tunnel is not None and sa.proposal is not None
    if said.own_key is not None and said.own_key in sa.tunnel.own_keys:
        return said.own_key
    fitting = [each for each in sa.tunnel.own_keys if each.auth == sa.proposal.auth]
    named = {each.data for each in said.requests if each.encoding in WANTED and each.data}
    found = [each for each in fitting if named & set(each.issuers)] or fitting
    if len(found) != 1:
        facts: dict[str, Fact] = {"method": sa.proposal.auth.label, "keys": tuple(each.name for each in found)}
        reason = Reason.SEVERAL_KEYS if found else Reason.NO_KEY
        raise Rejected("no key, or several", NotifyType.AUTHENTICATION_FAILED, reason, facts)
    said.own_key = found[0]
    return found[0]


def certificates(sa: IkeSa, said: Transcript) -> list[Payload]:
    """Our certificate and what leads from it to its authority, the own one first, as the tunnel wants."""
    assert sa.tunnel is not None
    when, chain = sa.tunnel.send_certificate, choose(sa, said).chain
    asked = any(_is_answered(each) for each in said.requests)
    if when is SendCertificate.NEVER or (when is SendCertificate.ON_REQUEST and not asked):
        return []
    return [Certificate(CertificateEncoding.X509_SIGNATURE, each) for each in chain]


def _is_answered(request: CertificateRequest) -> bool:
    return request.encoding in WANTED
