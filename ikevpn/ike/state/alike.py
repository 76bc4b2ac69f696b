"""Tunnels that are alike in all that the first message of a phase 1 depends on: it is judged once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, NamedTuple, TypeVar

from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode, ProposalOrder, Tunnel
from ikevpn.wire.registry import Auth


class Taste(NamedTuple):
    """What decides which offer is accepted."""

    proposals: tuple[IkeProposal, ...]
    order: ProposalOrder


class Kind(NamedTuple):
    """In what tunnels of one group are alike, besides the addresses of both ends."""

    mode: Phase1Mode
    answered: bool  # we let the peer begin
    mute: bool  # but not in this mode: whoever is answered in aggressive mode gets a hash to guess the secret by
    taste: Taste
    open: bool  # without a `remote_id` the peer may call itself what it likes, or what fits a pattern

    @classmethod
    def of(cls, tunnel: Tunnel) -> Kind:
        guessed = tunnel.mode is Phase1Mode.AGGRESSIVE and any(each.auth == Auth.PSK for each in tunnel.ike_proposals)
        mute = guessed and not tunnel.answer_aggressive
        taste = Taste(tunnel.ike_proposals, tunnel.proposal_order)
        is_open = tunnel.any_remote or tunnel.any_remote_id or tunnel.remote_pattern is not None
        return cls(tunnel.mode, not tunnel.initiator_only, mute, taste, is_open)


class Numbered(NamedTuple):
    """A tunnel and when it came: where all else is equal the earlier one comes first."""

    number: int
    tunnel: Tunnel


Members = dict[str, Numbered]
Key = TypeVar("Key", bound=Hashable)


class _Index(Generic[Key]):
    """Members by a key that several may share."""

    def __init__(self) -> None:
        self.members: dict[Key, Members] = {}

    def add(self, key: Key, member: Numbered) -> None:
        self.members.setdefault(key, {})[member.tunnel.name] = member

    def remove(self, key: Key, name: str) -> None:
        del self.members[key][name]
        if not self.members[key]:
            del self.members[key]

    def of(self, key: Key) -> Members:
        return self.members.get(key, {})


class Alike:
    """One such group: all, by who the peer must be, and by the secret."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.members: Members = {}
        self._by_identity = _Index[Identity | None]()
        self._by_secret = _Index[Secret]()
        self._keyless = _Index[Identity | None]()  # no secret of their own

    def add(self, member: Numbered) -> None:
        tunnel = member.tunnel
        self.members[tunnel.name] = member
        self._by_identity.add(_identity(tunnel), member)
        if tunnel.psk is not None:
            self._by_secret.add(tunnel.psk, member)
        else:
            self._keyless.add(_identity(tunnel), member)

    def remove(self, tunnel: Tunnel) -> None:
        del self.members[tunnel.name]
        self._by_identity.remove(_identity(tunnel), tunnel.name)
        if tunnel.psk is not None:
            self._by_secret.remove(tunnel.psk, tunnel.name)
        else:
            self._keyless.remove(_identity(tunnel), tunnel.name)

    def expecting(self, identity: Identity | None) -> Members:
        """Those that expect a peer of this name, which is `folded`; None: those without a `remote_id`."""
        return self._by_identity.of(identity)

    @property
    def secrets(self) -> Collection[Secret]:
        """The different ones that tunnels have of their own."""
        return self._by_secret.members.keys()

    @property
    def keyless(self) -> Collection[Identity | None]:
        """Who may prove itself with a secret that is no tunnel's own."""
        return self._keyless.members.keys()


def _identity(tunnel: Tunnel) -> Identity | None:
    return tunnel.remote_id.folded if tunnel.remote_id is not None else None
