"""What a peer has proved itself with."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.model.secret import Secret
from ikevpn.wire.registry import Auth


@dataclass(frozen=True, slots=True)
class Credential:
    """A key and the method that it belongs to. Who says the same and has another one is somebody else."""

    auth: Auth
    key: Secret
