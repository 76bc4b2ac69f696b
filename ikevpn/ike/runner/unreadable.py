"""What it means that a message cannot be opened or does not verify, and how the peer is told. Changes nothing."""

from __future__ import annotations

from ikevpn.errors import Malformed, NotAuthentic, Undecipherable
from ikevpn.model.events.event import Reason
from ikevpn.wire.registry import ExchangeType, NotifyType

_CAUSES = {
    "malformed": Reason.MALFORMED,
    "undecipherable": Reason.MALFORMED,
    "not-authentic": Reason.BAD_HASH,
    "played-back": Reason.DUPLICATE,
    "in-the-clear": Reason.IN_THE_CLEAR,
    "encrypted": Reason.UNEXPECTED_MESSAGE,
}
"""What an error in opening a message means, by its code."""
_REFUSALS = {
    Reason.BAD_HASH: NotifyType.INVALID_HASH_INFORMATION,
    Reason.IN_THE_CLEAR: NotifyType.INVALID_FLAGS,
    Reason.UNEXPECTED_MESSAGE: NotifyType.INVALID_FLAGS,
    Reason.DUPLICATE: NotifyType.INVALID_MESSAGE_ID,
}


def cause(kind: ExchangeType, error: Malformed | NotAuthentic) -> Reason:
    """Another secret is said to be the cause only where nothing else is.

    In main mode that is what our keys do not open: they come from the secret. What opens was made by somebody who has
    it, so that a hash which does not verify means something else; in aggressive mode nothing else was made from it.
    """
    aggressive = kind is ExchangeType.AGGRESSIVE
    undecipherable = isinstance(error, Undecipherable) and (aggressive or kind is ExchangeType.MAIN)
    hashed = error.reason == NotAuthentic.reason and aggressive
    return Reason.WRONG_SECRET if undecipherable or hashed else _CAUSES[error.reason]


def refusal(error: Malformed | NotAuthentic) -> NotifyType:
    """Who has another secret hears what strongSwan and libreswan say: that its message does not parse."""
    return NotifyType.PAYLOAD_MALFORMED if isinstance(error, Malformed) else _REFUSALS[_CAUSES[error.reason]]
