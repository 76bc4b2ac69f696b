"""The keys of a tunnel that say how its packets look from the outside, and what is done so that they fit the path."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.config.keys.key import key
from ikevpn.config.keys.kinds import Choice, Named, Switch, Whole, YesNo
from ikevpn.model.outer_header import DfBit, Fragment, OuterHeader


@dataclass(frozen=True, kw_only=True)
class OuterKeys:
    """Part of `schema.TunnelTable`."""

    df_bit: DfBit = key(
        Choice(DfBit),
        "The don't-fragment bit of the outer header. `copy`: that of the packet inside, whose sender learns how much "
        "fits; `clear`: routers may fragment packets that are too large, without telling the sender; `set`: they may "
        "not.",
        '"clear"',
        DfBit.COPY,
    )
    dscp: int | None = key(
        Named("copy", None, Whole(0, 63)),
        "The class of service (DSCP) of the outer header. A fixed one hides which traffic is urgent.",
        "46",
        None,
        '`"copy"`',
    )
    ecn: bool = key(
        YesNo(),
        "Whether routers outside may mark congestion instead of dropping packets; marks reach the inside (RFC 6040).",
        "false",
        True,
    )
    ttl: int = key(Whole(1, 255, "hops"), "How many routers the outer packet may pass.", "255", 64)
    tcp_mss: int | None = key(
        Switch(Named("auto", 0, Whole(88, 65495, "octets")), true=0, false=None),
        "The largest TCP segment (MSS); larger values in SYN packets through the tunnel are reduced to it. `auto`: "
        "the largest that fits the path.",
        "1300",
        0,
        '`"auto"`',
    )
    fragment: Fragment = key(
        Choice(Fragment),
        "Packets that are too large and may be fragmented are fragmented `before` encryption, or `after`, so that the "
        "peer must reassemble them.",
        '"after"',
        Fragment.BEFORE,
    )

    udp_checksum: bool = key(
        YesNo(),
        "Whether ESP in UDP over IPv4 has a UDP checksum. RFC 3948 recommends none, and a few old gateways drop "
        "packets that have one; but without it the kernel cannot segment, and every datagram costs a system call.",
        "false",
        True,
    )

    def outer_header(self, mtu: int) -> OuterHeader:
        """What these keys say, in one value, with the largest packet inside, where that is configured."""
        return OuterHeader(
            self.df_bit, self.dscp, self.ecn, self.ttl, self.tcp_mss, self.fragment, mtu, self.udp_checksum
        )
