"""Keys that two people have agreed on, in place of a negotiation: the security associations of a tunnel without IKE."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.sa import Algorithms


@dataclass(frozen=True, slots=True)
class ManualKeys:
    """Both directions. The peer sends under `local_spi`, we send under `remote_spi`.

    In a bundle `around` is AH, with SPIs and keys of its own, and everything else is as it is here.
    """

    local_spi: int
    remote_spi: int
    proposal: IpsecProposal
    inbound: Algorithms
    outbound: Algorithms
    in_udp: bool = False
    remote_port: int = 4500  # counts only in UDP
    keep_sequence: bool = True  # go on with sequence numbers after a restart, by what is on disk
    weak_passphrase: bool = False  # the keys come of a passphrase that may be short
    around: ManualKeys | None = None

    @property
    def layers(self) -> tuple[ManualKeys, ...]:
        """The innermost first."""
        return (self,) if self.around is None else (self, *self.around.layers)

    @property
    def words(self) -> str:
        """The proposal without a group, which it has none of."""
        return str(self.proposal).removeprefix("nopfs-")
