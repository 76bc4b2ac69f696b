"""Why an attempt came to nothing: what is decided by, and the event that tells people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ikevpn.model.events.event import Event


class Cause(StrEnum):
    """On whose side the cause is; also the kind of the error that a client hears."""

    PEER = "peer"
    HOST = "host"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Failure:
    """`child` is empty where the whole attempt failed, and not only the quick mode of one child."""

    event: Event
    cause: Cause = Cause.PEER
    child: str = ""
