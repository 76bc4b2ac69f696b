"""Which worker has what. Pure: it sends nothing and knows no process.

What is placed is a device, with all policies and SAs that lead into it: one worker reads a device, so packets of a flow
stay in order, and one worker has an SA, so its sequence numbers are used once. Devices are spread evenly, but those of
one peer, as far as it is known, belong to one worker: the kernel joins datagrams of a peer before it looks at SPIs.

An SA stays where it was installed for as long as it lives, whatever becomes of its policies: the same keys in a second
worker would begin with the same numbers again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ikevpn.model.address import Address
from ikevpn.model.sa import Direction, Policy, PolicyAction, Sa
from ikevpn.model.selector import Selector


@dataclass(frozen=True, slots=True)
class Placed:
    """An SA and the worker that has it."""

    sa: Sa
    worker: int


class Placement:
    """`workers` of them, numbered from 0. What belongs nowhere belongs to worker 0."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._devices: dict[str, int] = {}
        self._peers: dict[Address, Counter[int]] = {}  # where each is, and for how many devices and SAs
        self._of_device: dict[str, tuple[Address, ...]] = {}
        self._policies: dict[tuple[str, Selector, int], None] = {}  # those that protect, in order
        self._reqids: dict[int, list[str]] = {}  # devices, the one of the policy that was added first leads
        self._sas: dict[tuple[Direction, int, int], Placed] = {}

    def __iter__(self) -> Iterator[Placed]:
        return iter(tuple(self._sas.values()))

    # Devices

    def place(self, device: str, peers: Iterable[Address] = ()) -> int:
        """The worker of a device; it is chosen when the device is heard of first."""
        if device not in self._devices:
            self._of_device[device] = tuple(dict.fromkeys(peers))
            self._devices[device] = worker = self._best(self._of_device[device])
            for peer in self._of_device[device]:
                self._meet(peer, worker)
        return self._devices[device]

    def forget(self, device: str) -> None:
        """The device is gone. As long as it has policies, one of the same name would go where they are."""
        if device in self._devices and not any(name == device for name, *_ in self._policies):
            worker = self._devices.pop(device)
            for peer in self._of_device.pop(device):
                self._part(peer, worker)

    def of_device(self, device: str) -> int:
        """Where a device is; worker 0 where it is nowhere."""
        return self._devices.get(device, 0)

    def of_peer(self, peer: Address) -> int:
        """Where most of a peer's traffic is."""
        workers = self._peers.get(peer)
        return max(workers, key=lambda worker: (workers[worker], -worker)) if workers else 0

    def _best(self, peers: Iterable[Address]) -> int:
        known = {worker for peer in peers for worker in self._peers.get(peer, ())}
        load = Counter(self._devices.values())
        return min(known or range(self._workers), key=lambda worker: (load[worker], worker))

    def _meet(self, peer: Address, worker: int) -> None:
        self._peers.setdefault(peer, Counter())[worker] += 1

    def _part(self, peer: Address, worker: int) -> None:
        self._peers[peer] -= Counter({worker: 1})
        if not self._peers[peer]:
            del self._peers[peer]

    # Policies

    def add_policy(self, policy: Policy) -> int:
        """The worker that needs the policy."""
        worker = self.place(policy.device)
        self.delete_policy(policy)
        if policy.action is PolicyAction.PROTECT:
            self._policies[_key(policy)] = None
            self._reqids.setdefault(policy.reqid, []).append(policy.device)
        return worker

    def delete_policy(self, policy: Policy) -> None:
        """It leads nowhere any more."""
        if self._policies.pop(_key(policy), 0) is None:
            self._reqids[policy.reqid].remove(policy.device)
            if not self._reqids[policy.reqid]:
                del self._reqids[policy.reqid]

    # SAs

    def add_sa(self, sa: Sa) -> tuple[int, Placed | None]:
        """The worker that is to have the SA, and another SA that has to go from another worker first: an inbound one of
        the same SPI.
        """
        key = _sa_key(sa.direction, sa.spi, sa.reqid)
        before = self._sas.get(key)
        if before is not None and before.sa.algorithms == sa.algorithms:
            return before.worker, None
        self._remove(key)
        worker = self._of_reqid(sa.reqid)
        self._sas[key] = Placed(sa, worker)
        self._meet(sa.remote.address, worker)
        return worker, before if before is not None and before.worker != worker else None

    def delete_sa(self, spi: int, direction: Direction, reqid: int | None) -> list[Placed]:
        """What is gone now. Without a reqid all outbound ones of the SPI go."""
        if direction is Direction.IN or reqid is not None:
            found = self._remove(_sa_key(direction, spi, reqid or 0))
            return [found] if found else []
        keys = [key for key in self._sas if key[:2] == (direction, spi)]
        return [found for key in keys if (found := self._remove(key))]

    def inbound(self, spi: int) -> int:
        """The worker that has the inbound SA of an SPI."""
        found = self._sas.get(_sa_key(Direction.IN, spi, 0))
        return found.worker if found else 0

    def movable(self, spis: Iterable[int]) -> dict[int, list[int]]:
        """Outbound SPIs by worker. One that two peers chose alike is not among them: it must not be stolen."""
        wanted: dict[int, list[int]] = {spi: [] for spi in spis}
        for (direction, spi, _), placed in self._sas.items():
            if direction is Direction.OUT and spi in wanted:
                wanted[spi].append(placed.worker)
        found: dict[int, list[int]] = {}
        for spi, workers in wanted.items():
            if len(workers) == 1:
                found.setdefault(workers[0], []).append(spi)
        return found

    def astray(self, reqid: int) -> list[Placed]:
        """SAs of the reqid that are not where its device is, because that came later; they cannot carry anything."""
        if reqid not in self._reqids:
            return []
        worker = self._of_reqid(reqid)
        return [placed for placed in self if placed.sa.reqid == reqid and placed.worker != worker]

    def lose(self, worker: int) -> list[Placed]:
        """A worker has ended: these SAs ended with it."""
        lost = [placed for placed in self if placed.worker == worker]
        for placed in lost:
            self._remove(_sa_key(placed.sa.direction, placed.sa.spi, placed.sa.reqid))
        return lost

    def _of_reqid(self, reqid: int) -> int:
        devices = self._reqids.get(reqid)
        return self.of_device(devices[0]) if devices else 0

    def _remove(self, key: tuple[Direction, int, int]) -> Placed | None:
        found = self._sas.pop(key, None)
        if found is not None:
            self._part(found.sa.remote.address, found.worker)
        return found


def _key(policy: Policy) -> tuple[str, Selector, int]:
    return (policy.device, policy.selector, policy.reqid)


def _sa_key(direction: Direction, spi: int, reqid: int) -> tuple[Direction, int, int]:
    """Our own SPIs are ours alone; those that peers choose may be alike."""
    return (direction, spi, 0 if direction is Direction.IN else reqid)
