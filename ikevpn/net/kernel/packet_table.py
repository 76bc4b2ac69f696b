"""Our table of nftables in force: what is in it, and small changes to it. Blocking, in one thread, as `rtnetlink`.

Every daemon has a table of its own, named after its state folder, so that two in one network namespace do not touch
each other's. What an earlier run left in it is found there. The first change of a run writes the table anew, in one
step: the rules may be those of another version, or for other ports. There is no table while nothing is to be discarded.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ikevpn.errors import HostError
from ikevpn.net.kernel import packet_rules
from ikevpn.net.kernel.inward import Fate, Pair, Shape
from ikevpn.net.kernel.nftables import Nftables

PREFIX = "ikevpn"
_USUAL_STATE = Path("/run/ikevpn")
_OURS = re.compile(rf"{PREFIX}(_[0-9a-f]{{8}})?")
_log = logging.getLogger(__name__)


def table_name(state: Path) -> str:
    """`ikevpn`; with a state folder of its own `ikevpn_` and eight digits that follow from its path."""
    if state == _USUAL_STATE:
        return PREFIX
    return f"{PREFIX}_{hashlib.sha256(str(state).encode()).hexdigest()[:8]}"


class PacketTable:
    """The table `name`. Nothing is asked and nothing changed before something is to be in it."""

    def __init__(self, name: str = PREFIX, ike_ports: tuple[int, ...] = (500, 4500)) -> None:
        self.name = name
        self._ports = ike_ports
        self._nftables = Nftables()
        self._pairs: set[Pair] = set()
        self._devices: set[str] = set()
        self._shapes: set[Shape] = set()  # those that have a set in the kernel
        self._counted = (0, 0)  # packets and octets, before the table was written last
        self._known = False  # whether we have looked at what an earlier run has left
        self._is_there = False
        self._is_ours = False  # whether this run has written it

    def close(self) -> None:
        """Give the library back; the table stays."""
        self._nftables.close()

    # What is in it

    def add_pair(self, pair: Pair) -> None:
        """From now on a pair is in force. Raises HostError; then it is not."""
        self._look()
        if pair in self._pairs:
            return
        new = "" if pair.shape in self._shapes else packet_rules.add_shape(self.name, pair.shape, self._shapes)
        self._pairs.add(pair)
        try:
            self._change(f"discarding what comes unprotected from {pair}", new, packet_rules.add_pair(self.name, pair))
        except HostError:
            self._pairs.discard(pair)
            raise
        self._shapes.add(pair.shape)

    def delete_pair(self, pair: Pair) -> None:
        """A pair is in force no more; nothing happens where it is gone. Raises HostError."""
        self._look()
        if pair in self._pairs:
            self._pairs.discard(pair)
            what = f"accepting what comes unprotected from {pair}"
            self._change(what, packet_rules.delete_pair(self.name, pair))

    def add_device(self, device: str) -> None:
        """What comes out of a device came out of a tunnel. Raises HostError."""
        self._look()
        if device in self._devices:
            return
        self._devices.add(device)
        try:
            self._change(f"taking {device} for a tunnel's", packet_rules.add_device(self.name, device))
        except HostError:
            self._devices.discard(device)
            raise

    def delete_device(self, device: str) -> None:
        """A device is no tunnel's any more. Raises HostError."""
        self._look()
        if device in self._devices:
            self._devices.discard(device)
            self._change(f"taking {device} for no tunnel's", packet_rules.delete_device(self.name, device))

    def content(self) -> tuple[frozenset[Pair], frozenset[str]]:
        """All pairs and devices. Raises HostError."""
        self._look()
        return frozenset(self._pairs), frozenset(self._devices)

    def discarded(self) -> int | None:
        """How many packets were discarded; None where there is no table. Raises HostError."""
        if not self._is_there:
            return None
        found = _counted(self._nftables.list(f"counter inet {self.name} {packet_rules.COUNTER}"))
        return found[0] if found else None

    def restore(self) -> bool:
        """Write the table anew where somebody has flushed it; returns whether that was so. Raises HostError."""
        if not self._is_there or self._nftables.list(f"counter inet {self.name} {packet_rules.COUNTER}"):
            return False
        self._is_there = False
        self._write(f"writing the table {self.name} anew")
        return True

    # Tables of others

    def others(self) -> list[str]:
        """Tables like ours: of other daemons, or of runs with other state folders. Raises HostError."""
        if not self._nftables.is_installed:
            return []
        names = [str(each["table"]["name"]) for each in self._nftables.list("tables inet") if "table" in each]
        return [name for name in names if name != self.name and _OURS.fullmatch(name)]

    def delete_other(self, name: str) -> None:
        """Raises HostError."""
        self._nftables.change(f"deleting the table {name}", packet_rules.delete_table(name))

    # In the kernel

    def _look(self) -> None:
        """Find what an earlier run has left, once."""
        if self._known:
            return
        listed = self._nftables.list(f"table inet {self.name}") if self._nftables.is_installed else []
        for each in listed:
            if "set" in each:
                self._read(each["set"])
        self._counted = _counted(listed) or (0, 0)
        self._is_there, self._known = bool(listed), True

    def _read(self, listed: dict[str, Any]) -> None:
        found = packet_rules.read_set(listed)
        if found:
            self._pairs.update(found[1])
        elif listed["name"] == packet_rules.DEVICES:
            self._devices.update(map(str, listed.get("elem", ())))

    def _change(self, what: str, *commands: str) -> None:
        """Do it with few commands where the table is as we know it, else by writing it anew."""
        is_needed = any(pair.fate is not Fate.ACCEPT for pair in self._pairs)
        if is_needed and self._is_there and self._is_ours:
            try:
                self._nftables.change(what, "".join(commands))
            except HostError:
                _log.debug("the table %s was changed by another program", self.name)
            else:
                return
        self._write(what, is_needed=is_needed)

    def _write(self, what: str, *, is_needed: bool = True) -> None:
        """The whole table, or none where none is needed."""
        if is_needed:
            devices = sorted(self._devices)
            text = packet_rules.whole_table(self.name, self._ports, self._pairs, devices, self._counted)
            self._nftables.change(what, text)
            self._shapes = {pair.shape for pair in self._pairs}
        elif self._is_there:
            self._nftables.change(what, packet_rules.delete_table(self.name))
            self._shapes.clear()
        self._is_there = self._is_ours = is_needed


def _counted(listed: Iterable[dict[str, Any]]) -> tuple[int, int] | None:
    counters = (each["counter"] for each in listed if "counter" in each)
    return next(((int(each["packets"]), int(each["bytes"])) for each in counters), None)
