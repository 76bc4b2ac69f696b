"""From the outside to a TUN device. What no SA has authenticated never enters.

A batch's way:

1. `arrivals`: IKE goes up to the control process, keepalives are forgotten, ESP is put together by SPI and path
2. `_open`: the SA of the SPI opens what belongs to it at once; unknown SPIs are reported, some of them, and some of
   their packets wait for a moment (`pre_sa_queue`). `_open_run`: the same for packets of one size that came together,
   where all are in order; otherwise they go the way of others
3. `_follow`: an authentic packet from a new source moves the SAs that lead to the old one (RFC 3947 §7)
4. `_open_ah`: AH, and ESP inside of it; `InboundSa.packets`: transport mode puts headers back
5. `_settle`: congestion marks from outside, and TCP that has to fit the way back
6. what came through goes to the device that the policy of the reqid names, one batch a device
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from ikevpn.dataplane.interface.ike_port import IkeDatagram
from ikevpn.dataplane.interface.sa_plane import Mapping, UnknownSpi
from ikevpn.dataplane.userspace.forward.association import InboundSa
from ikevpn.dataplane.userspace.forward.lifetime import Lifetimes
from ikevpn.dataplane.userspace.forward.lookup import Sad
from ikevpn.dataplane.userspace.forward.post_decrypt import settle, settle_run
from ikevpn.dataplane.userspace.forward.pre_sa_queue import PreSaQueue
from ikevpn.dataplane.userspace.forward.unknown_spi import UnknownSpis
from ikevpn.dataplane.userspace.index.spd import Spd
from ikevpn.dataplane.userspace.packet import mss
from ikevpn.dataplane.userspace.packet.ends import Arrival, DeviceEnd, Path
from ikevpn.dataplane.userspace.packet.path_mtu import PathMtus
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.dataplane.userspace.packet.stats import Loss, Stats
from ikevpn.esp import ah
from ikevpn.esp.encap import NON_ESP_MARKER, Datagram, classify
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.transforms.layout import ESP, HEADER
from ikevpn.esp.transforms.room import SHORTEST_RUN
from ikevpn.model.sa import Encapsulation
from ikevpn.wire.registry import Protocol

Batches = dict[bytes, Arrival]
"""By SPI; whatever way and mark they came with, packets of one SA stay in order."""
HandOver = Callable[[int, Arrival], None]
"""Takes the number of another worker, and packets as they came."""
CatchUp = Callable[[float], bool]
"""Carries out commands that wait, at a time in seconds; whether there may have been any."""


class Inward:
    """Holds no SA and no policy of its own; it works on those of `Forwarding`."""

    def __init__(
        self,
        *,
        spd: Spd,
        sad: Sad,
        devices: DeviceEnd,
        mtus: PathMtus,
        pre_sa_queue: PreSaQueue,
        lifetimes: Lifetimes,
        stats: Stats,
        report: Callable[[IkeDatagram | Mapping | UnknownSpi], None],
        hand_over: HandOver,
        catch_up: CatchUp,
    ) -> None:
        self._spd = spd
        self._sad = sad
        self._devices = devices
        self._mtus = mtus
        self._lifetimes = lifetimes
        self._stats = stats
        self._report = report
        self._hand_over = hand_over
        self._catch_up = catch_up
        self._elsewhere: dict[int, int] = {}  # SPIs of other workers
        self._unknown_spis = UnknownSpis()
        self._pre_sa_queue = pre_sa_queue

    def arrivals(self, arrivals: Sequence[Arrival], now: float) -> None:
        """Datagrams in the order in which they came."""
        if len(arrivals) == 1 and len(arrivals[0].datagrams) == 1 and self._came_alone(*arrivals[0], now):
            return
        batches: Batches = {}
        for path, datagrams, ecn in arrivals:
            if path.protocol is Protocol.AH:
                self._open_all(batches, now)  # they came before
                self._open_ah(Arrival(path, datagrams, ecn), now)
                continue
            rest: Sequence[bytes] = datagrams
            if isinstance(datagrams, Run) and len(datagrams.rows) >= SHORTEST_RUN:
                self._open_all(batches, now)  # they came before
                own, others = _tail_of(datagrams)
                if self._open_run(path, Run(datagrams.rows, own), ecn, now):
                    rest = others
            by_spi: dict[bytes, list[bytes]] = {}
            for datagram in self._esp_only(path, rest):
                by_spi.setdefault(datagram[:4], []).append(datagram)
            for spi, packets in by_spi.items():
                self._join(batches, spi, Arrival(path, packets, ecn), now)
        self._open_all(batches, now)

    def _came_alone(self, path: Path, datagrams: Sequence[bytes], ecn: int, now: float) -> bool:
        """One packet of an SA with nothing around it; False where it is not that simple, and then nothing was done.

        It takes the same way as a batch of one would, in fewer steps: a processor that has slept since the last packet
        fetches each of them from memory.
        """
        (packet,) = datagrams
        association = self._sad.inbound(int.from_bytes(packet[:4], "big"))
        if association is None or association.expired or association.transport or _differs(association, path):
            return False
        state = association.state
        if not isinstance(state, Inbound) or len(packet) < HEADER:
            return False
        inner = state.open_one(packet, now)
        if association.adapts:
            self._follow_truncation(association)
        if isinstance(inner, Drop):
            return True
        through: Sequence[bytes] = (inner,)
        if ecn or inner[9] == mss.TCP or inner[6] == mss.TCP:
            through = self._settle(association, path, through, ecn, now)
        device = self._spd.device(association.sa.reqid)
        if device is not None and through:
            self._devices.write(device, through)
        self._note(device, len(through), sum(map(len, through)))
        self._follow(association, path, (int.from_bytes(packet[4:8], "big"),))
        self._lifetimes.check(association, now)
        return True

    def release(self, spi: int, now: float) -> None:
        """An SA is there: packets that were early are opened."""
        self.arrivals(self._pre_sa_queue.take(spi), now)

    def elsewhere(self, spi: int, worker: int | None, now: float) -> None:
        """Packets of the SPI, early ones too, are handed to another worker from now on; None: no longer."""
        if worker is None:
            self._elsewhere.pop(spi, None)
        else:
            self._elsewhere[spi] = worker
            self.release(spi, now)

    def timer(self, now: float) -> None:
        """Give up packets that were not early but lost."""
        self._lose(Loss.UNKNOWN_SPI, self._pre_sa_queue.forget(now))

    def _join(self, batches: Batches, spi: bytes, arrival: Arrival, now: float) -> None:
        before = batches.get(spi)
        if before is not None and before.path == arrival.path and before.ecn == arrival.ecn:
            cast(list[bytes], before.datagrams).extend(arrival.datagrams)
            return
        if before is not None:
            self._open_all(batches, now)
        batches[spi] = arrival

    def _open_all(self, batches: Batches, now: float) -> None:
        inner: dict[str, list[bytes]] = {}
        for spi, arrival in batches.items():
            self._open(int.from_bytes(spi, "big"), arrival, inner, now)
        batches.clear()
        self._write(inner)

    def _write(self, inner: dict[str, list[bytes]]) -> None:
        for device, packets in inner.items():
            self._devices.write(device, packets)
        inner.clear()

    def _esp_only(self, path: Path, datagrams: Sequence[bytes]) -> list[bytes]:
        if path.encapsulation is not Encapsulation.UDP:
            esp = [datagram for datagram in datagrams if len(datagram) >= HEADER]
            self._lose(Loss.BAD_DATAGRAM, len(datagrams) - len(esp))
            return esp
        esp = []
        for datagram in datagrams:
            kind = classify(datagram)
            if kind is Datagram.ESP:
                esp.append(datagram)
            elif kind is Datagram.IKE:
                self._report(IkeDatagram(datagram[len(NON_ESP_MARKER) :], path.local, path.remote))
            elif kind is Datagram.KEEPALIVE:
                self._stats.add("keepalives-in", 1)
            else:
                self._stats.lose(Loss.BAD_DATAGRAM)
        return esp

    def _open(self, spi: int, arrival: Arrival, inner: dict[str, list[bytes]], now: float) -> None:
        path, packets, _ = arrival
        association = self._sad.inbound(spi)
        if association is None:
            self._write(inner)  # which came before what the SA may turn out to be good for
            self._stray(spi, arrival, now)
            return
        if association.expired:
            self._stats.lose(Drop.EXPIRED, len(packets))
            return
        if _differs(association, path):
            self._stats.lose(Loss.WRONG_ENCAPSULATION, len(packets))
            return
        results = association.state.open(packets, now)
        self._follow(association, path, _numbers(packets, results))
        self._collect(association, arrival, _opened(results), inner, now)

    def _collect(
        self,
        association: InboundSa,
        arrival: Arrival,
        opened: Sequence[Opened],
        inner: dict[str, list[bytes]],
        now: float,
    ) -> None:
        """What came through joins what goes to the same device."""
        if association.adapts:
            self._follow_truncation(association)
        path, _, ecn = arrival
        through = self._settle(association, path, association.packets(opened, path, ecn), ecn, now)
        device = self._device(association.sa.reqid, len(through), sum(map(len, through)))
        if device is not None:
            inner.setdefault(device, []).extend(through)
        self._lifetimes.check(association, now)

    def _follow_truncation(self, association: InboundSa) -> None:
        """The peer may have been found to cut HMAC-SHA2-256 otherwise than agreed: outbound SAs follow."""
        integrity_96 = association.state.sa.algorithms.integrity_96
        if integrity_96 != association.integrity_96:
            association.integrity_96 = integrity_96
            association.fit.use(association.state.sa)
            self._sad.follow_truncation(association.sa.reqid, association.remote, integrity_96)

    def _open_ah(self, arrival: Arrival, now: float) -> None:
        """Datagrams that start at their IP headers; what an SA wraps goes on to the SA inside of it."""
        path, datagrams, ecn = arrival
        inner: dict[str, list[bytes]] = {}
        by_spi: dict[int | None, list[bytes]] = {}
        for datagram in datagrams:
            by_spi.setdefault(ah.spi_of(datagram), []).append(datagram)
        self._lose(Loss.BAD_DATAGRAM, len(by_spi.pop(None, ())))
        for spi, alike in by_spi.items():
            assert spi is not None
            association = self._sad.inbound(spi)
            if association is None:
                self._write(inner)
                self._stray(spi, Arrival(path, alike, ecn), now)
            elif association.expired or association.sa.protocol is not Protocol.AH:
                self._stats.lose(Drop.EXPIRED if association.expired else Loss.WRONG_ENCAPSULATION, len(alike))
            elif association.sa.wraps:
                self._open_wrapped(association, Arrival(path, alike, ecn), inner, now)
            else:
                opened = _opened(association.state.open(alike, now))
                self._collect(association, Arrival(path, alike, ecn), opened, inner, now)
        self._write(inner)

    def _open_wrapped(self, wrapper: InboundSa, arrival: Arrival, inner: dict[str, list[bytes]], now: float) -> None:
        """ESP inside of AH, as both SAs of a bundle want it."""
        spi = wrapper.sa.wraps.to_bytes(4, "big")
        esp: list[bytes] = []
        for data, next_header in _opened(wrapper.state.open(arrival.datagrams, now)):
            if next_header == ESP and data[:4] == spi:
                esp.append(data)
            else:
                wrapper.state.withdraw(Drop.NEXT_HEADER, data)
        self._lifetimes.check(wrapper, now)
        association = self._sad.inbound(wrapper.sa.wraps)
        if association is None or association.expired or not _belongs(association, wrapper):
            self._lose(Drop.EXPIRED if association else Loss.UNKNOWN_SPI, len(esp))
            return
        self._collect(association, arrival, _opened(association.state.open(esp, now)), inner, now)

    def _stray(self, spi: int, arrival: Arrival, now: float) -> None:
        """The SA is with another worker, only just announced (peers send as soon as IKE has answered), or nowhere."""
        path, packets, _ = arrival
        worker = self._elsewhere.get(spi)
        if worker is not None:
            self._hand_over(worker, arrival)
        elif self._catch_up(now):
            self.arrivals([arrival], now)
        else:
            self._lose(Loss.UNKNOWN_SPI, len(packets) - self._pre_sa_queue.add(spi, arrival, now))
            if self._unknown_spis.report(spi, path.remote, now):
                self._report(UnknownSpi(spi, path.local, path.remote))

    def _open_run(self, path: Path, run: Run, ecn: int, now: float) -> bool:
        """Whether the packets were for one SA and all authentic; then they are dealt with."""
        association = self._sad.inbound(int.from_bytes(run.rows[0, :4].tobytes(), "big"))
        if association is None or association.expired or _differs(association, path):
            return False
        opened = association.state.open_rows(run.rows, now) if isinstance(association.state, Inbound) else None
        if opened is None:
            return False
        rest = association.state.open([run.tail], now) if run.tail else []
        if isinstance(opened, list):
            self._follow(association, path, _numbers(list(run), [*opened, *rest]))
            packets: Sequence[bytes] = association.packets(_opened([*opened, *rest]), path, ecn)
        else:
            last = int.from_bytes(run.rows[-1, 4:8].tobytes(), "big")
            self._follow(association, path, (last, *_numbers([run.tail], rest)) if rest else (last,))
            packets = Run(opened, b"".join(association.packets(_opened(rest), path, ecn)))
        packets = self._settle(association, path, packets, ecn, now)
        octets = packets.octets if isinstance(packets, Run) else sum(map(len, packets))
        device = self._device(association.sa.reqid, len(packets), octets)
        if device is not None:
            self._devices.write(device, packets)
        self._lifetimes.check(association, now)
        return True

    def _settle(
        self, association: InboundSa, path: Path, packets: Sequence[bytes], ecn: int, now: float
    ) -> Sequence[bytes]:
        """What of packets that came through goes on, as it goes on."""
        if not packets:
            return packets
        association.fit.follow(self._mtus.of(path, now))
        if isinstance(packets, Run):
            return settle_run(association, packets, ecn)
        return settle(association, packets, ecn)

    def _device(self, reqid: int, packets: int, octets: int) -> str | None:
        """Where packets that came through go, and their count; None where nothing goes anywhere."""
        device = self._spd.device(reqid)
        self._note(device, packets, octets)
        return device if packets else None

    def _note(self, device: str | None, packets: int, octets: int) -> None:
        """Count packets that came through, for a device or for none."""
        if device is None:
            self._lose(Loss.NO_DEVICE, packets)
        elif packets:
            self._stats.through(packets, octets)

    def _follow(self, association: InboundSa, path: Path, sequences: Iterable[int]) -> None:
        """`sequences` of the packets that came through."""
        latest = False
        for sequence in sequences:
            latest |= association.advance(sequence)
        old, new = association.remote, path.remote
        if not latest or new is old or path.encapsulation is Encapsulation.NONE or not association.follows:
            return
        if new == old:
            association.remote = new  # the same one again is seen at once to be the same
            return
        sa = association.sa
        self._sad.move(sa.reqid, old, new)
        self._report(Mapping(sa.spi, sa.reqid, sa.tunnel, old, new))

    def _lose(self, reason: Drop | Loss, packets: int) -> None:
        if packets:
            self._stats.lose(reason, packets)


def _tail_of(run: Run) -> tuple[bytes, list[bytes]]:
    """The tail where it is ESP of the SPI that the run has, and else what came behind the run.

    The kernel puts together what is of one size and takes any shorter datagram of the same path for the end of it.
    """
    tail = run.tail
    if classify(tail) is Datagram.ESP and tail[:4] == run.rows[0, :4].tobytes():
        return tail, []
    return b"", [tail] if tail else []


def _differs(association: InboundSa, path: Path) -> bool:
    """Whether ESP came otherwise than its SA says: in UDP or not, by itself or inside of another SA's packets."""
    sa = association.sa
    return path.encapsulation is not sa.encapsulation or path.protocol is not sa.protocol or association.wrapped


def _belongs(association: InboundSa, wrapper: InboundSa) -> bool:
    """Whether both are of one bundle."""
    return association.sa.reqid == wrapper.sa.reqid and association.sa.protocol is Protocol.ESP


def _opened(results: Sequence[Opened | Drop]) -> list[Opened]:
    return [result for result in results if isinstance(result, Opened)]


def _numbers(packets: Sequence[bytes], results: Sequence[Opened | Drop]) -> list[int]:
    """Sequence numbers of the packets that came through."""
    return [
        int.from_bytes(packet[4:8], "big")
        for packet, result in zip(packets, results, strict=True)
        if isinstance(result, Opened)
    ]
