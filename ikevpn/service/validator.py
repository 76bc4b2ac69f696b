"""Who says for the engine whether authorities vouch for a peer (`Validate`), in a thread: the loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from cryptography import x509

from ikevpn.ike.values.question import Answer, Distrust, Validate
from ikevpn.pki.path.rules import Untrusted
from ikevpn.pki.path.validate import validate
from ikevpn.pki.reading import WRONG

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Validator:
    """Asks for each authority by itself: which of them may vouch for whom, the tunnels say."""

    def __init__(self, clock: Clock = _now) -> None:
        self._clock = clock

    async def validate(self, question: Validate) -> Answer:
        """The certificates of those authorities that vouch, or why none does."""
        return await asyncio.to_thread(self._validate, question)

    def _validate(self, question: Validate) -> Answer:
        vouching: set[bytes] = set()
        failures: list[Untrusted] = []
        (leaf,) = _read([question.certificate])
        presented, at = list(_read(question.presented)), self._clock()
        for authority in sorted(question.authorities, key=lambda each: each.name):
            try:
                validate(leaf, presented, _read([authority.certificate]), at)
            except Untrusted as failure:
                failures.append(failure)
            else:
                vouching.add(authority.certificate)
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
