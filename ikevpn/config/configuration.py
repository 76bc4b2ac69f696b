"""What a configuration says, checked and complete: the values that the service works with.

Two readings of the same files are equal, so that a reload sees what changed. DNS names are not looked up here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ikevpn.config.finding import Finding
from ikevpn.config.keys.network_kinds import Interface
from ikevpn.config.keys.schema import DaemonTable
from ikevpn.config.keys.words import Binding, Start, WhenDown, WhenUnprotected
from ikevpn.config.toml.secrets import fingerprint
from ikevpn.errors import UsageError
from ikevpn.model.address import Address, AddressRange, Network
from ikevpn.model.manual import ManualKeys
from ikevpn.model.sa import Algorithms, SaMode
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import DpdAction, SharedSecret, Tunnel

DaemonSettings = DaemonTable


@dataclass(frozen=True, slots=True)
class TunnelConfig:
    """One tunnel. `template` is what the engine needs, without the peer's addresses and without reqids."""

    name: str
    template: Tunnel
    remotes: tuple[AddressRange | str, ...]  # ranges and DNS names in the order of the file; empty: any
    start: Start
    binding: Binding
    device: str
    device_named: bool = True  # else it is the default, which may be any other that policies share
    addresses: tuple[Interface, ...] = ()
    routes: tuple[Network, ...] = ()
    metric: int = 100
    strict_routes: bool = True  # before the host's own
    when_down: WhenDown = WhenDown.BLOCK
    when_unprotected: WhenUnprotected = WhenUnprotected.DISCARD
    interface: str | None = None  # whose address is ours, instead of `local`
    dpd_action: DpdAction | None = None  # None: as `start` says
    mtu: int = 0  # 0: computed from the path
    secret_from: str = ""  # where the secret is kept, in words; never the secret
    manual: ManualKeys | None = None  # in place of IKE
    private_keys: Mapping[str, Secret] = field(default_factory=dict)  # PKCS#8, by the names of `template.own_keys`
    key_files: tuple[str, ...] = ()  # with keys and certificates

    @property
    def any_remote(self) -> bool:
        """Whether the peer may be anywhere."""
        return not self.remotes

    @property
    def many_peers(self) -> bool:
        """Whether peers that nobody has named one by one may call."""
        return self.any_remote or any(isinstance(r, AddressRange) and r.size > 1 for r in self.remotes)

    @property
    def networks(self) -> tuple[AddressRange, ...]:
        """What is behind the tunnel: what its routes lead to and, with policies, what these say."""
        routed = [AddressRange.of_network(route) for route in self.routes]
        protected = [each.remote for each in self.selectors] if self.binding is Binding.POLICY else []
        return tuple(dict.fromkeys((*protected, *routed)))

    @property
    def remote_names(self) -> tuple[str, ...]:
        """The DNS names to look up before every attempt."""
        return tuple(remote for remote in self.remotes if isinstance(remote, str))

    @property
    def remote_addresses(self) -> tuple[Address, ...]:
        """The addresses that can be called without looking anything up."""
        return tuple(r.first for r in self.remotes if isinstance(r, AddressRange) and r.first == r.last)

    @property
    def can_call(self) -> bool:
        """Whether there is an address or a name to call; networks and `any` can only be waited for."""
        return bool(self.remote_names or self.remote_addresses)

    @property
    def local(self) -> Address | None:
        """Our outer address, where it is fixed."""
        return self.template.local

    @property
    def host_pair(self) -> tuple[Address, Address] | None:
        """Our address and the peer's in transport mode, which protects just what these two send to each other."""
        if self.template.sa_mode is not SaMode.TRANSPORT or self.local is None:
            return None
        return self.local, self.remote_addresses[0]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """What is protected, one child each."""
        return tuple(child.selector for child in self.template.children)

    @property
    def secret_fingerprint(self) -> str:
        """Four hex digits to compare secrets by, or nothing where the `[[psk]]` tables choose. Takes some 10 ms.

        Manual keys have four for each direction.
        """
        if self.manual is not None:
            ways = ([each.inbound for each in self.manual.layers], [each.outbound for each in self.manual.layers])
            return "in {}, out {}".format(*(fingerprint(_all_keys(way)) for way in ways))
        return fingerprint(self.template.psk) if self.template.psk else ""

    def tunnel(self, remotes: Sequence[AddressRange], reqids: Sequence[int]) -> Tunnel:
        """The tunnel for the engine: `remotes` are ours with all names looked up, `reqids` one for each child.

        Raises UsageError where names are left over that nobody looked up, because an empty `remotes` means any peer.
        """
        if bool(self.remotes) != bool(remotes) or len(reqids) != len(self.template.children):
            raise UsageError(f"tunnel {self.name}: {len(remotes)} remotes and {len(reqids)} reqids do not fit")
        children = tuple(
            dataclasses.replace(child, reqid=reqid) for child, reqid in zip(self.template.children, reqids, strict=True)
        )
        return dataclasses.replace(self.template, remotes=tuple(remotes), children=children)


def _all_keys(algorithms: Sequence[Algorithms]) -> Secret:
    """Those of one direction, one behind the other."""
    return Secret(b"".join(each.encryption_key.reveal() + each.integrity_key.reveal() for each in algorithms))


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that the files say. `warnings` is what works and is unwise, each once."""

    daemon: DaemonSettings
    tunnels: Mapping[str, TunnelConfig]
    secrets: tuple[SharedSecret, ...] = ()  # the [[psk]] tables, for tunnels that name no secret
    warnings: tuple[Finding, ...] = field(default=(), compare=False)
