"""Tunnels that are configured and down, by where their peers are: the engine does not know them, and would tell the
operator that there is no tunnel for a peer that calls one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

from ikevpn.model.address import Address, AddressRange
from ikevpn.model.events.event import Event, Reason


class AtRest:
    """By address or whole range, so that a call costs the same however many there are."""

    def __init__(self) -> None:
        self._by_range: dict[AddressRange, dict[str, None]] = {}
        self._ranges: dict[str, tuple[AddressRange, ...]] = {}

    def add(self, tunnel: str, remotes: Iterable[AddressRange]) -> None:
        """A tunnel is down; its peers may be at `remotes`."""
        self.discard(tunnel)
        self._ranges[tunnel] = tuple(remotes)
        for each in self._ranges[tunnel]:
            self._by_range.setdefault(each, {})[tunnel] = None

    def discard(self, tunnel: str) -> None:
        """It is not, or not configured any more."""
        for each in self._ranges.pop(tunnel, ()):
            del self._by_range[each][tunnel]
            if not self._by_range[each]:
                del self._by_range[each]

    def tunnel_for(self, address: Address) -> str:
        """The name of one whose peer may be at an address; empty where there is none."""
        for each in (AddressRange.of_address(address), AddressRange.everything(address.version)):
            if each in self._by_range:
                return next(iter(self._by_range[each]))
        return ""

    def explain(self, event: Event) -> Event:
        """A call that no tunnel is for, as what it is where one is for it and is down."""
        if event.reason is not Reason.NO_MATCHING_TUNNEL or event.tunnel:
            return event
        try:
            caller = ip_address(str(event.facts.get("remote", "")).rpartition(":")[0].strip("[]"))
        except ValueError:
            return event
        name = self.tunnel_for(caller)
        return replace(event, tunnel=name, reason=Reason.TUNNEL_DOWN) if name else event
