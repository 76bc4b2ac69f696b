"""How many packets went nowhere and why, where the reason belongs to no SA, and how many went through."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from ikevpn.esp.packet.drops import Drop


class Loss(StrEnum):
    """Ends of packets that `esp/packet/drops` has no word for. Stable codes, for `status --verbose` and the metrics."""

    HOLD_FULL = "hold-full"
    BAD_DATAGRAM = "bad-datagram"
    UNKNOWN_SPI = "unknown-spi"
    WRONG_ENCAPSULATION = "wrong-encapsulation"
    NO_DEVICE = "no-device"
    DEVICE_DOWN = "device-down"
    NO_SOCKET = "no-socket"
    REFUSED = "refused"
    NOT_PERMITTED = "not-permitted"
    SEND_FAILED = "send-failed"
    READ_FAILED = "read-failed"
    SOCKET_QUEUE_FULL = "socket-queue-full"
    INTERNAL_ERROR = "internal-error"

    @property
    def sentence(self) -> str:
        """What happened, in words for the one who reads the counter."""
        return _SENTENCES[self]


_SENTENCES = {
    Loss.HOLD_FULL: "too many packets already wait for an SA",
    Loss.BAD_DATAGRAM: "the datagram on the NAT-T port is neither ESP nor IKE nor a keepalive",
    Loss.UNKNOWN_SPI: "ESP arrived for an SPI that is not ours",
    Loss.WRONG_ENCAPSULATION: "ESP arrived encapsulated otherwise than agreed",
    Loss.NO_DEVICE: "no policy says which device the packet belongs to",
    Loss.DEVICE_DOWN: "the tunnel's device is down or gone",
    Loss.NO_SOCKET: "no socket is open for the local address",
    Loss.REFUSED: "the peer's host refused an earlier datagram",
    Loss.NOT_PERMITTED: "a firewall of this host forbids sending",
    Loss.SEND_FAILED: "the kernel refused to send for another reason",
    Loss.READ_FAILED: "the kernel refused to hand over a packet of the tunnel's device",
    Loss.SOCKET_QUEUE_FULL: "packets, of peers or of other hosts, arrived faster than they could be read",
    Loss.INTERNAL_ERROR: "an error of ikevpn cost a batch of packets; the log says where",
}


class Stats:
    """Losses by reason and totals, all counted since the worker started."""

    def __init__(self) -> None:
        self._losses: Counter[Drop | Loss] = Counter()
        self._totals: Counter[str] = Counter()

    def lose(self, reason: Drop | Loss, packets: int = 1) -> None:
        """Count packets that went nowhere."""
        self._losses[reason] += packets

    def add(self, total: str, amount: int) -> None:
        """Count something that is not a loss, such as `packets-out`."""
        self._totals[total] += amount

    def out(self, packets: int, octets: int) -> None:
        """Count packets of the host that left through an SA; `octets` as they were inside."""
        self._totals["packets-out"] += packets
        self._totals["bytes-out"] += octets

    def through(self, packets: int, octets: int) -> None:
        """Count packets that came through an SA for the host."""
        self._totals["packets-in"] += packets
        self._totals["bytes-in"] += octets

    def report(self) -> dict[str, int]:
        """Totals by name and losses as `drop-<reason>`, those that happened."""
        return {**self._totals, **{f"drop-{reason}": count for reason, count in self._losses.items()}}
