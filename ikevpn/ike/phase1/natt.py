"""NAT traversal in phase 1 (RFC 3947, its drafts): which text both speak, is there a NAT, when to move to port 4500."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.crypto.keys import nat_d
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa, Nat, Role
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code
from ikevpn.model.identity import Identity
from ikevpn.model.sa import SaMode
from ikevpn.model.tunnel import NattDraft, NatTraversal, Tunnel
from ikevpn.wire import vendor
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import NatD, NatOa, Payload, VendorId
from ikevpn.wire.registry import Hash, PayloadType
from ikevpn.wire.vendor import Capability


@dataclass(frozen=True, slots=True)
class DraftRow:
    """One text of NAT traversal: how it is announced, how its payloads are numbered, whether it moves to port 4500."""

    draft: NattDraft
    vendor_id: bytes
    capability: Capability
    nat_d: PayloadType
    nat_oa: PayloadType
    floats: bool


_RFC = (PayloadType.NAT_D, PayloadType.NAT_OA)
_DRAFT = (PayloadType.NAT_D_DRAFT, PayloadType.NAT_OA_DRAFT)
DRAFTS: tuple[DraftRow, ...] = (
    DraftRow(NattDraft.RFC, vendor.RFC_3947, Capability.NATT_RFC, *_RFC, floats=True),
    DraftRow(NattDraft.DRAFT_03, vendor.NATT_DRAFT_03, Capability.NATT_DRAFT_03, *_DRAFT, floats=True),
    DraftRow(NattDraft.DRAFT_02N, vendor.NATT_DRAFT_02N, Capability.NATT_DRAFT_02N, *_DRAFT, floats=True),
    DraftRow(NattDraft.DRAFT_02, vendor.NATT_DRAFT_02, Capability.NATT_DRAFT_02, *_DRAFT, floats=True),
    DraftRow(NattDraft.DRAFT_00, vendor.NATT_DRAFT_00, Capability.NATT_DRAFT_00, *_DRAFT, floats=False),
)
_ROWS = {row.draft: row for row in DRAFTS}
_SAME_ON_THE_WIRE = Capability.NATT_DRAFT_02 | Capability.NATT_DRAFT_02N | Capability.NATT_DRAFT_03


def announce(tunnel: Tunnel) -> list[VendorId]:
    """What an initiator says it can do, best first."""
    if tunnel.nat_traversal is NatTraversal.OFF:
        return []
    return [VendorId(_ROWS[draft].vendor_id) for draft in tunnel.natt_drafts]


def settle(sa: IkeSa, tunnel: Tunnel) -> None:
    """Choose the best text that the peer announced too."""
    if tunnel.nat_traversal is NatTraversal.OFF:
        return
    exact = (draft for draft in tunnel.natt_drafts if _ROWS[draft].capability in sa.capabilities)
    sa.nat.draft = next(exact, None) or _relative(sa, tunnel)


def _relative(sa: IkeSa, tunnel: Tunnel) -> NattDraft | None:
    """Drafts 02 and 03 are one on the wire: strongSwan answers 02 with a newline to whoever announces any of them."""
    if not sa.capabilities & _SAME_ON_THE_WIRE:
        return None
    return next((draft for draft in tunnel.natt_drafts if _ROWS[draft].capability & _SAME_ON_THE_WIRE), None)


def answer(sa: IkeSa) -> list[VendorId]:
    """What a responder says: only the text that it will use."""
    return [VendorId(_ROWS[sa.nat.draft].vendor_id)] if sa.nat.draft else []


def detection(core: Core, sa: IkeSa, hash_id: Hash) -> list[Payload]:
    """The two NAT-D payloads: first of the address we send to, then of our own (RFC 3947 §3.2)."""
    if sa.nat.draft is None:
        return []
    kind = _ROWS[sa.nat.draft].nat_d
    there = _value(sa, hash_id, sa.remote)
    here = _value(sa, hash_id, sa.local)
    if sa.tunnel is not None and sa.tunnel.nat_traversal is NatTraversal.FORCE:
        here = core.entropy(len(here))  # matches nothing, so that the peer believes in a NAT in front of us
    return [NatD(there, kind), NatD(here, kind)]


def detect(core: Core, sa: IkeSa, hash_id: Hash, chain: Chain) -> None:
    """Compare the peer's NAT-D payloads with the addresses we see; fewer than two mean no NAT traversal.

    Where they are those between which message 1 came, there is no NAT, and the peer is there still: from wherever and
    to whichever port this message came, somebody has sent it on.
    """
    found = [payload.data for payload in chain.all(NatD)]
    if sa.nat.draft is None or len(found) < 2:
        sa.nat = Nat(decided=True)
        _go_back(core, sa)
        return
    forced = sa.tunnel is not None and sa.tunnel.nat_traversal is NatTraversal.FORCE
    if not forced and _matches(sa, hash_id, found, sa.first_at, sa.first_from):
        _go_back(core, sa)
    sa.nat.we_are_behind = forced or found[0] != _value(sa, hash_id, sa.local)
    sa.nat.peer_is_behind = _value(sa, hash_id, sa.remote) not in found[1:]
    sa.nat.decided = True
    if sa.nat.found:
        who = [name for name, behind in (("we", sa.nat.we_are_behind), ("peer", sa.nat.peer_is_behind)) if behind]
        core.report(Code.NAT_DETECTED, sa, behind=tuple(who), draft=str(sa.nat.draft), floats=floats(sa))
    else:
        core.report(Code.NO_NAT, sa)


def _go_back(core: Core, sa: IkeSa) -> None:
    """Without a NAT the peer is where it was at message 1: nobody moves in the middle of a phase 1."""
    assert sa.first_at is not None and sa.first_from is not None
    if (sa.local, sa.remote) != (sa.first_at, sa.first_from):
        core.move(sa, sa.first_at, sa.first_from)
        sa.natt = sa.first_at.port == core.settings.natt_port


def _matches(sa: IkeSa, hash_id: Hash, found: list[bytes], local: Endpoint | None, remote: Endpoint | None) -> bool:
    """Whether the peer sees itself and us as we see both."""
    if local is None or remote is None:
        return False
    return found[0] == _value(sa, hash_id, local) and _value(sa, hash_id, remote) in found[1:]


def original_addresses(sa: IkeSa, mode: SaMode, role: Role) -> list[Payload]:
    """In transport mode the two addresses that a NAT has hidden, the initiator's first (RFC 3947 §5.2)."""
    if mode is not SaMode.TRANSPORT or not sa.nat.found or sa.nat.draft is None:
        return []
    kind = _ROWS[sa.nat.draft].nat_oa
    ours, theirs = (Identity.of_address(each.address) for each in (sa.local, sa.remote))
    pair = (ours, theirs) if role is Role.INITIATOR else (theirs, ours)
    return [NatOa(each.type, each.data, kind) for each in pair]


def floats(sa: IkeSa) -> bool:
    """Whether this SA belongs on port 4500 (from draft 02 on)."""
    return sa.nat.found and sa.nat.draft is not None and _ROWS[sa.nat.draft].floats


def move(core: Core, sa: IkeSa) -> None:
    """The initiator goes to port 4500 with its next message (RFC 3947 §4)."""
    if floats(sa) and not sa.natt and sa.tunnel is not None:
        sa.local = sa.local.at(core.settings.natt_port)
        sa.remote = sa.remote.at(sa.tunnel.remote_natt_port)
        sa.natt = True


def _value(sa: IkeSa, hash_id: Hash, endpoint: Endpoint) -> bytes:
    return nat_d(hash_id, sa.cky_i, sa.cky_r, endpoint.address, endpoint.port)
