"""Two engines that hand each other their datagrams in virtual time. A test bends what passes between them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import AddSa, DeleteSa, Effect, Report, Send
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.model.proposal import IkeProposal, IpsecProposal, Lifetime
from ikevpn.model.sa import Direction, Sa
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, Tunnel
from ikevpn.wire.registry import EspCipher, Group, Hash, IkeCipher, Integrity, Protocol

HERE, THERE = Endpoint.of("192.0.2.1", 500), Endpoint.of("198.51.100.1", 500)
NATT_PORT = 4500
AT_ONCE = EngineSettings(switch_first_s=0, switch_s=0)
"""Most tests have no use for the moment between message 3 and the first packet; `test_children` has."""
_NET_A, _NET_B = AddressRange.of("10.1.0.0/24"), AddressRange.of("10.2.0.0/24")


def tunnel(**changes: object) -> Tunnel:
    """The initiator's side of an ordinary tunnel in a cheap group."""
    plain = Tunnel(
        name="ab",
        ike_proposals=(IkeProposal(IkeCipher.AES_CBC, 128, Hash.SHA1, Group.MODP_768),),
        ipsec_proposals=(IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1, Group.NONE),),
        children=(Child("net", 1, Selector(_NET_A, _NET_B)),),
        remotes=(AddressRange.of_address(THERE.address),),
        psk=Secret(b"swordfish"),
        dpd_interval_s=0,
        answer_aggressive=True,
        ipsec_lifetime=Lifetime(3600),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def other_side(ours: Tunnel) -> Tunnel:
    """The responder's side of the same tunnel."""
    children = tuple(Child(c.name, 40 + c.reqid, c.selector.reversed()) for c in ours.children)
    remotes = (AddressRange.of_address(HERE.address),)
    changes = {"local_id": ours.remote_id, "remote_id": ours.local_id, "children": children, "remotes": remotes}
    return replace(ours, name="ba", **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Sent:
    """One datagram on its way. `sender` is "a" or "b"."""

    sender: str
    datagram: Send


Tamper = Callable[[Sent], list[Sent]]


class Side:
    """An engine, what it reported and what it has installed."""

    def __init__(self, name: str, configured: Tunnel, address: Endpoint, settings: EngineSettings) -> None:
        self.name = name
        self.tunnel = configured
        self.address = address
        self.engine = Engine(settings, random.Random(name).randbytes)
        self.engine.add_tunnel(configured)
        self.events: list[Event] = []
        self.sas: dict[tuple[Direction, int], Sa] = {}

    def codes(self) -> list[Code]:
        return [event.code for event in self.events]

    def reasons(self, *codes: Code) -> list[Reason]:
        """The reasons of all events with one of these codes."""
        return [event.reason for event in self.events if event.code in codes]


class Pair:
    """`a` initiates, `b` responds. Every datagram passes through `tamper`."""

    def __init__(
        self,
        ours: Tunnel | None = None,
        theirs: Tunnel | None = None,
        settings: EngineSettings | None = None,
        tamper: Tamper = lambda sent: [sent],
    ) -> None:
        ours = ours or tunnel()
        chosen = settings or AT_ONCE
        self.a = Side("a", ours, HERE, chosen)
        self.b = Side("b", theirs or other_side(ours), THERE, chosen)
        self.now = 1000.0
        self.log: list[Sent] = []
        self.tamper = tamper
        self._wire: deque[Sent] = deque()

    def side(self, name: str) -> Side:
        return self.a if name == "a" else self.b

    def initiate(self) -> None:
        self.perform(self.a, self.a.engine.initiate(self.a.tunnel.name, HERE, THERE, self.now))

    def up(self) -> Pair:
        """Bring the tunnel up and let everything settle for a moment."""
        self.initiate()
        self.run(0.1)
        return self

    def perform(self, side: Side, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send():
                    sent = Sent(side.name, effect)
                    self.log.append(sent)
                    self._wire.extend(self.tamper(sent))
                case AddSa():
                    side.sas[effect.sa.direction, effect.sa.spi] = effect.sa
                case DeleteSa():
                    side.sas.pop((effect.direction, effect.spi), None)
                case Report():
                    side.events.append(effect.event)

    def deliver(self, sent: Sent) -> None:
        """Hand a datagram to whom it is for, whoever made it."""
        side = self.b if sent.sender == "a" else self.a
        each = sent.datagram
        self.perform(side, side.engine.datagram(each.data, each.remote, each.local, self.now, each.natt))

    def step(self) -> bool:
        """Deliver one datagram that is on the wire."""
        if self._wire:
            self.deliver(self._wire.popleft())
            return True
        return False

    def run(self, seconds: float) -> None:
        """Deliver all that is on the wire and ring timers until `seconds` have passed."""
        end = self.now + seconds
        while True:
            while self.step():
                pass
            due = [(at, side) for side in (self.a, self.b) if (at := side.engine.next_timer()) is not None]
            at, side = min(due, key=lambda each: each[0], default=(end + 1, self.a))
            if at > end:
                self.now = end
                return
            self.now = max(self.now, at)
            self.perform(side, side.engine.timer(self.now))

    def matched(self) -> bool:
        """Whether each outbound SA of one side is an inbound SA of the other with the same keys, and there are some."""
        for ours, theirs in ((self.a, self.b), (self.b, self.a)):
            outbound = [sa for (way, _), sa in ours.sas.items() if way is Direction.OUT]
            if not outbound:
                return False
            for sa in outbound:
                there = theirs.sas.get((Direction.IN, sa.spi))
                if there is None or there.algorithms != sa.algorithms:
                    return False
        return True
