"""The MTU of a tunnel's device: the largest packet that still fits the path once it is sealed. Pure arithmetic.

A device is made before the algorithms and a NAT are known, so the widest of the tunnel's proposals in UDP counts; what
a smaller path needs beyond that the data plane finds out by itself.
"""

from __future__ import annotations

from ipaddress import ip_address

from ikevpn.crypto.tables import ESP_CIPHERS, INTEGRITIES
from ikevpn.esp.ah import header_size
from ikevpn.esp.encap import inner_mtu
from ikevpn.model.address import Endpoint
from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.sa import Algorithms, Direction, Encapsulation, Sa, SaMode
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import NatTraversal, Tunnel
from ikevpn.net.plan.rules import LARGEST_PACKET

USUAL_PATH = 1500
SMALLEST = {4: 576, 6: 1280}  # by version inside: with less Linux has no IPv6 on a device (RFC 8200 §5)


def device_mtu(tunnel: Tunnel, path_mtu: int = 0, version: int = 4) -> int:
    """Octets; `path_mtu` 0 is that of Ethernet, `version` that of IP outside.

    Transport mode takes no fragments, so the host must hand over whole what it sends: the largest there is.
    """
    if tunnel.sa_mode is SaMode.TRANSPORT:
        return LARGEST_PACKET
    path_mtu = path_mtu or USUAL_PATH
    sizes = [_fitting(tunnel, proposal, path_mtu, version) for proposal in tunnel.ipsec_proposals]
    inside = {child.selector.local.version for child in tunnel.children}
    return max([*(SMALLEST[each] for each in inside), min(sizes, default=0), SMALLEST[4]])


def _fitting(tunnel: Tunnel, proposal: IpsecProposal, path_mtu: int, version: int) -> int:
    """What fits one proposal."""
    if proposal.around is not None:
        path_mtu -= header_size(INTEGRITIES[proposal.around.integrity].icv, version)
    return inner_mtu(_sample(tunnel, proposal, version), path_mtu)


def _sample(tunnel: Tunnel, proposal: IpsecProposal, version: int) -> Sa:
    """An SA with the shape of a proposal; its addresses only tell the family."""
    somewhere = Endpoint(ip_address("0.0.0.0" if version == 4 else "::"), 0)  # noqa: S104
    plain = tunnel.nat_traversal is NatTraversal.OFF or proposal.around is not None
    return Sa(
        direction=Direction.OUT,
        spi=0,
        reqid=0,
        tunnel=tunnel.name,
        protocol=proposal.protocol,
        mode=tunnel.sa_mode,
        local=somewhere,
        remote=somewhere,
        encapsulation=Encapsulation.NONE if plain else Encapsulation.UDP,
        algorithms=_algorithms(proposal),
        selectors=(),
    )


def _algorithms(proposal: IpsecProposal) -> Algorithms:
    """Keys of the right lengths, all zero: they are never used."""
    cipher = ESP_CIPHERS[proposal.cipher]
    key_bits = proposal.key_bits or cipher.default
    integrity = INTEGRITIES[proposal.integrity].key if proposal.integrity else 0
    return Algorithms(
        cipher=proposal.cipher,
        key_bits=key_bits,
        integrity=proposal.integrity,
        encryption_key=Secret(bytes(key_bits // 8 + cipher.salt)),
        integrity_key=Secret(bytes(integrity)),
    )
