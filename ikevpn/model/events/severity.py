"""How much an event matters: one word each, for the log, the journal and `ikevpn log --level`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from ikevpn.model.events.event import Code, Event, Reason


class Severity(StrEnum):
    """From what needs somebody to what nobody needs."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"

    def reaches(self, least: Severity) -> bool:
        """Whether it matters as much as `least`."""
        return _ORDER[self] <= _ORDER[least]


_ORDER = {severity: place for place, severity in enumerate(Severity)}
_OF: Mapping[Code, Severity] = {
    **dict.fromkeys(
        (
            Code.PHASE1_FAILED,
            Code.PHASE2_FAILED,
            Code.HOST_REFUSED,
            Code.DATA_PLANE_CRASHED,
            Code.INTERNAL_ERROR,
            Code.NOT_RELOADED,
            Code.CERTIFICATE_EXPIRED,
        ),
        Severity.ERROR,
    ),
    **dict.fromkeys(
        (
            Code.IKE_DOWN,
            Code.CHILD_DOWN,
            Code.PEER_NOTIFY,
            Code.DEVIATION,
            Code.ICMP_ERROR,
            Code.CALL_REFUSED,
            Code.NETWORK_REFUSED,
            Code.ROUTE_COMPETES,
            Code.HOST_RESTORED,
            Code.SEQUENCE_LOW,
            Code.CERTIFICATE_EXPIRES,
            Code.ADDRESSES_CHANGED,
        ),
        Severity.WARNING,
    ),
    **dict.fromkeys(
        (Code.KEYS_DERIVED, Code.DPD_SENT, Code.DPD_ANSWERED, Code.DATAGRAM_DROPPED, Code.NO_NAT), Severity.DEBUG
    ),
}
_TELLING = frozenset((Reason.WRONG_SECRET, Reason.NO_SECRET, Reason.WRONG_PEER_IDENTITY, Reason.NO_PROPOSAL_PHASE1))
_HARMLESS = frozenset((Reason.REQUESTED, Reason.REPLACED))


def severity(event: Event) -> Severity:
    """A datagram that is dropped matters only where somebody has to do something about it; an end that was asked for
    is no warning.
    """
    found = _OF.get(event.code, Severity.INFO)
    if event.code is Code.DATAGRAM_DROPPED and event.reason in _TELLING:
        return Severity.ERROR
    if found is Severity.WARNING and event.reason in _HARMLESS:
        return Severity.INFO
    return found
