"""An installed SA: its ESP state, and beside it what the data plane has to know: where it leads, how long it lives."""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.dataplane.userspace.forward.fit import Fit
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.marking import Marker
from ikevpn.dataplane.userspace.packet.run import Octets
from ikevpn.esp import encap
from ikevpn.esp.ah import LARGEST_DATAGRAM, AhInbound, AhOutbound
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.limits import LimitWatch, last_sequence
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet import transport
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.packet.inner import IPV4, IPV6
from ikevpn.esp.packet.selection import Selection
from ikevpn.esp.transforms.cbc import Entropy
from ikevpn.esp.transforms.transform import shape
from ikevpn.esp.truncation import has_two_truncations
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Sa, SaMode, SaUse
from ikevpn.wire.registry import Protocol

LARGEST_INSIDE = 65_000  # AH, or ESP and AH, and an IP header around it
_IPV4_HEADER, _IPV6_HEADER = 20, 40
_HALF_OF_SEQUENCE = 1 << 31
_LOW_SEQUENCE = (1 << 32) - 1


class OutboundSa:
    """Seals and knows the way to the peer, which may change during its life."""

    __slots__ = (
        "expired",
        "fit",
        "installed_at",
        "marks",
        "path",
        "sa",
        "selection",
        "state",
        "transport",
        "used_at",
        "watch",
        "wrapped",
        "wrapper",
    )

    def __init__(self, sa: Sa, entropy: Entropy, now: float) -> None:
        """Raises UsageError for algorithms and keys that the data plane cannot use."""
        self.sa = sa
        self.state = AhOutbound(sa, entropy) if sa.protocol is Protocol.AH else Outbound(sa, entropy)
        self.transport = sa.mode is SaMode.TRANSPORT
        self.wrapped = sa.wrapped
        self.wrapper: OutboundSa | None = None  # what carries its packets, where they do not leave bare
        self.selection = Selection(sa.selectors, Direction.OUT)
        self.fit = Fit(sa)
        self.marks = Marker(sa.outer, sa.mode)
        self.watch = LimitWatch.of(sa)
        self.path = path(sa.local, sa.remote, sa)
        self.installed_at = now
        self.used_at: float | None = None
        self.expired = False

    @property
    def usable(self) -> bool:
        """Whether it may be given packets of the host: it has not expired, and is the innermost of a whole bundle."""
        if self.expired or self.sa.wraps:
            return False
        return not self.wrapped if self.wrapper is None else not self.wrapper.expired

    @property
    def largest(self) -> int:
        """The largest packet, in octets, with which the datagram outside is still one."""
        return LARGEST_INSIDE if self.wrapped or isinstance(self.state, AhOutbound) else LARGEST_DATAGRAM

    @property
    def movable(self) -> bool:
        """Whether it may lead to another address: AH covers the addresses, and so does AH around ESP."""
        return self.sa.protocol is Protocol.ESP and not self.wrapped

    @property
    def bare(self) -> bool:
        """Whether what `state` seals is ESP and leaves as it is, with nothing put around."""
        return isinstance(self.state, Outbound) and not self.wrapped and not encap.marker(self.sa.encapsulation)

    def plainly(self, packet: Octets) -> tuple[int, int]:
        """Of packets with a plain header: the octets in front that are not sealed, and what ESP says the rest is."""
        is_ipv4 = packet[0] >> 4 == 4
        if not self.transport:
            return 0, IPV4 if is_ipv4 else IPV6
        return (_IPV4_HEADER, packet[9]) if is_ipv4 else (_IPV6_HEADER, packet[6])

    def wrap(self, wrapper: OutboundSa | None) -> None:
        """From now on its packets leave inside of those of `wrapper`; None: not until there is another one."""
        self.wrapped, self.wrapper = True, wrapper
        if wrapper is not None and isinstance(wrapper.state, AhOutbound):
            self.fit.reserve(wrapper.state.header)

    def next_header(self, packet: bytes) -> int | None:
        """What ESP or AH says that `packet` is; None where it cannot travel in the SA's mode."""
        if not self.transport:
            return IPV4 if packet[0] >> 4 == 4 else IPV6
        payload = transport.strip(packet)
        return None if payload is None else payload.protocol

    def contents(self, packets: Sequence[bytes]) -> Sequence[bytes]:
        """What is sealed of packets for which there is a `next_header`."""
        if not self.transport:
            return packets
        return [payload.data for payload in map(transport.strip, packets) if payload is not None]

    def extend(self, sa: Sa) -> bool:
        """The same SA with other limits: sequence numbers go on. Whether it is good for more than before."""
        if last_sequence(sa) <= last_sequence(self.sa):
            return False
        self.sa = sa
        self.state.extend(sa)
        self.watch = LimitWatch.of(sa)
        self.expired = False
        return True

    def check_limits(self, now: float) -> ExpireKind | None:
        """Which limit has been reached since the last call."""
        packets = self.state.sequence - self.sa.sequence
        return self.watch.check(self.state.bytes, packets, now - self.installed_at)

    def use(self, now: float) -> SaUse:
        """Counters since installation."""
        state, sa = self.state, self.sa
        idle_s = None if self.used_at is None else now - self.used_at
        return SaUse(
            sa.spi, Direction.OUT, state.bytes, state.packets, idle_s, reqid=sa.reqid, path_mtu=self.fit.path_mtu
        )


class InboundSa:
    """Opens, and knows from where the peer sends and how it cuts HMAC-SHA2-256."""

    __slots__ = (
        "_highest",
        "adapts",
        "expired",
        "fit",
        "follows",
        "installed_at",
        "integrity_96",
        "remote",
        "sa",
        "selection",
        "state",
        "transport",
        "watch",
        "wrapped",
    )

    def __init__(self, sa: Sa, now: float) -> None:
        """Raises UsageError for algorithms and keys that the data plane cannot use."""
        self.sa = sa
        self.state = AhInbound(sa) if sa.protocol is Protocol.AH else Inbound(sa)
        self.transport = sa.mode is SaMode.TRANSPORT
        self.selection = Selection(sa.selectors, Direction.IN)
        self.wrapped = sa.wrapped  # takes only what came inside of packets of another SA
        self.fit = Fit(sa)
        self.watch = LimitWatch.of(sa)
        self.follows = sa.follows and shape(sa.algorithms).authenticated
        self.remote: Endpoint = sa.remote
        self.integrity_96 = sa.algorithms.integrity_96
        self.adapts = has_two_truncations(sa)
        self.installed_at = now
        self.expired = False
        self._highest: int | None = None

    def wrap(self, wrapper: InboundSa) -> None:
        """From now on its packets come inside of those of `wrapper`."""
        self.wrapped = True
        if isinstance(wrapper.state, AhInbound):
            self.fit.reserve(wrapper.state.header)

    def advance(self, sequence: int) -> bool:
        """Note the low 32 bits of an authentic packet's sequence number; whether it is later than all before it.

        A packet that was overtaken on its way says nothing about where the peer is now.
        """
        if self._highest is not None and not 0 < (sequence - self._highest) & _LOW_SEQUENCE < _HALF_OF_SEQUENCE:
            return False
        self._highest = sequence
        return True

    def packets(self, opened: Sequence[Opened], path: Path, ecn: int) -> list[bytes]:
        """The packets for the host of what came through along `path` with the congestion mark `ecn`.

        In transport mode they get their headers back, and only then it can be seen whether they are those that the SA
        is for.
        """
        if not self.transport:
            return [each.data for each in opened]
        source, target = path.remote.address.packed, path.local.address.packed
        mend = path.encapsulation is not Encapsulation.NONE
        found: list[bytes] = []
        for data, next_header in opened:
            packet = transport.restore(transport.Payload(data, next_header), source, target, mend=mend, ecn=ecn)
            admitted = None if packet is None else self.selection.judge(packet)
            if packet is not None and admitted:
                found.append(packet)
            else:
                self.state.withdraw(Drop.MALFORMED_INNER if admitted is None else Drop.SELECTOR, data)
        return found

    def check_limits(self, now: float) -> ExpireKind | None:
        """Which limit has been reached since the last call."""
        return self.watch.check(self.state.bytes, self.state.packets, now - self.installed_at)

    def use(self, now: float) -> SaUse:
        """Counters since installation."""
        state = self.state
        idle_s = None if state.used_at is None else now - state.used_at
        drops = tuple((drop.value, count) for drop, count in state.drops.items())
        return SaUse(self.sa.spi, Direction.IN, state.bytes, state.packets, idle_s, drops, self.sa.reqid)


Association = InboundSa | OutboundSa


def path(local: Endpoint, remote: Endpoint, sa: Sa) -> Path:
    """The path of an SA between two endpoints; without UDP there are no ports."""
    if sa.encapsulation is Encapsulation.NONE:
        return Path(local.at(0), remote.at(0), sa.encapsulation, sa.protocol)
    return Path(local, remote, sa.encapsulation)
