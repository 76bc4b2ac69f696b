"""What it means that a message of phase 1 cannot be opened or does not verify: which depends on how both ends
authenticate. Changes nothing.
"""

from __future__ import annotations

from ikevpn.errors import Malformed, NotAuthentic, Undecipherable
from ikevpn.ike.auth import methods
from ikevpn.ike.runner import unreadable
from ikevpn.ike.state.sa import Exchange, IkeSa
from ikevpn.model.events.event import Reason
from ikevpn.wire.registry import ExchangeType


def cause(sa: IkeSa, exchange: Exchange, error: Malformed | NotAuthentic) -> Reason:
    """Another secret is said to be the cause only where nothing else is.

    In main mode that is what our keys do not open: they come from the secret. What opens was made by somebody who has
    it, so that a hash which does not verify means something else; in aggressive mode nothing else was made from it.
    With signatures no secret is in the keys.
    """
    hashed = error.reason == NotAuthentic.reason and exchange.script.kind is ExchangeType.AGGRESSIVE
    wrong = methods.agreed(sa).wrong if sa.proposal is not None else None
    if wrong is not None and (isinstance(error, Undecipherable) or hashed):
        return wrong
    return unreadable.cause(sa, exchange, error)
