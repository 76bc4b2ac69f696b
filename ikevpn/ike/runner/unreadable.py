"""What it means that a message cannot be opened or does not verify, and how the peer is told. Changes nothing."""

from __future__ import annotations

from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.ike.state.sa import Exchange, IkeSa
from ikevpn.model.events.event import Reason
from ikevpn.wire.registry import NotifyType

_CAUSES = {
    "malformed": Reason.MALFORMED,
    "undecipherable": Reason.MALFORMED,
    "not-authentic": Reason.BAD_HASH,
    "bad-signature": Reason.BAD_SIGNATURE,
    "bad-certificate": Reason.BAD_CERTIFICATE,
    "played-back": Reason.DUPLICATE,
    "in-the-clear": Reason.IN_THE_CLEAR,
    "encrypted": Reason.UNEXPECTED_MESSAGE,
}
"""What an error in opening a message means, by its code."""
_REFUSALS = {
    Reason.BAD_HASH: NotifyType.INVALID_HASH_INFORMATION,
    Reason.BAD_SIGNATURE: NotifyType.INVALID_SIGNATURE,
    Reason.BAD_CERTIFICATE: NotifyType.INVALID_CERTIFICATE,
    Reason.IN_THE_CLEAR: NotifyType.INVALID_FLAGS,
    Reason.UNEXPECTED_MESSAGE: NotifyType.INVALID_FLAGS,
    Reason.DUPLICATE: NotifyType.INVALID_MESSAGE_ID,
}


def cause(sa: IkeSa, exchange: Exchange, error: Malformed | NotAuthentic) -> Reason:
    """What an error says by itself."""
    return _CAUSES[error.reason]


def refusal(error: Malformed | NotAuthentic) -> NotifyType:
    """Who has another secret hears what strongSwan and libreswan say: that its message does not parse."""
    return NotifyType.PAYLOAD_MALFORMED if isinstance(error, Malformed) else _REFUSALS[_CAUSES[error.reason]]
