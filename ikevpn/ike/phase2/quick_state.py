"""What a quick mode remembers from its first message to its last. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from ikevpn.crypto.groups import KeyPair
from ikevpn.ike.offers.suite import Choice
from ikevpn.ike.state.sa import Child, ChildRequest, State
from ikevpn.model.proposal import IpsecProposal, Lifetime
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.payload import Payload
from ikevpn.wire.registry import Protocol


@dataclass(slots=True)
class Quick(State):
    """The tunnel may be another than that of the IKE SA when the peer has several."""

    tunnel: Tunnel | None = None
    request: ChildRequest | None = None
    selector: Selector | None = None
    offered: tuple[IpsecProposal, ...] = ()
    choice: Choice | None = None
    lifetime: Lifetime = Lifetime()
    shorter: bool = False  # our lifetime is shorter than the peer's: tell it
    pair: KeyPair | None = None
    peer_public: bytes = b""
    spis: dict[Protocol, int] = field(default_factory=dict)  # our inbound ones
    identities: tuple[Payload, ...] = ()
    child: Child | None = None

    def concerns(self, spi: int) -> bool:
        return spi in self.spis.values()
