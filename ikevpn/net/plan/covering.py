"""Whether an address is in one of many networks: one look for each length of prefix that occurs."""

from __future__ import annotations

from collections import Counter

from ikevpn.model.address import Address, Network

Prefix = tuple[int, int, int]


class Covering:
    """Networks that come and go; one that came twice goes with the second."""

    def __init__(self) -> None:
        self._prefixes: Counter[Prefix] = Counter()
        self._lengths: Counter[tuple[int, int]] = Counter()  # by version

    def add(self, network: Network) -> None:
        """One more."""
        self._prefixes[_prefix(network.network_address, network.prefixlen)] += 1
        self._lengths[network.version, network.prefixlen] += 1

    def remove(self, network: Network) -> None:
        """One that was added, once."""
        prefix, length = _prefix(network.network_address, network.prefixlen), (network.version, network.prefixlen)
        self._prefixes[prefix] -= 1
        self._lengths[length] -= 1
        if not self._prefixes[prefix]:
            del self._prefixes[prefix]
        if not self._lengths[length]:
            del self._lengths[length]

    def covers(self, address: Address) -> bool:
        """Whether one of them has the address in it."""
        lengths = (length for version, length in self._lengths if version == address.version)
        return any(_prefix(address, length) in self._prefixes for length in lengths)


def _prefix(address: Address, length: int) -> Prefix:
    return address.version, length, int(address) >> (address.max_prefixlen - length)
