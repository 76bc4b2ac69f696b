"""The pre-shared keys: which one a peer must have, by who it is and where it is. The most specific entry alone counts.

An entry for the identity of a peer comes before one for its address, that before one for a network, and last comes one
for anybody. Whoever has an entry of its own is not let in with a secret that others know as well.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from ikevpn.model.address import Address
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import SharedSecret, Tunnel

_ANYWHERE = 1 << 128


class _Entries:
    """Entries by the address of a peer: one finds its own among ten thousand for single addresses."""

    def __init__(self) -> None:
        self._by_address: dict[Address, list[SharedSecret]] = {}
        self._wide: list[SharedSecret] = []  # for networks, or for anywhere

    def add(self, entry: SharedSecret) -> None:
        if entry.remote is not None and entry.remote.size == 1:
            self._by_address.setdefault(entry.remote.first, []).append(entry)
        else:
            insort(self._wide, entry, key=_width)

    def near(self, remote: Address) -> Iterator[SharedSecret]:
        """Those that may be for a peer at this address, the narrowest first."""
        yield from self._by_address.get(remote, ())
        yield from (each for each in self._wide if each.remote is None or each.remote.contains(remote))


class Keyring:
    """What the `[[psk]]` tables say, for tunnels that have no key of their own."""

    def __init__(self, entries: Iterable[SharedSecret] = ()) -> None:
        self.entries = tuple(entries)
        self._nameless = _Entries()
        self._named = _Entries()
        self._by_identity: dict[Identity, _Entries] = {}
        for entry in self.entries:
            if entry.identity is None:
                self._nameless.add(entry)
            else:
                self._named.add(entry)
                self._by_identity.setdefault(entry.identity.folded, _Entries()).add(entry)

    def best(self, tunnel: Tunnel, remote: Address, identity: Identity) -> Secret | None:
        """The one key that proves this identity from this address under a tunnel; None: there is none."""
        if tunnel.psk is not None:
            return tunnel.psk
        entry = self._of(identity.folded, remote)
        return entry.secret if entry else None

    def possible(self, tunnel: Tunnel, remote: Address, most: int) -> list[Secret]:
        """What may turn out to be the best key when the peer has said who it is; likely ones first, at most `most`.

        With a `remote_id` there is one at most; else the one for the address, then those for identities.
        """
        if tunnel.psk is not None:
            return [tunnel.psk]
        return self.possible_of([tunnel.remote_id and tunnel.remote_id.folded], remote, most)

    def possible_of(self, identities: Collection[Identity | None], remote: Address, most: int) -> list[Secret]:
        """The same for peers of whom each has one of these (`folded`) identities; None: any identity."""
        if None in identities or len(identities) > most:
            return self._likely(remote, most, None if None in identities else identities)
        found = [self._of(each, remote) for each in identities if each is not None]
        return [entry.secret for entry in found if entry is not None]

    def _of(self, identity: Identity, remote: Address) -> SharedSecret | None:
        own = self._by_identity.get(identity)
        return (next(own.near(remote), None) if own else None) or next(self._nameless.near(remote), None)

    def _likely(self, remote: Address, most: int, identities: Collection[Identity | None] | None) -> list[Secret]:
        """First the one that needs no identity, then those of some, or of all where there is no telling."""
        nameless = islice(self._nameless.near(remote), 1)
        seen: dict[Identity | None, Secret] = {each.identity: each.secret for each in nameless}
        for each in self._named.near(remote):
            if len(seen) >= most:
                break
            assert each.identity is not None
            folded = each.identity.folded
            if identities is None or folded in identities:
                seen.setdefault(folded, each.secret)
        return list(seen.values())


def _width(each: SharedSecret) -> int:
    """How many addresses a pre-shared key is for."""
    return each.remote.size if each.remote else _ANYWHERE
