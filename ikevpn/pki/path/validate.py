"""Whether authorities that are believed vouch for a certificate, over any that the peer has sent (RFC 5280 §6.1).

Every certificate of a path is looked at as a place of its own (`rules`). How much is tried is bounded: a mesh of
authorities that have certified each other has more paths than anybody can walk. Revocation is not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from ikevpn.pki.names import same_name
from ikevpn.pki.path.rules import Place, Untrusted, check, name
from ikevpn.pki.reading import WRONG, public_key
from ikevpn.pki.signature import is_signed_by

_LONGEST = 9  # the peer's own certificate and eight levels of authorities, as ScreenOS has them
_MOST_SIGNATURES = 64


@dataclass(frozen=True, slots=True)
class Path:
    """From the peer's own certificate to the authority that vouches for it."""

    certificates: tuple[x509.Certificate, ...]


@dataclass(slots=True)
class _Search:
    presented: Sequence[x509.Certificate]
    anchors: Sequence[x509.Certificate]
    at: datetime
    signatures: int = 0
    failures: list[tuple[int, Untrusted]] = field(default_factory=list)  # with how far each came

    def walk(self, path: tuple[x509.Certificate, ...]) -> Path | None:
        """The first path that goes on from here to an anchor."""
        last = path[-1]
        if last in self.anchors:  # it is believed itself
            return Path(path)
        known = [each for each in (*self.anchors, *self.presented) if each not in path]
        found = [each for each in known if _may_have_issued(each, last)] if len(path) < _LONGEST else []
        if not found:
            self.failures.append((len(path), _nobody(last)))
        for issuer in found:
            try:
                self._check_signature(last, issuer)
                below = sum(each.subject != each.issuer for each in path[1:])
                check(Place(issuer, self.at, below, believed=issuer in self.anchors))
            except Untrusted as failure:
                self.failures.append((len(path) + 1, failure))
                continue
            if (whole := self.walk((*path, issuer))) is not None:
                return whole
        return None

    def _check_signature(self, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
        self.signatures += 1
        if self.signatures > _MOST_SIGNATURES:
            raise Untrusted("too-many-paths", "the peer's authorities have certified each other in too many ways")
        if not is_signed_by(certificate, public_key(issuer)):
            sentence = f"the signature on the certificate of {name(certificate)} is not that of {name(issuer)}"
            raise Untrusted("signature", sentence)


def validate(
    leaf: x509.Certificate, presented: Iterable[x509.Certificate], anchors: Iterable[x509.Certificate], at: datetime
) -> Path:
    """A path from `leaf` to one of `anchors` that is valid at a time. Raises Untrusted with what went wrong last."""
    check(Place(leaf, at, None))
    search = _Search(list(presented), list(anchors), at)
    found = search.walk((leaf,))
    if found is None:
        raise max(search.failures, key=lambda each: each[0])[1]
    return found


def _nobody(last: x509.Certificate) -> Untrusted:
    if last.subject == last.issuer:
        sentence = f"its path ends at {name(last)}, which is no authority of this tunnel"
    else:
        issuer = last.issuer.rfc4514_string()
        sentence = f"the certificate of {name(last)} was issued by {issuer}, which is no authority of this tunnel"
    return Untrusted("unknown-authority", sentence)


def _may_have_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """By names, as RFC 5280 §7.1 compares them: case and blanks do not matter."""
    try:
        return same_name(issuer.subject, certificate.issuer)
    except WRONG:
        return False
