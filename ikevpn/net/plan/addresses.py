"""Plans of devices: up, numbered."""

from __future__ import annotations

from collections.abc import Iterable

from ikevpn.net.kernel.rtnetlink import Interface
from ikevpn.net.plan.steps import AddAddress, Plan, SetLinkUp


def plan_device(device: str, addresses: Iterable[Interface] = ()) -> Plan:
    """A device is up with these addresses; without any it is unnumbered."""
    return (*(AddAddress(device, address) for address in addresses), SetLinkUp(device))
