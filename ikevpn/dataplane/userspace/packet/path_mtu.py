"""How large a packet may be on its way to a peer: what the route says, less what routers on the way have said. Pure.

Nobody authenticates what routers say (RFC 4301 §8.2). So it only ever lowers, not below what every path is expected to
take, for a peer to which we send, and is forgotten after ten minutes (RFC 1191 §6.3, RFC 8201 §4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.model.address import Address

FORGOTTEN_AFTER_S = 600.0
MOST_PATHS = 4096
LEAST = {4: 576, 6: 1280}
PLATEAUS = (1492, 1006, 576)
"""What to try next where an old router does not say how much it takes (RFC 1191 §7)."""


@dataclass(slots=True)
class _Known:
    least: int
    route: int
    route_until: float
    learnt: int | None = None
    learnt_until: float = 0.0

    @property
    def mtu(self) -> int:
        return self.route if self.learnt is None else min(self.route, self.learnt)


class PathMtus:
    """By the address of the peer. `ask` gives the MTU of the route of a path."""

    def __init__(self, ask: Callable[[Path], int]) -> None:
        self._ask = ask
        self._by_path: dict[Path, _Known] = {}
        self._by_address: dict[Address, _Known] = {}
        self.news = 0  # goes up whenever answers may no longer hold

    def of(self, path: Path, now: float) -> int:
        """Octets of the largest outer packet."""
        known = self._by_path.get(path)
        if known is None:
            known = self._meet(path, now)
        if now >= known.route_until:
            known.route = max(self._ask(path), known.least)
            known.route_until = now + FORGOTTEN_AFTER_S
        if known.learnt is not None and now >= known.learnt_until:
            known.learnt = None
        return known.mtu

    def until(self, path: Path) -> float:
        """How long the answer of `of` holds, unless there is news."""
        known = self._by_path[path]
        return known.route_until if known.learnt is None else min(known.route_until, known.learnt_until)

    def learn(self, remote: Address, mtu: int, now: float) -> bool:
        """A router says that it takes no more than `mtu`, 0 where it does not say; whether that is news."""
        known = self._by_address.get(remote)
        if known is None:
            return False
        before = known.mtu
        if not mtu:
            mtu = next((plateau for plateau in PLATEAUS if plateau < before), 0)
        mtu = max(mtu, known.least)
        if mtu > before or (mtu == before and known.learnt is None):
            return False
        known.learnt, known.learnt_until = mtu, now + FORGOTTEN_AFTER_S
        self.news += 1
        return mtu < before

    def _meet(self, path: Path, now: float) -> _Known:
        if len(self._by_path) >= MOST_PATHS:
            self._by_path.clear()
            self._by_address.clear()
            self.news += 1
        address = path.remote.address
        least = LEAST[address.version]
        known = self._by_address.get(address)
        if known is None:
            known = self._by_address[address] = _Known(least, max(self._ask(path), least), now + FORGOTTEN_AFTER_S)
        self._by_path[path] = known
        return known
