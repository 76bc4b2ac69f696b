"""AH around ESP in a share of the seeds. It is drawn from a generator of its own, so that all other seeds, and whatever
else a seed means, stay what they were.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.tunnel import NatTraversal, Tunnel
from ikevpn.wire.registry import EspCipher, Integrity, Protocol

if TYPE_CHECKING:
    from tests.sim.host import HostPlan
    from tests.sim.scenario import Scenario

_SHARE, _REST = 7, 1  # a class to which none of the seeds belongs that failed before there were bundles
_INTEGRITIES = (Integrity.HMAC_MD5, Integrity.HMAC_SHA1, Integrity.HMAC_SHA2_256)


def nest(scenario: Scenario) -> Scenario:
    """The scenario with AH around most of its phase 2 proposals, where AH can pass and the seed is one of those."""
    tunnels = [plan.tunnel for host in scenario.hosts for plan in host.tunnels]
    forced = any(tunnel.nat_traversal is NatTraversal.FORCE for tunnel in tunnels)
    if scenario.seed % _SHARE != _REST or scenario.nats or forced:
        return scenario
    rng = random.Random(f"AH around ESP in seed {scenario.seed}")
    around = {each: _bundle(rng, each) for tunnel in tunnels for each in tunnel.ipsec_proposals}
    hosts = tuple(_host(host, around) for host in scenario.hosts)
    return replace(scenario, hosts=hosts, title=f"{scenario.title}, AH around ESP")


def _bundle(rng: random.Random, proposal: IpsecProposal) -> IpsecProposal:
    integrity, chance = rng.choice(_INTEGRITIES), rng.random()
    ah = IpsecProposal(Protocol.AH, EspCipher.NULL, 0, integrity, proposal.group, rng.random() < 0.2)
    return replace(proposal, around=ah) if chance < 0.8 else proposal


def _host(host: HostPlan, around: dict[IpsecProposal, IpsecProposal]) -> HostPlan:
    plans = tuple(replace(plan, tunnel=_tunnel(plan.tunnel, around)) for plan in host.tunnels)
    return replace(host, tunnels=plans)


def _tunnel(tunnel: Tunnel, around: dict[IpsecProposal, IpsecProposal]) -> Tunnel:
    return replace(tunnel, ipsec_proposals=tuple(around[each] for each in tunnel.ipsec_proposals))
