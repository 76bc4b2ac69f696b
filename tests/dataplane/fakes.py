"""The two ends of the forwarding core without a kernel, and a core between them."""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.dataplane.interface.data_plane import DataPlaneEvent
from ikevpn.dataplane.userspace.forward.forwarding import Forwarding
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path
from ikevpn.dataplane.userspace.packet.marking import PLAIN, Mark
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.sa import Encapsulation, Policy
from ikevpn.model.selector import Selector
from tests.esp.samples import ICMP, entropy, ipv4

OURS = Endpoint.of("192.0.2.1", 4500)
THEIRS = Endpoint.of("192.0.2.2", 4500)
THERE = Path(OURS, THEIRS, Encapsulation.UDP)
DEVICE = "vpn"


class FakeDevices:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, list[bytes]]] = []

    def write(self, device: str, packets: Sequence[bytes]) -> None:
        self.written.append((device, list(packets)))


class FakeOuter:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Path, list[bytes]]] = []
        self.marks: list[Mark] = []
        self.route_mtu = 1500
        self.narrow: dict[Endpoint, int] = {}
        """Peers behind routes with another MTU."""

    def send(self, path: Path, datagrams: Sequence[bytes], mark: Mark = PLAIN) -> None:
        self.sent.append((path, list(datagrams)))
        self.marks += [mark] * len(datagrams)

    def send_one(self, path: Path, datagram: bytes, mark: Mark) -> None:
        self.send(path, [datagram], mark)

    def mtu(self, path: Path) -> int:
        return self.narrow.get(path.remote, self.route_mtu)

    def datagrams(self) -> list[bytes]:
        """All that was sent since the last call."""
        sent, self.sent = self.sent, []
        return [datagram for _, datagrams in sent for datagram in datagrams]


class Core:
    """A forwarding core, its two ends and what it reported."""

    def __init__(self) -> None:
        self.devices, self.outer, self.stats = FakeDevices(), FakeOuter(), Stats()
        self.events: list[DataPlaneEvent] = []
        self.handed: list[tuple[int, Arrival]] = []
        self.waiting: list[message.AddSa] = []
        """What the control process has said and nobody has read yet."""
        self.forwarding = Forwarding(
            devices=self.devices,
            outer=self.outer,
            stats=self.stats,
            report=self.events.append,
            hand_over=lambda *handed: self.handed.append(handed),
            catch_up=self._catch_up,
            entropy=entropy(),
        )

    def _catch_up(self, now: float) -> bool:
        waiting, self.waiting = self.waiting, []
        for command in waiting:
            self.forwarding.add_sa(command, now)
        return bool(waiting)

    def drops(self) -> dict[str, int]:
        """Losses by reason."""
        report = self.stats.report()
        return {name.removeprefix("drop-"): count for name, count in report.items() if name.startswith("drop-")}

    def policy(self, **changes: object) -> Policy:
        """Install a policy of the device for everything in IPv4, with changes."""
        added = policy(**changes)
        self.forwarding.add_policy(message.AddPolicy(added), 0.0)
        return added

    def forbid(self) -> None:
        """Take the policy of `policy` away."""
        self.forwarding.delete_policy(message.DeletePolicy(policy()), 0.0)

    def arrive(self, *datagrams: bytes, path: Path = THERE, now: float = 0.0) -> None:
        self.forwarding.from_outside([Arrival(path, list(datagrams))], now)

    def leave(self, *packets: bytes, device: str = DEVICE, now: float = 0.0) -> None:
        self.forwarding.from_device(device, list(packets), now)


def policy(**changes: object) -> Policy:
    """A policy of the device for everything in IPv4, with changes."""
    plain: dict[str, object] = {"device": DEVICE, "selector": selector(), "reqid": 1, "tunnel": "paris"}
    return Policy(**{**plain, **changes})  # type: ignore[arg-type]


def selector(local: str = "0.0.0.0/0", remote: str = "0.0.0.0/0", protocol: int = 0, remote_port: int = 0) -> Selector:
    return Selector(AddressRange.of(local), AddressRange.of(remote), protocol, 0, remote_port)


def packets(count: int, target: str = "10.2.2.2") -> list[bytes]:
    """IPv4 packets of 21 octets that differ."""
    return [ipv4(bytes([n % 256]), target=target, protocol=ICMP) for n in range(count)]


(PACKET,) = packets(1)
