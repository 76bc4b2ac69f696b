"""A workbench over the pair of engines: a NAT in between, a data plane that answers, a look at what is inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ikevpn.ike.state.core import Core
from ikevpn.ike.state.effects import Effect, Keepalive, MoveSas, QuerySa
from ikevpn.ike.state.sa import Child, Exchange, IkeSa
from ikevpn.ike.upkeep import informational
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Event, Fact
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.sa import Direction, Sa, SaUse
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child as Configured
from ikevpn.wire import header as isakmp_header
from ikevpn.wire.header import Header
from ikevpn.wire.payload import Notify, Payload
from ikevpn.wire.registry import Doi, EspCipher, ExchangeType, Group, Hash, IkeCipher, Integrity, NotifyType, Protocol
from tests.ike.pair import HERE, THERE, Pair, Sent, Side, other_side, tunnel

__all__ = ["HERE", "THERE", "Bench", "Sent", "Side", "other_side", "tunnel"]

AES = IkeProposal(IkeCipher.AES_CBC, 128, Hash.SHA1, Group.MODP_768)
TRIPLE_DES = IkeProposal(IkeCipher.TRIPLE_DES_CBC, 0, Hash.MD5, Group.MODP_768)
ESP = IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1)
PFS = replace(ESP, group=Group.MODP_768)


def networks(*numbers: int) -> tuple[Configured, ...]:
    """Children between 10.1.n.0/24 and 10.2.n.0/24."""
    return tuple(
        Configured(f"net{n}", n, Selector(AddressRange.of(f"10.1.{n}.0/24"), AddressRange.of(f"10.2.{n}.0/24")))
        for n in numbers
    )


class Bench(Pair):
    """`nat` maps endpoints of "a" to what "b" sees of them. `idle_s` is what the data planes answer to questions."""

    def __init__(self, *arguments: object, nat: dict[Endpoint, Endpoint] | None = None, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.nat = nat or {}
        self.idle_s: dict[str, float | None] = {"a": None, "b": None}
        self.effects: dict[str, list[Effect]] = {"a": [], "b": []}

    def up(self) -> Bench:
        super().up()
        return self

    def perform(self, side: Side, effects: list[Effect]) -> None:
        self.effects[side.name] += effects
        super().perform(side, effects)
        for effect in effects:
            if isinstance(effect, QuerySa):
                for spi in effect.spis:
                    use = SaUse(spi, Direction.IN, idle_s=self.idle_of(side, spi))
                    self.perform(side, side.engine.sa_used(use, self.now))

    def idle_of(self, side: Side, spi: int) -> float | None:
        return self.idle_s[side.name]

    def deliver(self, sent: Sent) -> None:
        if not self.nat:
            super().deliver(sent)
            return
        each = sent.datagram
        inward = {outside: inside for inside, outside in self.nat.items()}
        if sent.sender == "a":
            moved = replace(each, local=self.nat.get(each.local, each.local))
        elif each.remote in inward:
            moved = replace(each, remote=inward[each.remote])
        else:
            return
        super().deliver(Sent(sent.sender, moved))

    def give(self, name: str, data: bytes, *, source: Endpoint | None = None, natt: bool = False) -> list[Effect]:
        """A datagram for one side, from its peer's usual address or from `source`."""
        side = self.side(name)
        remote = source or (THERE if name == "a" else HERE)
        effects = side.engine.datagram(data, side.address, remote, self.now, natt)
        self.perform(side, effects)
        return effects

    def of(self, name: str, kind: type[Effect]) -> list[Effect]:
        """The effects of a kind that one side has had so far."""
        return [effect for effect in self.effects[name] if isinstance(effect, kind)]

    def datagrams(self, name: str, exchange: ExchangeType | None = None) -> list[bytes]:
        """What one side has sent, in order."""
        found = [sent.datagram.data for sent in self.log if sent.sender == name]
        return [data for data in found if exchange is None or data[18] == exchange]


def core_of(side: Side) -> Core:
    return side.engine._core


def ike_sas(side: Side) -> list[IkeSa]:
    return list(core_of(side).ike_sas.values())


def only_sa(side: Side) -> IkeSa:
    (found,) = ike_sas(side)
    return found


def children(side: Side) -> list[Child]:
    return list(core_of(side).children.values())


def outbound(side: Side) -> list[Sa]:
    return [sa for (way, _), sa in side.sas.items() if way is Direction.OUT]


def events(side: Side, *codes: Code) -> list[Event]:
    return [event for event in side.events if event.code in codes]


def facts(side: Side, code: Code) -> dict[str, Fact]:
    """The facts of the last event with a code."""
    return dict(events(side, code)[-1].facts)


def header_of(data: bytes) -> Header:
    return isakmp_header.read(data)


def state_of(sa: IkeSa, exchange: Exchange) -> tuple[object, ...]:
    """All of an SA and an exchange that a refused message must leave as it was."""
    return (
        *(sa.state, sa.keys, sa.cky_r, sa.last_block, sa.peer_id, sa.proposal, sa.lifetime, tuple(sa.exchanges)),
        *(sa.local, sa.remote, sa.natt, sa.heard, sa.superseded),
        *(exchange.row, exchange.iv, exchange.flight, tuple(exchange.answered)),
    )


def says(bench: Bench, name: str, *payloads: Payload) -> None:
    """One side says something under the protection of its newest IKE SA, and all is delivered."""
    side = bench.side(name)
    informational.send(core_of(side), ike_sas(side)[-1], list(payloads))
    bench.perform(side, side.engine._out())
    bench.run(0.1)


def notify(kind: NotifyType, *, protocol: Protocol = Protocol.ISAKMP, spi: bytes = b"", data: bytes = b"") -> Notify:
    return Notify(Doi.IPSEC, protocol, spi, kind, data)


def losing(*numbers: int, sender: str = "a", exchange: ExchangeType | None = None) -> Callable[[Sent], list[Sent]]:
    """The datagrams with these numbers (from 0) of one side, counted within one exchange type, are lost."""
    seen = iter(range(1_000_000))

    def tamper(sent: Sent) -> list[Sent]:
        if sent.sender != sender or (exchange is not None and sent.datagram.data[18] != exchange):
            return [sent]
        return [] if next(seen) in numbers else [sent]

    return tamper


def moves(bench: Bench, name: str) -> list[MoveSas]:
    return [effect for effect in bench.effects[name] if isinstance(effect, MoveSas)]


def keepalives(bench: Bench, name: str) -> list[tuple[Endpoint, Endpoint, float]]:
    found = [effect for effect in bench.effects[name] if isinstance(effect, Keepalive)]
    return [(each.local, each.remote, each.interval_s) for each in found]
