"""Effects become acts here and nowhere else: one function an effect, in the order in which the engine wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from ikevpn.dataplane.interface.data_plane import DataPlane
from ikevpn.ike.state.effects import (
    STATE_CHANGES,
    AddSa,
    Ask,
    DeleteSa,
    Effect,
    ExportKeys,
    Keepalive,
    LookUp,
    MoveSas,
    QuerySa,
    Report,
    Send,
    StateChange,
)
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Event
from ikevpn.model.sa import Sa


class Ports(Protocol):
    """Where datagrams of the IKE port go out."""

    def send(self, data: bytes, local: Endpoint, remote: Endpoint) -> None: ...


class SaWatcher(Protocol):
    """Who prepares the host for an SA before it is installed, and tidies up after it is gone. A future says when the
    host will be ready for what the peer sends; None: it is.
    """

    def adding(self, sa: Sa) -> asyncio.Future[None] | None: ...

    def deleted(self, effect: DeleteSa) -> None: ...


class KeyKeeper(Protocol):
    """Who writes keys down where the user asked for a capture."""

    def add_ike(self, cky_i: bytes, encryption_key: bytes) -> None: ...

    def add_esp(self, sa: Sa) -> None: ...


class Performer:
    """Carries out effects. `report` tells people, `changed` the tunnels; `query` asks for the use of SAs and feeds the
    answers to the engine later, `ask` does so for what an exchange waits for; `look_up` has the names of peers looked
    up.
    """

    def __init__(
        self,
        plane: DataPlane,
        ports: Ports,
        bindings: SaWatcher,
        captures: KeyKeeper,
        report: Callable[[Event], None],
        changed: Callable[[StateChange], None],
        query: Callable[[tuple[int, ...]], None],
        ask: Callable[[Ask], None],
        look_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._plane = plane
        self._ports = ports
        self._bindings = bindings
        self._captures = captures
        self._preparing: asyncio.Future[None] | None = None
        self._acts: Mapping[type[Effect], Callable[[Any], None]] = {
            Send: self._send,
            AddSa: self._add_sa,
            DeleteSa: self._delete_sa,
            MoveSas: lambda effect: plane.move_sas(effect.spis, effect.local, effect.remote),
            QuerySa: lambda effect: query(effect.spis),
            Keepalive: lambda effect: plane.keepalive(effect.local, effect.remote, effect.interval_s),
            Ask: ask,
            LookUp: lambda effect: look_up(),
            Report: lambda effect: report(effect.event),
            **dict.fromkeys(STATE_CHANGES, changed),
            ExportKeys: lambda effect: captures.add_ike(effect.cky_i, effect.encryption_key),
        }

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out `effects` in order. The answer to a quick mode, after which the peer may send, waits until the host
        is ready: else what is answered to its packets falls into the block of a tunnel that is just being opened. An
        initiator's last message does not wait, for our own packets must not overtake it.
        """
        self._preparing = None
        for effect in effects:
            self._acts[type(effect)](effect)

    def _send(self, effect: Send) -> None:
        if self._preparing is None or self._preparing.done():
            self._send_now(effect)
        else:
            self._preparing.add_done_callback(lambda _: self._send_now(effect))

    def _send_now(self, effect: Send) -> None:
        if effect.natt:
            self._plane.send_ike(effect.data, effect.local, effect.remote)
        else:
            self._ports.send(effect.data, effect.local, effect.remote)

    def _add_sa(self, effect: AddSa) -> None:
        preparing = self._bindings.adding(effect.sa)
        if effect.answering:
            self._preparing = preparing or self._preparing
        self._captures.add_esp(effect.sa)
        self._plane.add_sa(effect.sa)

    def _delete_sa(self, effect: DeleteSa) -> None:
        self._plane.delete_sa(effect.spi, effect.direction, effect.reqid)
        self._bindings.deleted(effect)
