"""A tunnel with manual keys: its SAs are installed as they are written down, and nobody is asked.

Sequence numbers are reserved on disk before the data plane may use them, first a few and then more at a time; it asks
for more when half of them are used, and stops by itself where none come. What a crash leaves unused is lost for ever,
which is why the first reservation is small. Knows nothing of IKE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ikevpn.config.configuration import TunnelConfig
from ikevpn.dataplane.interface import Expire
from ikevpn.errors import HostError
from ikevpn.ike.effects import AddSa, DeleteSa, Effect, Keepalive, Report
from ikevpn.ike.status import ChildStatus
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events import Code, Event, Fact, Reason
from ikevpn.model.manual import ManualKeys
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Limits, Sa
from ikevpn.model.tunnel import Child
from ikevpn.service.driver import Driver
from ikevpn.service.keeper import Path
from ikevpn.service.sequences import LAST, Reservation, SendingKey, Sequences

FIRST_BLOCK = 1 << 18
LARGEST_BLOCK = 1 << 22
"""At 300,000 packets a second half of the first is used in 0.4 s, half of the largest in 7 s."""
NEARLY_ALL = LAST // 10 * 9


@dataclass(frozen=True, slots=True)
class _Up:
    """What is installed."""

    inbound: Sa
    outbound: Sa
    since: float


class ManualKeying:
    """`Keying` by what the configuration says."""

    def __init__(
        self, config: TunnelConfig, manual: ManualKeys, reqids: Sequence[int], driver: Driver, sequences: Sequences,
        natt_port: int,
    ) -> None:  # fmt: skip
        self._config = config
        self._manual = manual
        self._reqid = reqids[0]  # one pair of SAs for all children
        self._driver = driver
        self._sequences = sequences
        self._natt_port = natt_port
        self._prepared: Reservation | None = None
        self._block = FIRST_BLOCK
        self._up: _Up | None = None
        self._extending: asyncio.Task[None] | None = None
        self._stopped = False  # all numbers are used, and nothing leaves
        self._warned = False

    def know(self, remotes: Sequence[AddressRange]) -> None:
        """Nobody calls."""

    def forget(self) -> None:
        """Nobody calls."""

    async def prepare(self) -> None:
        """Reserve the first numbers. Raises HostError where that cannot be."""
        if self._up is None and self._prepared is None and self._manual.keep_sequence:
            self._block = FIRST_BLOCK
            self._prepared = await self._reserve()

    def begin(self, path: Path, children: tuple[str, ...]) -> None:
        """Install both directions; what was there before goes."""
        if self._up is not None:
            self.end(Reason.REPLACED)
        inbound, outbound = self._pair(path)
        if self._prepared is not None:
            outbound = _within(outbound, self._prepared)
        elif self._manual.keep_sequence:
            raise HostError("no sequence numbers are reserved", reason="sequence-state")
        self._prepared = None
        self._up = _Up(inbound, outbound, self._driver.now)
        effects: list[Effect] = [AddSa(inbound), AddSa(outbound)]
        if self._manual.in_udp:
            effects.append(Keepalive(inbound.local, inbound.remote, self._config.template.keepalive_s))
        self._perform([*effects, *self._reports(Code.MANUAL_UP, Reason.NONE)])

    def end(self, reason: Reason) -> None:
        """Remove both directions; what was reserved and not used is lost."""
        if self._extending is not None:
            self._extending.cancel()
            self._extending = None
        self._stopped = False
        up, self._up = self._up, None
        if up is None:
            return
        pair = (up.inbound, up.outbound)
        effects: list[Effect] = [DeleteSa(sa.spi, sa.direction, sa.reqid, sa.tunnel) for sa in pair]
        if self._manual.in_udp:
            effects.append(Keepalive(up.inbound.local, up.inbound.remote, 0))
        self._perform([*effects, *self._reports(Code.MANUAL_DOWN, reason)])

    def expired(self, event: Expire) -> bool:
        """Half of the numbers are used, or all: reserve more."""
        if self._up is None:
            return True
        if event.direction is Direction.IN:
            if event.kind is ExpireKind.HARD and event.spi == self._up.inbound.spi:
                self.end(Reason.EXPIRED)  # another worker has the tunnel's device now: begin again there
            return True
        if event.spi != self._up.outbound.spi:
            return True
        self._stopped |= event.kind is ExpireKind.HARD
        if not self._manual.keep_sequence:
            if self._stopped:
                self.end(Reason.EXPIRED)
        elif self._extending is None:
            self._extending = asyncio.create_task(self._extend(), name=f"sequence numbers of {self._config.name}")
        return True

    def children(self, now: float) -> tuple[ChildStatus, ...]:
        """All children, once the SAs are installed."""
        up = self._up
        return () if up is None else tuple(self._status(child, up, now) for child in self._config.template.children)

    # Sequence numbers

    async def _reserve(self) -> Reservation:
        """Waits for the disk elsewhere. Raises HostError."""
        manual, name = self._manual, self._config.name
        key = SendingKey(name, manual.proposal.protocol, manual.remote_spi, manual.outbound)
        reservation = await asyncio.to_thread(self._sequences.reserve, key, self._block)
        self._block = min(2 * self._block, LARGEST_BLOCK)
        if reservation.last >= NEARLY_ALL and not self._warned:
            self._warned = True
            facts: dict[str, Fact] = {"percent": reservation.last * 100 // LAST, "spi_out": f"{manual.remote_spi:08x}"}
            self._perform([Report(Event(Code.SEQUENCE_LOW, name, facts=facts))])
        return reservation

    async def _extend(self) -> None:
        """More numbers for what is installed. Where there are none, it goes on with those that are left, and ends."""
        try:
            reservation = await self._reserve()
        except HostError as error:
            self._extending = None
            facts: dict[str, Fact] = {"detail": str(error), "fix": error.fix}
            self._perform([Report(Event(Code.HOST_REFUSED, self._config.name, facts=facts))])
            if self._stopped:
                self.end(Reason.EXPIRED)
            return
        self._extending = None
        self._stopped = False
        up = self._up
        assert up is not None  # `end` cancels this
        outbound = _within(up.outbound, reservation)
        self._up = replace(up, outbound=outbound)
        self._perform([AddSa(outbound)])

    # Security associations

    def _pair(self, path: Path) -> tuple[Sa, Sa]:
        """Inbound and outbound."""
        manual = self._manual
        local, remote = path.local.at(self._natt_port), path.remote.at(manual.remote_port)
        inbound = self._inbound(local, remote)
        return inbound, replace(inbound, direction=Direction.OUT, spi=manual.remote_spi, algorithms=manual.outbound)

    def _inbound(self, local: Endpoint, remote: Endpoint) -> Sa:
        """What comes in."""
        manual, template = self._manual, self._config.template
        return Sa(
            direction=Direction.IN,
            spi=manual.local_spi,
            reqid=self._reqid,
            tunnel=self._config.name,
            protocol=manual.proposal.protocol,
            mode=template.sa_mode,
            local=local,
            remote=remote,
            encapsulation=Encapsulation.UDP if manual.in_udp else Encapsulation.NONE,
            algorithms=manual.inbound,
            selectors=self._config.selectors,
            replay_window=template.replay_window,
            outer=template.outer,
        )

    # What is told

    def _perform(self, effects: Iterable[Effect]) -> None:
        self._driver.perform(effects)

    def _reports(self, code: Code, reason: Reason) -> list[Report]:
        manual, name = self._manual, self._config.name
        common: dict[str, Fact] = {
            "reqid": self._reqid,
            "proposal": manual.words,
            "spi_in": f"{manual.local_spi:08x}",
            "spi_out": f"{manual.remote_spi:08x}",
        }
        return [
            Report(Event(code, name, reason, {**common, "child": child.name, "selector": str(child.selector)}))
            for child in self._config.template.children
        ]

    def _status(self, child: Child, up: _Up, now: float) -> ChildStatus:
        sa, manual = up.inbound, self._manual
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
        )


def _within(sa: Sa, reservation: Reservation) -> Sa:
    """An SA that uses these numbers and no others, and says when half of them are used."""
    count = reservation.last - reservation.used
    return replace(sa, sequence=reservation.used, limits=Limits(soft_packets=max(1, count // 2), hard_packets=count))
