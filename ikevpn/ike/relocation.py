"""Addresses of this host that are gone: what was negotiated from them cannot go on, and the peer cannot be told."""

from __future__ import annotations

from collections.abc import Collection

from ikevpn.ike import association
from ikevpn.ike.phase2 import children
from ikevpn.ike.state.core import Core
from ikevpn.model.address import Address
from ikevpn.model.events.event import Reason


def leave(core: Core, gone: Collection[Address]) -> None:
    """End everything that has one of these addresses as its own end."""
    for sa in [sa for sa in core.ike_sas.values() if sa.local.address in gone]:
        association.end(core, sa, Reason.PATH_CHANGED, with_children=True)
    for child in [child for child in core.children.values() if child.local.address in gone]:
        children.remove(core, child, Reason.PATH_CHANGED)
