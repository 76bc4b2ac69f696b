"""What a tunnel says of signatures. Most tunnels say nothing, and then nothing that reads certificates is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ikevpn.model.certificates import Authority, OwnKey
from ikevpn.model.secret import Secret

_NOTHING: Mapping[str, Secret] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Signing:
    """What a tunnel says of signatures. `private` is PKCS#8 by the names of `own`; `files` is what was read for it."""

    own: tuple[OwnKey, ...] = ()
    peer_keys: tuple[bytes, ...] = ()
    authorities: tuple[Authority, ...] = ()
    private: Mapping[str, Secret] = field(default_factory=lambda: _NOTHING)
    files: tuple[str, ...] = ()
