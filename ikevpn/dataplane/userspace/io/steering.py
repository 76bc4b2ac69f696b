"""Which worker's socket the kernel gives a datagram to: programs for its packet filter that look the SPI up.

The owner of an SPI is in a table inside the kernel: ESP reaches the worker that has the SA from whatever address it
comes, for a peer behind a NAT may move, and two tunnels of one peer may belong to two workers. What is no ESP, or of an
SPI that is not in the table, belongs to worker 0. UDP sockets of one port share a program that chooses one of them
(SO_ATTACH_REUSEPORT_CBPF); raw sockets get a copy of everything, and each has a program that refuses what is not for it
(SO_ATTACH_FILTER).

A UDP port has one socket more, for strangers: what comes from an address where no SA leads waits in a queue of its own,
so that whoever floods the port does not take the place of those who have proved something.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice

from ikevpn.dataplane.kernel import socket_filter
from ikevpn.dataplane.kernel.socket_filter import Instruction
from ikevpn.dataplane.userspace.io.offload import tell_once
from ikevpn.model.address import Address
from ikevpn.wire.registry import Protocol

_LOAD, _LOAD_AT_X, _X_IS_IP_HEADER, _JUMP, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x40, 0xB1, 0x05, 0x15, 0x35, 0x06
AT_ONCE = 256  # SPIs and addresses up to which each change is told at once
TOLD_AFTER_S = 0.1
MOST_KNOWN = 1000  # addresses; where there are more, nobody is a stranger
_LEAF = 16
_WHOLE, _NOTHING = 0xFFFF_FFFF, 0  # how much of a packet a filter lets through

_GO_ON = -1  # in place of a verdict
_SOURCE = {4: 0xFFF0_0000 + 12, 6: 0xFFF0_0000 + 20}  # SKF_NET_OFF: in the IP header; of IPv6 the last four octets


# Where the SPI stands: a UDP program sees the payload, that of a raw socket an IPv4 header before it, or none (IPv6).
_UDP: tuple[Instruction, ...] = ((_LOAD, 0, 0, 0),)
# AH has four octets in front of it.
_RAW: Mapping[tuple[int, Protocol], tuple[Instruction, ...]] = {
    (4, Protocol.ESP): ((_X_IS_IP_HEADER, 0, 0, 0), (_LOAD_AT_X, 0, 0, 0)),
    (6, Protocol.ESP): ((_LOAD, 0, 0, 0),),
    (4, Protocol.AH): ((_X_IS_IP_HEADER, 0, 0, 0), (_LOAD_AT_X, 0, 0, 4)),
    (6, Protocol.AH): ((_LOAD, 0, 0, 4),),
}


def search(verdicts: Mapping[int, int], otherwise: int) -> list[Instruction]:
    """Return the verdict of the SPI in the accumulator, by halves down to a few that are compared one by one."""
    return _tree(sorted(verdicts.items()), otherwise)


def udp_program(owners: Mapping[int, int]) -> list[Instruction]:
    """Chooses the socket by its place among those of the port."""
    return [*_UDP, *search(owners, 0)]


def stranger_program(known: Collection[int], strangers: int, version: int) -> list[Instruction]:
    """Chooses the socket `strangers` for what comes from elsewhere; for others what is put behind it goes on."""
    tree = _tree(sorted((word, _GO_ON) for word in known), strangers)
    end = len(tree)
    onward = [(_JUMP, 0, 0, end - at - 1) if each[3] == _GO_ON else each for at, each in enumerate(tree)]
    return [(_LOAD, 0, 0, _SOURCE[version]), *onward]


def last_word(address: Address) -> int:
    """What a program compares of an address."""
    return int(address) & 0xFFFF_FFFF


def raw_program(
    owners: Mapping[int, int], worker: int, version: int, protocol: Protocol = Protocol.ESP
) -> list[Instruction]:
    """Lets through what belongs to `worker`. `owners` names none for what belongs to worker 0."""
    if worker == 0:
        return [*_RAW[version, protocol], *search(dict.fromkeys(owners, _NOTHING), _WHOLE)]
    mine = {spi: _WHOLE for spi, owner in owners.items() if owner == worker}
    return [*_RAW[version, protocol], *search(mine, _NOTHING)]


def _tree(verdicts: Sequence[tuple[int, int]], otherwise: int) -> list[Instruction]:
    if len(verdicts) <= _LEAF:
        return _leaf(verdicts, otherwise)
    middle = len(verdicts) // 2
    below, above = _tree(verdicts[:middle], otherwise), _tree(verdicts[middle:], otherwise)
    return [(_IF_AT_LEAST, 0, 1, verdicts[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]


def _leaf(verdicts: Sequence[tuple[int, int]], otherwise: int) -> list[Instruction]:
    endings = [otherwise, *sorted({verdict for _, verdict in verdicts} - {otherwise})]
    count = len(verdicts)
    compare = [
        (_IF_EQUAL, count - 1 - place + endings.index(verdict), 0, spi) for place, (spi, verdict) in enumerate(verdicts)
    ]
    return [*compare, *((_RETURN, 0, 0, ending) for ending in endings)]


class Steering:
    """The sockets of all workers, in the order of the workers, and what the kernel was told of them.

    SPIs that the kernel has no room for stay with worker 0, which hands their packets over. So do those that it has not
    heard of yet: programs that know much take milliseconds to write, and are written some times a second and not with
    every SA. `later` calls back after so many seconds.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object] | None = None) -> None:
        self._later = later
        self._is_planned = False
        self._udp: list[tuple[Sequence[socket.socket], bool]] = []
        self._raw: list[tuple[int, Protocol, Sequence[socket.socket]]] = []
        self._owners: dict[int, int] = {}
        self._peers: dict[int, Address] = {}  # by SPI
        self._known: Counter[Address] = Counter()  # how many SPIs each sends with
        self._room = socket_filter.LONGEST_PROGRAM

    def use_udp(self, ends: Sequence[socket.socket], *, strangers: bool = False) -> None:
        """Steer what comes to one port; `ends` were bound in this order. `strangers`: the last is for them."""
        if len(ends) > 1:
            self._udp.append((ends, strangers))
            self._tell()

    def use_raw(self, version: int, protocol: Protocol, ends: Sequence[socket.socket]) -> None:
        """Steer what comes as a protocol of its own."""
        if len(ends) > 1:
            self._raw.append((version, protocol, ends))
            self._tell()

    def own(self, spi: int, worker: int) -> None:
        """From now on packets of the SPI are for `worker`."""
        if self._owners.get(spi, 0) == worker:
            return
        self._owners.pop(spi, None)
        if worker:
            self._owners[spi] = worker
        self._change()

    def disown(self, spi: int) -> None:
        """The SPI belongs to nobody."""
        self.own(spi, 0)

    def meet(self, spi: int, address: Address) -> None:
        """The peer that sends with the SPI is at `address`, and no stranger."""
        before = self._peers.get(spi)
        if before != address:
            self._peers[spi] = address
            self._known[address] += 1
            is_new = self._known[address] == 1
            if self._leave(before) or is_new:
                self._change_known()

    def part(self, spi: int) -> None:
        """Nobody sends with the SPI any more."""
        if self._leave(self._peers.pop(spi, None)):
            self._change_known()

    def has_met(self, spi: int) -> bool:
        return spi in self._peers

    def _leave(self, address: Address | None) -> bool:
        """One SPI less is sent with from there; whether it was the last."""
        if address is None:
            return False
        self._known[address] -= 1
        if self._known[address]:
            return False
        del self._known[address]
        return True

    def _change_known(self) -> None:
        if len(self._known) <= MOST_KNOWN + 1:  # where there are more, the programs do not name them
            self._change()

    def close(self) -> None:
        """Forget all sockets; who opened them closes them."""
        self._udp.clear()
        self._raw.clear()
        self._owners.clear()
        self._peers.clear()
        self._known.clear()

    def _change(self) -> None:
        if self._later is None or len(self._owners) + len(self._known) <= AT_ONCE:
            self._tell()
        elif not self._is_planned:
            self._is_planned = True
            self._later(TOLD_AFTER_S, self._tell)

    def _tell(self) -> None:
        """All sockets the same, as many SPIs as all of them take, those that came first; strangers give way."""
        self._is_planned = False
        if not self._udp and not self._raw:
            return
        self._room = min(socket_filter.LONGEST_PROGRAM, self._room * 8 // 7 + 1)  # more may fit than did
        apart = True
        while True:
            owners = dict(islice(self._owners.items(), self._room))
            try:
                self._attach(owners, apart=apart)
                return
            except OSError:
                if apart:
                    apart = False
                    continue
                tell_once("the kernel has no room for all SPIs: packets of some are handed from worker to worker")
                if not owners:
                    return
                self._room = len(owners) * 7 // 8

    def _attach(self, owners: Mapping[int, int], *, apart: bool) -> None:
        """`apart`: what strangers send to a socket of their own, where there is one."""
        by_spi = udp_program(owners)
        for ends, strangers in self._udp:
            first = self._strangers_first(ends) if strangers and apart else []
            socket_filter.attach_to_port(ends[0], [*first, *by_spi])
        for version, protocol, ends in self._raw:
            for worker, end in enumerate(ends):
                socket_filter.attach(end, socket_filter.EACH, raw_program(owners, worker, version, protocol))

    def _strangers_first(self, ends: Sequence[socket.socket]) -> list[Instruction]:
        if len(self._known) > MOST_KNOWN:
            return []
        version = 4 if ends[0].family == socket.AF_INET else 6
        words = {last_word(address) for address in self._known if address.version == version}
        return stranger_program(words, len(ends) - 1, version)


def refuse_all(end: socket.socket) -> None:
    """Let nothing into a socket until it is known what belongs there. Raises OSError."""
    socket_filter.attach(end, socket_filter.EACH, [(_RETURN, 0, 0, _NOTHING)])
