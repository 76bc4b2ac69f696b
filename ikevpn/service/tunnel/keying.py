"""How a tunnel comes by its keys: from IKE, or from its configuration. What `Tunnel` asks of either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from ikevpn.config.configuration import TunnelConfig
from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.ike.status import ChildStatus
from ikevpn.model.address import Address, AddressRange
from ikevpn.model.events.event import Reason
from ikevpn.service.driver import Driver
from ikevpn.service.tunnel.keeper import PeerPath


class Keying(Protocol):
    """Makes and ends the security associations of one tunnel; what happens comes back as events."""

    @property
    def at_once(self) -> bool:
        """Whether its SAs are there as soon as it has begun, because nobody is asked."""

    @property
    def path(self) -> PeerPath | None:
        """The way that is in use, where nobody but us would notice that it has become the wrong one."""

    def know(self, remotes: Sequence[AddressRange], own: Address | None) -> None:
        """The peer may be at these places; it may call from now on, and reaches us at `own` (None: anywhere)."""

    async def prepare(self) -> None:
        """What takes time before `begin`. Raises HostError; then it must not begin."""

    def begin(self, path: PeerPath, children: tuple[str, ...]) -> None:
        """Set up these children with the peer at the end of `path`."""

    def end(self, reason: Reason) -> None:
        """All SAs go."""

    def forget(self) -> None:
        """The peer may call no more."""

    def expired(self, event: Expire) -> bool:
        """An SA has reached a limit; whether that was dealt with."""

    def children(self, now: float) -> tuple[ChildStatus, ...]:
        """What is up beside what the engine tells."""


class IkeKeying:
    """The engine negotiates."""

    at_once = False

    def __init__(self, config: TunnelConfig, reqids: Sequence[int], driver: Driver) -> None:
        self._config = config
        self._reqids = tuple(reqids)
        self._driver = driver
        self._known = False

    @property
    def path(self) -> PeerPath | None:
        """Dead peer detection looks after it."""
        return None

    def know(self, remotes: Sequence[AddressRange], own: Address | None) -> None:
        self._driver.engine.add_tunnel(replace(self._config.tunnel(remotes, self._reqids), local=own))
        self._known = True

    async def prepare(self) -> None:
        """There is nothing to prepare."""

    def begin(self, path: PeerPath, children: tuple[str, ...]) -> None:
        engine, name = self._driver.engine, self._config.name
        self._driver.run(lambda now: engine.initiate(name, path.local, path.remote, now, children))

    def end(self, reason: Reason) -> None:
        """Tell the peer, too."""
        if self._known:
            self._driver.run(lambda now: self._driver.engine.terminate(self._config.name, now, reason=reason))

    def forget(self) -> None:
        if self._known:
            self._driver.engine.remove_tunnel(self._config.name)
            self._known = False

    def expired(self, event: Expire) -> bool:
        """The engine hears of it by itself."""
        return False

    def children(self, now: float) -> tuple[ChildStatus, ...]:
        """The engine tells of all."""
        return ()
