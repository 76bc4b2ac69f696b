"""Which packets fit a tunnel, and what becomes of those that do not (RFC 4301 §8).

A packet that may be fragmented is, before it is sealed or after. For one that may not, its sender is told how much fits
and sends less. A TCP connection is told so as it begins.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.dataplane.userspace.packet import mss
from ikevpn.dataplane.userspace.packet.ends import DeviceEnd, Path
from ikevpn.dataplane.userspace.packet.fragment import fragments
from ikevpn.dataplane.userspace.packet.path_mtu import PathMtus
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.dataplane.userspace.packet.too_big import LEAST_IPV6, Answers
from ikevpn.esp.encap import inner_mtu
from ikevpn.esp.packet.drops import Drop
from ikevpn.model.outer_header import DfBit, Fragment
from ikevpn.model.sa import Sa, SaMode

_DF = 0x40


class Fit:
    """What fits one SA, by the path as it was found last: `packet` octets inside, segments of `segment` octets."""

    __slots__ = ("_reserved", "_sa", "news", "packet", "path", "path_mtu", "segment", "until")

    def __init__(self, sa: Sa) -> None:
        self._sa = sa
        self._reserved = 0
        self.path_mtu = 0
        self.packet = 0
        self.segment = mss.Limit()
        self.path: Path | None = None
        self.news = 0  # of `PathMtus`, as they were when it was looked at last
        self.until = 0.0  # then it is looked at again in any case

    def use(self, sa: Sa) -> None:
        """The SA as it is from now on, with another truncation of its ICV."""
        self._sa, self.path_mtu, self.until = sa, 0, 0.0

    def reserve(self, octets: int) -> None:
        """So much more stands around the packets of the SA: another one wraps it."""
        self._reserved, self.path_mtu, self.until = octets, 0, 0.0

    def follow(self, path_mtu: int) -> None:
        """The path takes outer packets of `path_mtu` octets now."""
        if path_mtu == self.path_mtu:
            return
        outer = self._sa.outer
        self.path_mtu = path_mtu
        fits = inner_mtu(self._sa, path_mtu - self._reserved)
        self.packet = min(fits, outer.mtu) if outer.mtu else fits
        if outer.mss is not None:
            self.segment = mss.Limit(outer.mss, outer.mss) if outer.mss else mss.Limit.of_packet(self.packet)


class Fitting:
    """Makes packets fit, for all SAs."""

    def __init__(self, mtus: PathMtus, devices: DeviceEnd, stats: Stats) -> None:
        self._mtus = mtus
        self._devices = devices
        self._stats = stats
        self._answers = Answers()

    def refresh(self, fit: Fit, path: Path, now: float) -> None:
        """Before packets are looked at: what the path takes now."""
        if path is fit.path and now < fit.until and fit.news == self._mtus.news:
            return
        fit.follow(self._mtus.of(path, now))
        fit.path, fit.until, fit.news = path, self._mtus.until(path), self._mtus.news

    def cut(self, device: str, sa: Sa, fit: Fit, packet: bytes, now: float) -> Sequence[bytes]:
        """What of a packet that is larger than `fit.packet` is to be sealed; its sender may be told."""
        outer = sa.outer
        if packet[0] >> 4 == 4 and not packet[6] & _DF:
            whole = outer.df is not DfBit.SET and (outer.fragment is Fragment.AFTER or _takes_whole(sa))
            pieces = [packet] if whole else fragments(packet, fit.packet)
            if not whole and pieces:
                self._stats.add("fragmented", 1)
        else:
            # A path of IPv6 has to take as much as this, so its sender would not send less. In transport mode its
            # sender is this host, which may fragment the outer packet.
            must = packet[0] >> 4 == 6 and (len(packet) <= LEAST_IPV6 or sa.mode is SaMode.TRANSPORT)
            pieces = [packet] if outer.df is DfBit.CLEAR or must else []
        if not pieces:
            self._stats.lose(Drop.TOO_BIG)
            answer = self._answers.make(packet, fit.packet, now)
            if answer is not None:
                self._devices.write(device, [answer])
        return pieces


def _takes_whole(sa: Sa) -> bool:
    """Whether fragments could be refused by the peer for want of ports, or transport mode takes none (RFC 4301 §7)."""
    return sa.mode is SaMode.TRANSPORT or any(selector.local_port or selector.remote_port for selector in sa.selectors)
