"""Which routes of the host go before those of a tunnel: what is for the tunnel would leave in the clear by them.

Rules that are asked before ours lead to tables, and in the main table the most exact route wins. What may win is looked
up there; whether it does, the kernel says, for this host's own packets and for those that it forwards. Blocking, like
`rtnetlink`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ikevpn.model.address import Address, AddressRange, Network
from ikevpn.net.kernel.rtnetlink import MAIN_TABLE, Kernel, Route, RouteKind
from ikevpn.net.kernel.rule import LOCAL_TABLE, TUNNELS_PREFERENCE, HostRule
from ikevpn.net.plan.local import source_in

_MAIN_PREFERENCE = 32766
_MOST = 32
"""How many are told of one tunnel."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a tunnel wants routed into it: `strict` by our own table, else by the main one with a metric; `past` it is
    what it leaves to the host.
    """

    network: Network
    strict: bool = True
    metric: int = 0
    past: tuple[Network, ...] = ()
    local: tuple[AddressRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Rival:
    """A route of the host that takes `network` from a tunnel; `preference` is that of the rule that leads to it."""

    network: Network
    route: Route
    preference: int = _MAIN_PREFERENCE

    def __str__(self) -> str:
        rule = f", by the rule with preference {self.preference}" if self.preference != _MAIN_PREFERENCE else ""
        return f"{self.route}{rule}"


def find_rivals(
    kernel: Kernel, claims: Mapping[str, Iterable[Claim]], devices: Collection[str], *, stands: bool = True
) -> dict[str, tuple[Rival, ...]]:
    """Routes that win over those of the claims of each tunnel; `devices` are those of tunnels. Before a tunnel `stands`
    the kernel cannot be asked: then all that may win are told. Raises HostError.
    """
    known = _Known(kernel)
    return {name: _rivals(known, each, devices, stands) for name, each in claims.items()}


def _rivals(known: _Known, claims: Iterable[Claim], devices: Collection[str], stands: bool) -> tuple[Rival, ...]:
    found: dict[Rival, None] = {}
    for claim in claims:
        for rival in _candidates(known, claim, devices):
            if not stands or _wins(known.kernel, claim, rival, devices):
                found[rival] = None
                if len(found) >= _MOST:
                    return tuple(found)
    return tuple(found)


class _Known:
    """Rules and tables, each read once."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._rules: dict[int, list[HostRule]] = {}
        self._tables: dict[tuple[int, int], list[Route]] = {}

    def rules(self, version: int) -> list[HostRule]:
        if version not in self._rules:
            self._rules[version] = self.kernel.rules_of_others(version)
        return self._rules[version]

    def routes(self, version: int, table: int) -> list[Route]:
        if (version, table) not in self._tables:
            self._tables[version, table] = self.kernel.routes(version, ours=False, table=table)
        return self._tables[version, table]


def _candidates(known: _Known, claim: Claim, devices: Collection[str]) -> Iterator[Rival]:
    version = claim.network.version
    last = TUNNELS_PREFERENCE if claim.strict else _MAIN_PREFERENCE
    for rule in known.rules(version):
        area = _common(claim.network, rule.remote) if rule.remote else claim.network
        if area is None or rule.preference > last or _is_of_no_matter(rule, claim):
            continue
        competes = rule.preference == _MAIN_PREFERENCE and rule.table == MAIN_TABLE
        for route in known.routes(version, rule.table):
            part = _common(area, route.network)
            leads_out = route.kind is RouteKind.UNICAST and route.device not in devices
            if part is None or not leads_out or any(_within(part, each) for each in claim.past):
                continue
            if not competes or _beats(route, claim):
                yield Rival(part, route, rule.preference)


def _is_of_no_matter(rule: HostRule, claim: Claim) -> bool:
    """Whether it is for this host itself, for what somebody marks to go elsewhere, or for none of our sources."""
    if rule.table == LOCAL_TABLE or rule.mark:
        return True
    if rule.source is None or not claim.local:
        return False
    return not any(local.overlaps(AddressRange.of_network(rule.source)) for local in claim.local)


def _beats(route: Route, claim: Claim) -> bool:
    """In one table the more exact route wins, of equal ones the lower metric."""
    if route.network == claim.network:
        return route.metric < claim.metric
    return _within(route.network, claim.network)


def _wins(kernel: Kernel, claim: Claim, rival: Rival, devices: Collection[str]) -> bool:
    """By a packet of this host to somebody there, and by one that comes from a local network."""
    source = source_in(kernel, claim.local)
    forwarded = [*_ways_in(kernel, claim, rival.network.version, devices)]
    for target in _hosts(rival.network):  # one of them may be ours
        answers = [kernel.route_for(target, source)]
        answers += [kernel.route_for(target, host, device) for host, device in forwarded]
        if any(answer is not None and answer.device not in devices for answer in answers):
            return True
    return False


def _ways_in(kernel: Kernel, claim: Claim, version: int, devices: Collection[str]) -> Iterator[tuple[Address, str]]:
    """A host of each local network, and the device by which its packets come."""
    for local in claim.local:
        if local.version == version and local != AddressRange.everything(version):
            for host in _hosts(local.networks()[0]):
                way = kernel.route_for(host)
                if way is not None and way.device not in devices:
                    yield host, way.device
                    break


def _hosts(network: Network) -> tuple[Address, ...]:
    """Two of a network; its first and its last address are nobody's, unless they are all there is."""
    if network.prefixlen >= network.max_prefixlen - 1:
        return (network[0], network[-1])
    return (network[1], network[-2])


def _common(one: Network, other: Network) -> Network | None:
    return one if _within(one, other) else other if _within(other, one) else None


def _within(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
