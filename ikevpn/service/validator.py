"""Who says for the engine whether authorities vouch for a peer (`Validate`), in a thread: the loop never waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from cryptography import x509

from ikevpn.ike.values.question import Answer, Distrust, Validate
from ikevpn.pki.path.rules import Untrusted
from ikevpn.pki.path.validate import validate
from ikevpn.pki.reading import WRONG
from ikevpn.pki.revocation.path import check
from ikevpn.service.crl_files import CrlFiles

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Validator:
    """Asks for each authority by itself: which of them may vouch for whom, the tunnels say."""

    def __init__(self, clock: Clock = _now) -> None:
        self._clock = clock
        self._files = CrlFiles()

    async def validate(self, question: Validate) -> Answer:
        """Those authorities that vouch, or why none does."""
        return await asyncio.to_thread(self._validate, question)

    def _validate(self, question: Validate) -> Answer:
        vouching: set[bytes] = set()
        failures: list[Untrusted] = []
        (leaf,) = _read([question.certificate])
        presented, sent, at = list(_read(question.presented)), list(_read_lists(question.crls)), self._clock()
        for authority in sorted(question.authorities, key=lambda each: each.name):
            try:
                path = validate(leaf, presented, _read([authority.certificate]), at)
                lists = [*self._files.lists(authority.crls), *sent]
                untold = check(path.certificates, lists, authority.revocation, at)
            except Untrusted as failure:
                failures.append(failure)
                continue
            for sentence in untold:
                _log.warning("%s; it is accepted all the same (revocation = best-effort)", sentence)
            vouching.add(authority.trust)
        if vouching:
            return Answer(frozenset(vouching))
        telling = next((each for each in failures if each.rule != "unknown-authority"), failures[0])
        return Answer(Distrust(telling.rule, str(telling)))


def _read(certificates: Iterable[bytes]) -> Iterator[x509.Certificate]:
    """Those that parse; what a peer sends beside its own certificate may be anything."""
    for each in certificates:
        try:
            yield x509.load_der_x509_certificate(each)
        except WRONG:
            continue


def _read_lists(crls: Iterable[bytes]) -> Iterator[x509.CertificateRevocationList]:
    """What a peer sends counts as what is at hand: it is signed."""
    for each in crls:
        try:
            yield x509.load_der_x509_crl(each)
        except WRONG:
            continue
