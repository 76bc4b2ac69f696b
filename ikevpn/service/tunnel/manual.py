"""A tunnel with manual keys: its SAs are installed as they are written down, and nobody is asked.

Sequence numbers are reserved before the data plane may use them; it asks for more when half of them are used, and stops
by itself where none come. In a bundle AH and ESP each have theirs. Knows nothing of IKE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ikevpn.config.configuration import TunnelConfig
from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.errors import HostError
from ikevpn.ike.state.effects import AddSa, ChildDown, ChildUp, DeleteSa, Effect, Keepalive, Report
from ikevpn.ike.status import ChildStatus
from ikevpn.model.address import Address, AddressRange
from ikevpn.model.events.event import Code, Event, Fact, Reason
from ikevpn.model.manual import ManualKeys
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Sa
from ikevpn.model.tunnel import Child
from ikevpn.service.driver import Driver
from ikevpn.service.tunnel.keeper import PeerPath
from ikevpn.service.tunnel.manual_numbers import Numbers, within
from ikevpn.service.tunnel.sequences import LAST, Reservation, Sequences


@dataclass(slots=True)
class _Layer:
    """One protocol: what it sends with, and what of it is installed."""

    manual: ManualKeys
    numbers: Numbers
    prepared: Reservation | None = None
    extending: asyncio.Task[None] | None = None
    stopped: bool = False  # all numbers are used, and nothing leaves


@dataclass(frozen=True, slots=True)
class _Up:
    """What is installed: an SA a layer and direction, the innermost first."""

    inbound: tuple[Sa, ...]
    outbound: tuple[Sa, ...]
    path: PeerPath
    since: float


class ManualKeying:
    """`Keying` by what the configuration says."""

    at_once = True

    def __init__(
        self, config: TunnelConfig, manual: ManualKeys, reqids: Sequence[int], driver: Driver, sequences: Sequences,
        natt_port: int,
    ) -> None:  # fmt: skip
        self._config = config
        self._manual = manual
        self._reqid = reqids[0]  # one pair of SAs for all children
        self._driver = driver
        self._layers = [_Layer(each, Numbers(config.name, each, sequences)) for each in manual.layers]
        self._natt_port = natt_port
        self._up: _Up | None = None

    @property
    def path(self) -> PeerPath | None:
        """Nobody asks the peer whether it is still there."""
        return None if self._up is None else self._up.path

    def know(self, remotes: Sequence[AddressRange], own: Address | None) -> None:
        """Nobody calls."""

    def forget(self) -> None:
        """Nobody calls."""

    async def prepare(self) -> None:
        """Reserve the first numbers. Raises HostError where that cannot be."""
        for layer in self._layers:
            if self._up is None and layer.prepared is None and self._manual.keep_sequence:
                layer.numbers.begin()
                layer.prepared = await self._reserve(layer)

    def begin(self, path: PeerPath, children: tuple[str, ...]) -> None:
        """Install both directions, where nothing is installed."""
        if self._manual.keep_sequence and any(layer.prepared is None for layer in self._layers):
            raise HostError("no sequence numbers are reserved", reason="sequence-state")
        inbound = [self._inbound(layer.manual, path) for layer in self._layers]
        outbound = [self._outbound(layer, sa) for layer, sa in zip(self._layers, inbound, strict=True)]
        self._up = _Up(_nested(inbound), _nested(outbound), path, self._driver.now)
        effects: list[Effect] = [AddSa(sa) for sa in (*self._up.inbound, *self._up.outbound)]
        if self._manual.in_udp:
            effects.append(Keepalive(inbound[0].local, inbound[0].remote, self._config.template.keepalive_s))
        self._perform([*effects, *self._told(ChildUp, Code.MANUAL_UP, Reason.NONE)])

    def end(self, reason: Reason) -> None:
        """Remove both directions; what was reserved and not used is lost."""
        for layer in self._layers:
            if layer.extending is not None:
                layer.extending.cancel()
            layer.extending, layer.stopped = None, False
        up, self._up = self._up, None
        if up is None:
            return
        both = (*up.inbound, *up.outbound)
        effects: list[Effect] = [DeleteSa(sa.spi, sa.direction, sa.reqid, sa.tunnel) for sa in both]
        if self._manual.in_udp:
            effects.append(Keepalive(both[0].local, both[0].remote, 0))
        self._perform([*effects, *self._told(ChildDown, Code.MANUAL_DOWN, reason)])

    def expired(self, event: Expire) -> bool:
        """Half of the numbers are used, or all: reserve more."""
        if self._up is None:
            return True
        if event.direction is Direction.IN:
            if event.kind is ExpireKind.HARD and any(event.spi == sa.spi for sa in self._up.inbound):
                self.end(Reason.EXPIRED)  # another worker has the tunnel's device now: begin again there
            return True
        layer = next((each for each in self._layers if each.manual.remote_spi == event.spi), None)
        if layer is None:
            return True
        layer.stopped |= event.kind is ExpireKind.HARD
        if not self._manual.keep_sequence:
            if layer.stopped:
                self.end(Reason.EXPIRED)
        elif layer.extending is None:
            layer.extending = asyncio.create_task(self._extend(layer), name=f"sequence numbers of {self._config.name}")
        return True

    def children(self, now: float) -> tuple[ChildStatus, ...]:
        """All children, once the SAs are installed."""
        up = self._up
        return () if up is None else tuple(self._status(child, up, now) for child in self._config.template.children)

    # Sequence numbers

    async def _reserve(self, layer: _Layer) -> Reservation:
        """Raises HostError."""
        reservation = await layer.numbers.reserve()
        if layer.numbers.runs_low(reservation):
            percent, spi = reservation.last * 100 // LAST, f"{layer.manual.remote_spi:08x}"
            facts: dict[str, Fact] = {"percent": percent, "spi_out": spi}
            self._perform([Report(Event(Code.SEQUENCE_LOW, self._config.name, facts=facts))])
        return reservation

    async def _extend(self, layer: _Layer) -> None:
        """More numbers for what is installed. Where there are none, it goes on with those that are left, and ends."""
        try:
            reservation = await self._reserve(layer)
        except HostError as error:
            layer.extending = None
            facts: dict[str, Fact] = {"detail": str(error), "fix": error.fix}
            self._perform([Report(Event(Code.HOST_REFUSED, self._config.name, facts=facts))])
            if layer.stopped:
                self.end(Reason.EXPIRED)
            return
        layer.extending, layer.stopped = None, False
        up, place = self._up, self._layers.index(layer)
        assert up is not None  # `end` cancels this
        more = within(up.outbound[place], reservation)
        self._up = replace(up, outbound=(*up.outbound[:place], more, *up.outbound[place + 1 :]))
        self._perform([AddSa(more)])

    # Security associations

    def _inbound(self, manual: ManualKeys, path: PeerPath) -> Sa:
        """What comes in."""
        template = self._config.template
        return Sa(
            direction=Direction.IN,
            spi=manual.local_spi,
            reqid=self._reqid,
            tunnel=self._config.name,
            protocol=manual.proposal.protocol,
            mode=template.sa_mode,
            local=path.local.at(self._natt_port),
            remote=path.remote.at(manual.remote_port),
            encapsulation=Encapsulation.UDP if manual.in_udp else Encapsulation.NONE,
            follows=template.mobility,
            algorithms=manual.inbound,
            selectors=self._config.selectors,
            replay_window=template.replay_window,
            outer=template.outer,
        )

    def _outbound(self, layer: _Layer, inbound: Sa) -> Sa:
        """What goes out, with the numbers that were prepared."""
        manual, prepared = layer.manual, layer.prepared
        layer.prepared = None
        sa = replace(inbound, direction=Direction.OUT, spi=manual.remote_spi, algorithms=manual.outbound)
        return sa if prepared is None else within(sa, prepared)

    # What is told

    def _perform(self, effects: Iterable[Effect]) -> None:
        self._driver.perform(effects)

    def _told(self, change: type[ChildUp | ChildDown], code: Code, reason: Reason) -> list[Effect]:
        manual, name = self._manual, self._config.name
        common: dict[str, Fact] = {
            "reqid": self._reqid,
            "proposal": manual.words,
            "spi_in": f"{manual.local_spi:08x}",
            "spi_out": f"{manual.remote_spi:08x}",
        }
        if manual.around is not None:
            common |= {"ah_spi_in": f"{manual.around.local_spi:08x}", "ah_spi_out": f"{manual.around.remote_spi:08x}"}
        told: list[Effect] = []
        for child in self._config.template.children:
            facts = {**common, "child": child.name, "selector": str(child.selector)}
            told += [Report(Event(code, name, reason, facts)), change(name, child.name, self._reqid)]
        return told

    def _status(self, child: Child, up: _Up, now: float) -> ChildStatus:
        sa, manual = up.inbound[0], self._manual
        return ChildStatus(
            tunnel=sa.tunnel,
            child=child.name,
            reqid=sa.reqid,
            selector=str(child.selector),
            local=str(sa.local if manual.in_udp else sa.local.address),
            remote=str(sa.remote if manual.in_udp else sa.remote.address),
            peer_id="",
            proposal=manual.words,
            encapsulation=str(sa.encapsulation),
            spi_in=manual.local_spi,
            spi_out=manual.remote_spi,
            role="",
            age_s=now - up.since,
            remaining_s=0.0,
            superseded=False,
            outbound=True,
            ah_spi_in=manual.around.local_spi if manual.around else 0,
            ah_spi_out=manual.around.remote_spi if manual.around else 0,
        )


def _nested(sas: Sequence[Sa]) -> tuple[Sa, ...]:
    """SAs of one direction, the innermost first: each but the first wraps the one before it."""
    return tuple(
        replace(sa, wraps=sas[place - 1].spi if place else 0, wrapped=place + 1 < len(sas))
        for place, sa in enumerate(sas)
    )
