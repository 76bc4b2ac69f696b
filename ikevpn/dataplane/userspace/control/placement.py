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
from typing import TypeVar

from ikevpn.model.address import Address
from ikevpn.model.sa import Direction, Policy, PolicyAction, Sa
from ikevpn.model.selector import Selector

_Name = tuple[str, Selector, int]
_SaKey = tuple[Direction, int, int]
K = TypeVar("K")
V = TypeVar("V")


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
        self._load = [0] * workers  # devices of each
        self._peers: dict[Address, Counter[int]] = {}  # where each is, and for how many devices and SAs
        self._of_device: dict[str, tuple[Address, ...]] = {}
        self._policies: dict[str, set[_Name]] = {}  # of each device, those that protect
        self._reqids: dict[int, dict[_Name, str]] = {}  # devices, the one of the policy that was added first leads
        self._sas: dict[_SaKey, Placed] = {}
        self._outbound: dict[int, set[_SaKey]] = {}  # by SPI
        self._of_reqid: dict[int, dict[_SaKey, None]] = {}

    def __iter__(self) -> Iterator[Placed]:
        return iter(tuple(self._sas.values()))

    # Devices

    def place(self, device: str, peers: Iterable[Address] = ()) -> int:
        """The worker of a device; it is chosen when the device is heard of first."""
        if device not in self._devices:
            self._of_device[device] = tuple(dict.fromkeys(peers))
            self._devices[device] = worker = self._best(self._of_device[device])
            self._load[worker] += 1
            for peer in self._of_device[device]:
                self._meet(peer, worker)
        return self._devices[device]

    def forget(self, device: str) -> None:
        """The device is gone. As long as it has policies, one of the same name would go where they are."""
        if device in self._devices and device not in self._policies:
            worker = self._devices.pop(device)
            self._load[worker] -= 1
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
        return min(known or range(self._workers), key=lambda worker: (self._load[worker], worker))

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
            self._policies.setdefault(policy.device, set()).add(_key(policy))
            self._reqids.setdefault(policy.reqid, {})[_key(policy)] = policy.device
        return worker

    def delete_policy(self, policy: Policy) -> None:
        """It leads nowhere any more."""
        name = _key(policy)
        if name in self._policies.get(policy.device, ()):
            _discard(self._policies, policy.device, name)
            devices = self._reqids[policy.reqid]
            del devices[name]
            if not devices:
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
        worker = self._leads_to(sa.reqid)
        self._sas[key] = Placed(sa, worker)
        self._of_reqid.setdefault(sa.reqid, {})[key] = None
        if sa.direction is Direction.OUT:
            self._outbound.setdefault(sa.spi, set()).add(key)
        self._meet(sa.remote.address, worker)
        return worker, before if before is not None and before.worker != worker else None

    def delete_sa(self, spi: int, direction: Direction, reqid: int | None) -> list[Placed]:
        """What is gone now. Without a reqid all outbound ones of the SPI go."""
        if direction is Direction.IN or reqid is not None:
            found = self._remove(_sa_key(direction, spi, reqid or 0))
            return [found] if found else []
        keys = sorted(self._outbound.get(spi, ()), key=lambda key: key[2])
        return [found for key in keys if (found := self._remove(key))]

    def inbound(self, spi: int) -> int:
        """The worker that has the inbound SA of an SPI."""
        found = self._sas.get(_sa_key(Direction.IN, spi, 0))
        return found.worker if found else 0

    def movable(self, spis: Iterable[int]) -> dict[int, list[int]]:
        """Outbound SPIs by worker. One that two peers chose alike is not among them: it must not be stolen."""
        found: dict[int, list[int]] = {}
        for spi in dict.fromkeys(spis):
            keys = self._outbound.get(spi, ())
            if len(keys) == 1:
                (key,) = keys
                found.setdefault(self._sas[key].worker, []).append(spi)
        return found

    def astray(self, reqid: int) -> list[Placed]:
        """SAs of the reqid that are not where its device is, because that came later; they cannot carry anything."""
        if reqid not in self._reqids:
            return []
        worker = self._leads_to(reqid)
        placed = (self._sas[key] for key in self._of_reqid.get(reqid, ()))
        return [each for each in placed if each.worker != worker]

    def lose(self, worker: int) -> list[Placed]:
        """A worker has ended: these SAs ended with it."""
        lost = [placed for placed in self if placed.worker == worker]
        for placed in lost:
            self._remove(_sa_key(placed.sa.direction, placed.sa.spi, placed.sa.reqid))
        return lost

    def _leads_to(self, reqid: int) -> int:
        devices = self._reqids.get(reqid)
        return self.of_device(next(iter(devices.values()))) if devices else 0

    def _remove(self, key: _SaKey) -> Placed | None:
        found = self._sas.pop(key, None)
        if found is not None:
            self._part(found.sa.remote.address, found.worker)
            keys = self._of_reqid[found.sa.reqid]
            del keys[key]
            if not keys:
                del self._of_reqid[found.sa.reqid]
            if found.sa.direction is Direction.OUT:
                _discard(self._outbound, found.sa.spi, key)
        return found


def _discard(index: dict[K, set[V]], key: K, value: V) -> None:
    index[key].discard(value)
    if not index[key]:
        del index[key]


def _key(policy: Policy) -> _Name:
    return (policy.device, policy.selector, policy.reqid)


def _sa_key(direction: Direction, spi: int, reqid: int) -> _SaKey:
    """Our own SPIs are ours alone; those that peers choose may be alike."""
    return (direction, spi, 0 if direction is Direction.IN else reqid)
