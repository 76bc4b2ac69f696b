"""Established IKE SAs and pairs of IPsec SAs by what they are asked for, found without a search through all."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from ikevpn.ike.state.sa import Child, IkeSa

Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept", IkeSa, Child)


class Register(Generic[Key, Kept]):
    """Things by key, a peer for example, in the order in which they came. One thing may have several keys."""

    def __init__(self) -> None:
        self._by_key: dict[Key, dict[int, Kept]] = {}

    def add(self, key: Key, thing: Kept) -> None:
        self._by_key.setdefault(key, {})[thing.serial] = thing

    def remove(self, key: Key, thing: Kept) -> None:
        """Fine where it is not there."""
        things = self._by_key.get(key)
        if things is not None and things.pop(thing.serial, None) is not None and not things:
            del self._by_key[key]

    def of(self, *keys: Key) -> list[Kept]:
        """All that have any of these keys."""
        return [thing for key in keys for thing in self._by_key.get(key, {}).values()]
