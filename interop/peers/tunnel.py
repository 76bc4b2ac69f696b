"""What a scenario asks of a tunnel, in words that every peer can translate into its own configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from interop.lab.topology import Gateway
from interop.peers.credentials import Credentials

Mode = Literal["main", "aggressive"]
Choices = dict[str, Any]
"""Some of the parameters of a tunnel, by name."""


@dataclass(frozen=True)
class Manual:
    """Keys in place of IKE, one for both directions, as hex digits; one end's view. `options` are further TOML keys.

    With AH around ESP, as in `esp-aes128-sha+ah-sha`, AH has SPIs and a key of its own.
    """

    proposal: str
    local_spi: int
    remote_spi: int
    encryption_key: str = ""
    integrity_key: str = ""
    options: tuple[tuple[str, object], ...] = ()
    ah_local_spi: int = 0
    ah_remote_spi: int = 0
    ah_key: str = ""

    @property
    def layers(self) -> tuple[Manual, ...]:
        """ESP and then AH around it, each as if it were alone; or the only protocol there is."""
        inner, plus, outer = self.proposal.partition("+")
        if not plus:
            return (self,)
        ah = Manual(outer, self.ah_local_spi, self.ah_remote_spi, integrity_key=self.ah_key)
        return replace(self, proposal=inner), ah

    def mirrored(self) -> Manual:
        """The same keys as the other end writes them down."""
        swapped = {"ah_local_spi": self.ah_remote_spi, "ah_remote_spi": self.ah_local_spi}
        return replace(self, local_spi=self.remote_spi, remote_spi=self.local_spi, **swapped)


@dataclass(frozen=True)
class TunnelParameters:
    """One end's view of a tunnel. Suites are names from `interop.peers.suites`; networks are CIDR strings.

    `remote` is the address to dial, or "any". Identities default to the addresses that the other side sees.
    `extra` are keys for ikevpn alone, as its TOML has them.
    """

    local: str = ""
    remote: str = ""
    local_networks: tuple[str, ...] = ()
    remote_networks: tuple[str, ...] = ()
    name: str = "t"
    mode: Mode = "main"
    ike_suite: str = "aes128-sha-g2"
    esp_suite: str = "aes128-sha"
    pfs: bool = False
    secret: str = "a secret of forty-two octets, no more or so"
    local_id: str | None = None
    remote_id: str | None = None
    nat_traversal: bool | Literal["force"] = True
    ike_lifetime_s: int = 28800
    esp_lifetime_s: int = 3600
    start: Literal["up", "on-demand", "listen"] = "listen"
    binding: Literal["policy", "route"] = "policy"
    sa_mode: Literal["tunnel", "transport"] = "tunnel"
    extra: tuple[tuple[str, object], ...] = ()
    manual: Manual | None = None
    compress: bool = False  # the peer offers IPComp
    credentials: Credentials | None = None  # of this end, in place of the secret

    def mirrored(self, local: str, remote: str) -> TunnelParameters:
        """The same tunnel as the other end sees it."""
        return replace(
            self,
            local=local,
            remote=remote,
            local_networks=self.remote_networks,
            remote_networks=self.local_networks,
            local_id=self.remote_id,
            remote_id=self.local_id,
            extra=(),
            manual=self.manual.mirrored() if self.manual else None,
        )


def between(
    left: Gateway, right: Gateway, base: TunnelParameters = TunnelParameters()
) -> tuple[TunnelParameters, TunnelParameters]:
    """Both ends' parameters of a tunnel from `left` to `right`, other choices taken from `base`.

    Behind NAT, each end dials the other's public address and both name themselves by domain names.
    """
    behind_nat = left.outer != left.public or right.outer != right.public
    networks: Choices = {"local_networks": (left.network,), "remote_networks": (right.network,)}
    one = replace(base, local=left.outer, remote=right.public, **networks)
    if behind_nat and one.local_id is None:
        one = replace(one, local_id=f"g{left.number}.example", remote_id=f"g{right.number}.example")
    return one, one.mirrored(right.outer, "any" if left.outer != left.public else left.public)
