"""What `peer` means among the networks on the peer's side: the one address that `remote` has.

It is known when the file is read, so that policies, routes and blocks are there before the peer has said a word.
"""

from __future__ import annotations

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.network_kinds import PEER
from ikevpn.config.keys.schema import TunnelTable
from ikevpn.config.keys.walk import Walk
from ikevpn.config.toml.document import Keys
from ikevpn.model.address import AddressRange


def remote_network(walk: Walk, table: TunnelTable, written: AddressRange | str, place: Keys) -> AddressRange | None:
    """The network that a user has written; None, and a finding, for `peer` where the peer has no fixed address."""
    if isinstance(written, AddressRange):
        return written
    places = tuple(dict.fromkeys(table.remote))
    if len(places) == 1 and isinstance(places[0], AddressRange) and places[0].size == 1:
        return places[0]
    fix = f'Write one address: remote = "203.0.113.2"; or in place of "{PEER}" the networks that the peer may have.'
    walk.error(place, Unfit(f'"{PEER}" needs one fixed address in remote, and {_instead(places)}.', fix))
    return None


def _instead(places: tuple[AddressRange | str, ...]) -> str:
    if not places:
        return 'with "any" the peer may be anywhere'
    if len(places) > 1:
        return "there are several places"
    return "a DNS name may lead to another one at any time" if isinstance(places[0], str) else "there is a network"
