"""A tiny engine that is no IKE at all, and ways to spoil it: proof that the simulator notices what it should notice.

A message is a kind, the sender's SPI, the other's SPI and a key. Nothing is repeated, so no loss is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ikevpn.ike.state.effects import AddSa, ChildDown, ChildUp, DeleteSa, Effect, Report, Send
from ikevpn.ike.values.question import Answer, Ticket
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.model.sa import Algorithms, Direction, Encapsulation, ExpireKind, Sa, SaMode, SaUse
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.registry import EspCipher, Integrity, Protocol
from tests.sim.engine import EngineFace

_MAGIC = b"offer", b"accep", b"delet"


@dataclass(frozen=True)
class ChildStatus:
    spi_in: int
    spi_out: int
    outbound: bool = True
    ah_spi_in: int = 0
    ah_spi_out: int = 0


@dataclass(frozen=True)
class Status:
    ike_sas: tuple[str, ...]
    children: tuple[ChildStatus, ...]


class Honest(EngineFace):
    """One tunnel, one child, no security whatever."""

    renew_s = 100.0

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self.entropy = entropy
        self.tunnel: Tunnel | None = None
        self.pairs: dict[int, int] = {}  # our SPI -> theirs
        self.offered: dict[int, bytes] = {}
        self.ends: tuple[Endpoint, Endpoint] | None = None
        self.initiator = False
        self.renewal: float | None = None

    def add_tunnel(self, tunnel: Tunnel) -> None:
        self.tunnel = tunnel

    def initiate(
        self, tunnel: str, local: Endpoint, remote: Endpoint, now: float, children: Sequence[str] | None = None
    ) -> list[Effect]:
        self.ends, self.initiator, self.renewal = (local, remote), True, now + self.renew_s
        spi, key = int.from_bytes(self.entropy(4), "big"), self.entropy(16)
        self.offered[spi] = key
        return [self._add(Direction.IN, spi, key), self._send(_MAGIC[0], spi, 0, key)]

    def datagram(self, data: bytes, local: Endpoint, remote: Endpoint, now: float, natt: bool = False) -> list[Effect]:
        kind, key = data[:5], data[13:]
        theirs, ours = int.from_bytes(data[5:9], "big"), int.from_bytes(data[9:13], "big")
        self.ends = local, remote
        if kind == _MAGIC[0] and len(key) == 16:
            return self._accept(theirs, key)
        if kind == _MAGIC[1] and ours in self.offered:
            return self._confirm(ours, theirs, key)
        if kind == _MAGIC[2] and theirs in self.pairs.values():
            return self._forget([spi for spi, other in self.pairs.items() if other == theirs], Reason.PEER_DELETED)
        return []

    def _accept(self, theirs: int, key: bytes) -> list[Effect]:
        spi = int.from_bytes(self.entropy(4), "big")
        old = self._forget(list(self.pairs), Reason.REPLACED)
        self.pairs[spi] = theirs
        return [
            self._add(Direction.IN, spi, key),
            self._add(Direction.OUT, theirs, key),
            self._send(_MAGIC[1], spi, theirs, key),
            *old[:-1],
            *self._up(),
        ]

    def _confirm(self, ours: int, theirs: int, key: bytes) -> list[Effect]:
        old = self._forget(list(self.pairs), Reason.REPLACED)
        self.pairs[ours] = theirs
        del self.offered[ours]
        return [self._add(Direction.OUT, theirs, key), *old, *self._up()]

    def _forget(self, spis: list[int], reason: Reason) -> list[Effect]:
        assert self.tunnel is not None
        effects: list[Effect] = []
        for spi in spis:
            reqid = self.tunnel.children[0].reqid
            effects.append(DeleteSa(spi, Direction.IN, reqid, self.tunnel.name))
            effects.append(DeleteSa(self.pairs.pop(spi), Direction.OUT, reqid, self.tunnel.name))
            effects.append(self._report(Code.CHILD_DOWN, reason))
            effects.append(ChildDown(self.tunnel.name, self.tunnel.children[0].name, reqid))
        return effects

    def terminate(self, tunnel: str, now: float, child: str | None = None) -> list[Effect]:
        sends: list[Effect] = [self._send(_MAGIC[2], spi, 0, b"") for spi in self.pairs]
        offers: list[Effect] = [self._delete_offer(spi) for spi in self.offered]
        self.offered.clear()
        self.renewal = None
        return [*sends, *offers, *self._forget(list(self.pairs), Reason.REQUESTED)]

    def _delete_offer(self, spi: int) -> DeleteSa:
        assert self.tunnel is not None
        return DeleteSa(spi, Direction.IN, self.tunnel.children[0].reqid, self.tunnel.name)

    def answer(self, ticket: Ticket, answer: Answer, now: float) -> list[Effect]:
        return []

    def shutdown(self, now: float) -> list[Effect]:
        return self.terminate("", now)

    def timer(self, now: float) -> list[Effect]:
        if self.renewal is None or now < self.renewal or self.ends is None:
            return []
        return self.initiate("", *self.ends, now)

    def next_timer(self) -> float | None:
        return self.renewal

    def status(self, now: float) -> Status:
        return Status((), tuple(ChildStatus(*pair) for pair in self.pairs.items()))

    def rekey(self, tunnel: str, now: float, child: str | None = None) -> list[Effect]:
        return []

    def probe(self, tunnel: str, now: float) -> list[Effect]:
        return []

    def acquire(self, tunnel: str, reqid: int, local: Endpoint, remote: Endpoint, now: float) -> list[Effect]:
        return self.initiate(tunnel, local, remote, now)

    def expired(self, spi: int, direction: Direction, reqid: int, kind: ExpireKind, now: float) -> list[Effect]:
        return []

    def mapping(self, spi: int, remote: Endpoint, now: float) -> list[Effect]:
        return []

    def sa_used(self, use: SaUse, now: float) -> list[Effect]:
        return []

    def unknown_spi(self, spi: int, local: Endpoint, remote: Endpoint, now: float) -> list[Effect]:
        return []

    def _send(self, kind: bytes, ours: int, theirs: int, key: bytes) -> Send:
        assert self.ends is not None
        return Send(kind + ours.to_bytes(4, "big") + theirs.to_bytes(4, "big") + key, *self.ends)

    def _up(self) -> list[Effect]:
        assert self.tunnel is not None
        child = self.tunnel.children[0]
        return [self._report(Code.CHILD_UP), ChildUp(self.tunnel.name, child.name, child.reqid)]

    def _report(self, code: Code, reason: Reason = Reason.NONE) -> Report:
        assert self.tunnel is not None
        return Report(Event(code, self.tunnel.name, reason))

    def _add(self, direction: Direction, spi: int, key: bytes) -> AddSa:
        assert self.tunnel is not None and self.ends is not None
        child = self.tunnel.children[0]
        keys = Algorithms(EspCipher.NULL, 0, Integrity.HMAC_SHA1, Secret(b""), Secret(key))
        return AddSa(
            Sa(
                direction,
                spi,
                child.reqid,
                self.tunnel.name,
                Protocol.ESP,
                SaMode.TUNNEL,
                *self.ends,
                Encapsulation.NONE,
                keys,
                (child.selector,),
            )
        )


class Forgetful(Honest):
    """Leaves its SAs in the data plane."""

    def _forget(self, spis: list[int], reason: Reason) -> list[Effect]:
        return [effect for effect in super()._forget(spis, reason) if not isinstance(effect, DeleteSa)]


class WrongKeys(Honest):
    """Derives other keys than its peer."""

    def _confirm(self, ours: int, theirs: int, key: bytes) -> list[Effect]:
        return super()._confirm(ours, theirs, bytes(16))


class Hasty(Honest):
    """Renews its SAs many times a second."""

    renew_s = 0.05


class Spinning(Honest):
    """Its timer is always due."""

    def timer(self, now: float) -> list[Effect]:
        return []

    def next_timer(self) -> float | None:
        return 1.0


class Raising(Honest):
    """Falls over what a peer sends."""

    def _accept(self, theirs: int, key: bytes) -> list[Effect]:
        raise KeyError(theirs)


class Silent(Honest):
    """Takes offers, says nothing, reports nothing."""

    def _accept(self, theirs: int, key: bytes) -> list[Effect]:
        return []


class Unreasonable(Honest):
    """Reports ends without a reason."""

    def _report(self, code: Code, reason: Reason = Reason.NONE) -> Report:
        return super()._report(code)


class Hoarding(Honest):
    """Remembers every datagram for ever."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        super().__init__(entropy)
        self.hoard: list[bytes] = []

    def datagram(self, data: bytes, local: Endpoint, remote: Endpoint, now: float, natt: bool = False) -> list[Effect]:
        self.hoard += [data] * 20
        return super().datagram(data, local, remote, now, natt)


class Careless(Honest):
    """Renews by deleting first: what is on the way is lost."""

    renew_s = 1.0

    def timer(self, now: float) -> list[Effect]:
        if self.renewal is None or now < self.renewal or self.ends is None:
            return []
        ends = self.ends
        return [*self.terminate("", now), *self.initiate("", *ends, now)]
