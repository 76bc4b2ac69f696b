"""IPComp in a suite of phase 2 (RFC 3173): what of it we take, and what we answer. We never offer it."""

from __future__ import annotations

from ikevpn.ike.offers import select
from ikevpn.wire.payload import Proposal, Transform
from ikevpn.wire.registry import IpcompTransform, Ipsec, Mode

_FIRST_CPI, _LAST_CPI = 256, 61439  # those that are negotiated (RFC 3173 §3.3)
_SIZES = (2, 4)  # octets of an index: some send four, of which the lower half counts
_AS_TRANSPORT = {
    Mode.TUNNEL: Mode.TRANSPORT,
    Mode.UDP_TUNNEL: Mode.UDP_TRANSPORT,
    Mode.UDP_TUNNEL_DRAFT: Mode.UDP_TRANSPORT_DRAFT,
}


def acceptable(proposal: Proposal, modes: set[Mode]) -> Transform | None:
    """The first transform that is DEFLATE; its attributes but for the mode mean nothing to us."""
    if len(proposal.spi) not in _SIZES:
        return None
    for transform in proposal.transforms:
        values = select.numbers_of(transform.attributes, Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)
        fits = values is not None and Mode(values.get(Ipsec.MODE, Mode.TUNNEL)) in modes
        if fits and transform.id == IpcompTransform.DEFLATE:
            return transform
    return None


def modes_inside(modes: set[Mode]) -> set[Mode]:
    """What ESP may be called beside it: Linux has ESP in transport mode where the IPComp inside is in tunnel mode."""
    return modes | {_AS_TRANSPORT.get(each, each) for each in modes}


def index_for(spi: int, size: int) -> bytes:
    """Our index beside an ESP SA of ours, in as many octets as the peer's. What tells packets apart is the SA."""
    return (_FIRST_CPI + spi % (_LAST_CPI - _FIRST_CPI + 1)).to_bytes(size, "big")


def label(proposal: Proposal) -> str:
    """In names of what was offered: `ipcomp-deflate`."""
    algorithms = dict.fromkeys(IpcompTransform(each.id).label for each in proposal.transforms)
    return f"ipcomp-{'/'.join(algorithms)}"
