"""What tunnels do to each other: those that overlap, and those that cannot live together. Looks at complete
configurations only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.finding import Severity
from ikevpn.config.keys.words import Binding, WhenDown
from ikevpn.config.rules.remark import Remark
from ikevpn.model.address import Address, AddressRange, Network
from ikevpn.model.selector import Selector
from ikevpn.model.territory import Territory
from ikevpn.model.tunnel import Phase1Mode


def clashes(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """Remarks about every two of them, each where the second one stands."""
    yield from _overlaps(tunnels)
    yield from _claimed(tunnels)
    yield from _same_metrics(tunnels)
    yield from _split_networks(tunnels)
    yield from _same_peers(tunnels)
    yield from _unknown_peers(tunnels)
    yield from _same_hosts(tunnels)
    yield from _same_spis(tunnels)
    yield from _same_sending_keys(tunnels)


def _overlaps(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """Tunnels of one device whose selectors overlap."""
    told: set[tuple[str, str]] = set()
    for a, x, b, y in _at_one_place(tunnels):
        if a.many_peers is not b.many_peers:
            continue  # `_claimed` knows
        if a.device == b.device and _overlap(x, y) and (a.name, b.name) not in told:
            told.add((a.name, b.name))
            sentence = f"tunnel {a.name} and this one overlap: {x} and {y}; the more exact one wins, else the first."
            yield Remark("overlap", b, "", sentence)


def _split_networks(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """Policies for one remote network and different local ones, which share what looks at the target only: a route,
    and so a device, and a block.
    """
    told: set[tuple[str, str]] = set()
    for a, x, b, y in _at_one_place(tunnels):
        policies = all(each.binding is Binding.POLICY and each.host_pair is None for each in (a, b))
        if not policies or (a.name, b.name) in told:
            continue
        if a.device != b.device and not x.local.overlaps(y.local):
            told.add((a.name, b.name))
            sentence = (
                f"{y.remote} is behind tunnel {a.name}, too, and a route looks at the target only: of {a.device} and "
                f"{b.device} one gets what the local networks of both send there, and drops what is not its own."
            )
            fix = "Give both the same device, or leave device out: there the local networks decide."
            yield Remark("split-networks", b, "device", sentence, fix, Severity.ERROR)
        elif WhenDown.PASS in (a.when_down, b.when_down) and a.when_down is not b.when_down:
            told.add((a.name, b.name))
            blocking = a if b.when_down is WhenDown.PASS else b
            sentence = f"traffic to {y.remote} does not pass while tunnel {blocking.name} blocks it for itself."
            yield Remark("when-down", b, "when_down", sentence, f"Write the same when_down as in {a.name}.")


def _at_one_place(tunnels: Sequence[TunnelConfig]) -> Iterator[tuple[TunnelConfig, Selector, TunnelConfig, Selector]]:
    """Every two selectors of different tunnels whose remote networks overlap, in the order of the tunnels; sorted by
    these networks, so that few pairs are compared.
    """
    order = {tunnel.name: number for number, tunnel in enumerate(tunnels)}
    entries = [(int(each.remote.first), tunnel, each) for tunnel in tunnels for each in tunnel.selectors]
    entries.sort(key=lambda entry: entry[0])
    for index, (_, one, ours) in enumerate(entries):
        for first, two, theirs in islice(entries, index + 1, None):
            if first > int(ours.remote.last):
                break
            if one.name == two.name or not ours.remote.overlaps(theirs.remote):
                continue
            yield (one, ours, two, theirs) if order[one.name] < order[two.name] else (two, theirs, one, ours)


def _claimed(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """Networks of a tunnel with a named peer that a tunnel for many would give to whoever says that they are his.

    Of two for everything only policies are compared: without them the routes decide. Where the tunnel for many is for
    everything, its peers are refused what others have when they ask for it.
    """
    named, everything = Territory[tuple[str, AddressRange]](), dict[int, str]()
    for tunnel in (each for each in tunnels if not each.many_peers):
        for network in tunnel.networks:
            if not _is_everything(network):
                named.add(network, (tunnel.name, network))
            elif tunnel.binding is Binding.POLICY:
                everything.setdefault(network.version, tunnel.name)
    for tunnel in (each for each in tunnels if each.many_peers):
        for network in tunnel.networks:
            owner, held = everything.get(network.version), network
            if not _is_everything(network):
                owner, held = next(named.overlapping(network), (None, network))
            elif tunnel.binding is not Binding.POLICY:
                continue
            if owner is not None:
                sentence = (
                    f"peers at any address could take {held} away from tunnel {owner}, which has a peer of its own: "
                    f"{network} is for whoever calls."
                )
                fix = f"Give peers of tunnel {tunnel.name} networks of their own in remote_networks, without {held}."
                yield Remark("network-claimed", tunnel, "", sentence, fix, Severity.ERROR)
                break


def _is_everything(network: AddressRange) -> bool:
    return network == AddressRange.everything(network.version)


def _same_metrics(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """Routes of one network and metric to several devices: the host takes only one of them."""
    first: dict[tuple[Network, int], TunnelConfig] = {}
    for tunnel in tunnels:
        others = ((first.setdefault((network, tunnel.metric), tunnel), network) for network in tunnel.routes)
        for other, network in others:
            if other.device != tunnel.device:
                sentence = (
                    f"tunnel {other.name} routes {network} to {other.device} with the same metric {tunnel.metric}."
                )
                fix = f"Say which goes first: write metric = {tunnel.metric + 1} for the second."
                yield Remark("same-metric", tunnel, "", sentence, fix, Severity.ERROR)
                break


def _same_hosts(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """In transport mode rules of the host lead packets to a peer into its tunnel, whatever address they leave from."""
    known: dict[Address, list[tuple[TunnelConfig, Selector]]] = {}
    for tunnel in tunnels:
        if tunnel.host_pair is None:
            continue
        remote = tunnel.host_pair[1]
        others = known.setdefault(remote, [])
        pairs = ((other, ours) for ours in tunnel.selectors for other, theirs in others if _same_flows(ours, theirs))
        if found := next(pairs, None):
            what = f"what this host sends to {remote}" + (f" ({found[1]})" if found[1].protocol else "")
            sentence = f"tunnel {found[0].name} protects {what} as well, and only one of the two would get it."
            fix = "Keep one of them, or give each a protocol or ports of its own in selector tables."
            yield Remark("same-hosts", tunnel, "", sentence, fix, Severity.ERROR)
        others += [(tunnel, selector) for selector in tunnel.selectors]


def _same_peers(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """Tunnels that a calling peer cannot choose between by what it says before the networks."""
    first: dict[object, TunnelConfig] = {}
    for tunnel in tunnels:
        if tunnel.manual:
            continue
        template = tunnel.template
        ours = (template.local, tunnel.interface)
        looks = (
            tunnel.remotes,
            ours,
            template.remote_id,
            template.remote_pattern,
            template.any_remote_id,
            template.mode,
        )
        other = first.setdefault(looks, tunnel)
        if other is not tunnel:
            sentence = f"a peer that calls could mean tunnel {other.name} or this one."
            fix = "Give them different values of remote, local or remote_id."
            yield Remark("ambiguous-peer", tunnel, "", sentence, fix)


def _unknown_peers(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """In main mode a responder chooses among proposals before it learns whom it talks to (RFC 2409 §5.4)."""
    first: dict[object, TunnelConfig] = {}
    for tunnel in tunnels:
        template = tunnel.template
        wide = tuple(each for each in tunnel.remotes if isinstance(each, AddressRange) and each.size > 1)
        if tunnel.manual or template.mode is not Phase1Mode.MAIN or not (tunnel.any_remote or wide):
            continue
        other = first.setdefault((wide, template.local, tunnel.interface), tunnel)
        if set(other.template.ike_proposals) != set(template.ike_proposals):
            sentence = (
                f"tunnel {other.name} has other ike_proposals for the same unknown addresses. In main mode we choose "
                "one before the peer says who it is, so a peer of this tunnel may be given what only the other one "
                "takes, and fail."
            )
            fix = "Give both the same ike_proposals, or use aggressive mode, which names the peer first."
            yield Remark("unknown-peer", tunnel, "ike_proposals", sentence, fix)


def _same_spis(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """What arrives is told apart by nothing but its SPI."""
    first: dict[int, TunnelConfig] = {}
    for tunnel in tunnels:
        if tunnel.manual is None:
            continue
        for layer in tunnel.manual.layers:
            other = first.setdefault(layer.local_spi, tunnel)
            if other is not tunnel:
                sentence = f"tunnel {other.name} has the same local_spi {layer.local_spi:#x}."
                fix = "Agree with one of the peers on another."
                yield Remark("same-spi", tunnel, "manual", sentence, fix, Severity.ERROR)


def _same_sending_keys(tunnels: Sequence[TunnelConfig]) -> Iterator[Remark]:
    """Sequence numbers are counted by SPI and key: two tunnels would take them from each other (RFC 4303 §3.3.3)."""
    first: dict[object, TunnelConfig] = {}
    for tunnel in tunnels:
        for layer in tunnel.manual.layers if tunnel.manual else ():
            keys = (layer.outbound.encryption_key, layer.outbound.integrity_key)
            other = first.setdefault((layer.proposal.protocol, layer.remote_spi, keys), tunnel)
            if other is not tunnel:
                sentence = f"tunnel {other.name} sends with the same keys under the same remote_spi"
                fix = "Agree with one of the peers on other keys, or on another SPI."
                yield Remark("same-keys", tunnel, "manual", f"{sentence} {layer.remote_spi:#x}.", fix, Severity.ERROR)


def _overlap(one: Selector, two: Selector) -> bool:
    return _ranges_overlap(one.local, two.local) and _ranges_overlap(one.remote, two.remote) and _same_flows(one, two)


def _same_flows(one: Selector, two: Selector) -> bool:
    """Whether there are packets that fit both by their protocol and ports."""
    return (
        (one.protocol == two.protocol or 0 in (one.protocol, two.protocol))
        and (one.local_port == two.local_port or 0 in (one.local_port, two.local_port))
        and (one.remote_port == two.remote_port or 0 in (one.remote_port, two.remote_port))
    )


def _ranges_overlap(one: AddressRange, two: AddressRange) -> bool:
    if one.version != two.version:
        return False
    return int(one.first) <= int(two.last) and int(two.first) <= int(one.last)
