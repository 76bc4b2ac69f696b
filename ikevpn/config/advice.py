"""What works and is unwise, and what several tunnels do to each other. Looks at complete configurations only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.finding import Finding, Severity
from ikevpn.config.proposals import weaknesses_esp, weaknesses_ike
from ikevpn.config.words import Binding, Start
from ikevpn.model.address import Address, AddressRange, Network
from ikevpn.model.manual import ManualKeys
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.registry import EspCipher

_SHORT_SECRET = 12
_3DES_KILOBYTES = 8_000_000
_3DES = "3DES has blocks of 64 bits: after some 32 GB under one key they repeat and show parts of the text"

Where = Callable[[str, str], str]
"""The place of a key of a tunnel, or of its whole table for an empty key."""


@dataclass(frozen=True, slots=True)
class _Remark:
    """A finding whose place is still a tunnel and a key."""

    code: str
    tunnel: TunnelConfig
    key: str
    sentence: str
    fix: str = ""
    severity: Severity = Severity.WARNING


def advise(tunnels: Sequence[TunnelConfig], where: Where) -> list[Finding]:
    """Findings about each tunnel and about every two of them; warnings, and errors where two cannot live together."""
    remarks = [remark for tunnel in tunnels for remark in _alone(tunnel)]
    remarks += [*_overlaps(tunnels), *_same_metrics(tunnels), *_same_peers(tunnels)]
    remarks += [*_same_hosts(tunnels), *_same_spis(tunnels), *_same_sending_keys(tunnels)]
    return [
        Finding(each.severity, each.code, where(each.tunnel.name, each.key), each.sentence, each.fix)
        for each in remarks
    ]


def _alone(tunnel: TunnelConfig) -> Iterator[_Remark]:
    yield from _weak_manual(tunnel, tunnel.manual) if tunnel.manual else _weak(tunnel)
    template = tunnel.template
    if tunnel.start is not Start.LISTEN:
        yield from _several_groups(tunnel)
    if tunnel.any_remote and any(_is_everything(selector.remote) for selector in tunnel.selectors):
        sentence = "every peer that knows the secret gets routes to whatever networks it says it has."
        yield _Remark("any-network", tunnel, "remote_networks", sentence, "Name the networks that peers may have.")
    yield from _one_family(tunnel)
    if template.psk and len(template.psk) < _SHORT_SECRET:
        sentence = f"the secret has fewer than {_SHORT_SECRET} octets and can be guessed."
        yield _Remark("short-secret", tunnel, "secret", sentence, "Agree on 20 random characters with the peer.")


def _one_family(tunnel: TunnelConfig) -> Iterator[_Remark]:
    """Everything of one family is routed into the tunnel and nothing of the other: that one passes it by."""
    routed = {network.version for network in tunnel.routes}
    everything = {network.version for network in tunnel.routes if not network.prefixlen}
    if everything == {4} == routed and not tunnel.any_remote:
        sentence = "all of IPv4 goes into the tunnel, and IPv6 past it in clear."
        fix = (
            'Add "::/0" here and an IPv6 network on our side: it is dropped even where the peer has none; '
            "or switch IPv6 off on this host: sysctl net.ipv6.conf.all.disable_ipv6=1"
        )
        key = "routes" if tunnel.binding is Binding.ROUTE else "remote_networks"
        yield _Remark("ipv6-in-clear", tunnel, key, sentence, fix)


def _several_groups(tunnel: TunnelConfig) -> Iterator[_Remark]:
    """A message with a key exchange in it has one group for all that it offers (RFC 2409 §5.4, §5.5)."""
    template = tunnel.template
    in_quick = [proposal.group for proposal in template.ipsec_proposals]
    in_first = [proposal.group for proposal in template.ike_proposals] if _aggressive(tunnel) else []
    cases = (("ike_proposals", in_first, "aggressive mode"), ("esp_proposals", in_quick, "quick mode"))
    for key, groups, what in cases:
        if len(set(groups)) > 1:
            named = f"with group {groups[0].value}" if groups[0] else "without PFS"
            sentence = f"{what} has one group for all proposals: when we start, only those {named} are offered."
            yield _Remark("several-groups", tunnel, key, sentence, "Put first what the peer takes.")


def _aggressive(tunnel: TunnelConfig) -> bool:
    return tunnel.template.mode is Phase1Mode.AGGRESSIVE


def _weak(tunnel: TunnelConfig) -> Iterator[_Remark]:
    template = tunnel.template
    for key, reasons in (
        ("ike_proposals", weaknesses_ike(template.ike_proposals)),
        ("esp_proposals", weaknesses_esp(template.ipsec_proposals)),
    ):
        if reasons:
            fix = "Use it only where the peer knows nothing better."
            yield _Remark("weak", tunnel, key, f"{'; '.join(reasons)}.", fix)
    triple_des = any(proposal.cipher == EspCipher.TRIPLE_DES for proposal in template.ipsec_proposals)
    if triple_des and not 0 < template.ipsec_lifetime.kilobytes <= _3DES_KILOBYTES:
        yield _Remark("weak", tunnel, "esp_proposals", f"{_3DES}.", f"Write esp_lifetime_kb = {_3DES_KILOBYTES // 2}")
    if _aggressive(tunnel):
        sentence = "aggressive mode shows everybody a hash from which a pre-shared key can be guessed at leisure."
        yield _Remark("weak", tunnel, "mode", sentence, "Use main mode where you can, else a long random secret.")


def _weak_manual(tunnel: TunnelConfig, manual: ManualKeys) -> Iterator[_Remark]:
    reasons = weaknesses_esp((manual.proposal,))
    if manual.proposal.cipher == EspCipher.TRIPLE_DES:
        reasons.append(_3DES)
    if reasons:
        yield _Remark("weak", tunnel, "manual", f"{'; '.join(reasons)}.", "Use it only where the peer knows no better.")
    if not manual.keep_sequence:
        sentence = (
            "sequence numbers start again with every start, and nobody checks them: whoever has recorded packets can "
            "send them again, and they are taken."
        )
        fix = "Leave keep_sequence out where the peer keeps its replay protection."
        yield _Remark("no-replay-protection", tunnel, "manual", sentence, fix)


def _overlaps(tunnels: Sequence[TunnelConfig]) -> Iterator[_Remark]:
    """Tunnels of one device whose selectors overlap; sorted by the peer's networks, so that few pairs are compared."""
    order = {tunnel.name: number for number, tunnel in enumerate(tunnels)}
    entries = [(int(each.remote.first), tunnel, each) for tunnel in tunnels for each in tunnel.selectors]
    entries.sort(key=lambda entry: entry[0])
    told: set[tuple[str, str]] = set()
    for index, (_, one, ours) in enumerate(entries):
        for first, two, theirs in islice(entries, index + 1, None):
            if first > int(ours.remote.last):
                break
            if one.name == two.name or one.device != two.device or not _overlap(ours, theirs):
                continue
            (a, b), (x, y) = (
                ((one, two), (ours, theirs)) if order[one.name] < order[two.name] else ((two, one), (theirs, ours))
            )
            if (a.name, b.name) not in told:
                told.add((a.name, b.name))
                sentence = (
                    f"tunnel {a.name} and this one overlap: {x} and {y}; the more exact one wins, else the first."
                )
                yield _Remark("overlap", b, "", sentence)


def _same_metrics(tunnels: Sequence[TunnelConfig]) -> Iterator[_Remark]:
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
                yield _Remark("same-metric", tunnel, "", sentence, fix, Severity.ERROR)
                break


def _same_hosts(tunnels: Sequence[TunnelConfig]) -> Iterator[_Remark]:
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
            yield _Remark("same-hosts", tunnel, "", sentence, fix, Severity.ERROR)
        others += [(tunnel, selector) for selector in tunnel.selectors]


def _same_peers(tunnels: Sequence[TunnelConfig]) -> Iterator[_Remark]:
    """Tunnels that a calling peer cannot choose between by what it says before the networks."""
    first: dict[object, TunnelConfig] = {}
    for tunnel in tunnels:
        if tunnel.manual:
            continue
        template = tunnel.template
        looks = (tunnel.remotes, template.local, template.remote_id, template.any_remote_id, template.mode)
        other = first.setdefault(looks, tunnel)
        if other is not tunnel:
            sentence = f"a peer that calls could mean tunnel {other.name} or this one."
            fix = "Give them different values of remote, local or remote_id."
            yield _Remark("ambiguous-peer", tunnel, "", sentence, fix)


def _same_spis(tunnels: Sequence[TunnelConfig]) -> Iterator[_Remark]:
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
                yield _Remark("same-spi", tunnel, "manual", sentence, fix, Severity.ERROR)


def _same_sending_keys(tunnels: Sequence[TunnelConfig]) -> Iterator[_Remark]:
    """Sequence numbers are counted by SPI and key: two tunnels would take them from each other (RFC 4303 §3.3.3)."""
    first: dict[object, TunnelConfig] = {}
    for tunnel in tunnels:
        for layer in tunnel.manual.layers if tunnel.manual else ():
            keys = (layer.outbound.encryption_key, layer.outbound.integrity_key)
            other = first.setdefault((layer.proposal.protocol, layer.remote_spi, keys), tunnel)
            if other is not tunnel:
                sentence = f"tunnel {other.name} sends with the same keys under the same remote_spi"
                fix = "Agree with one of the peers on other keys, or on another SPI."
                yield _Remark("same-keys", tunnel, "manual", f"{sentence} {layer.remote_spi:#x}.", fix, Severity.ERROR)


def _is_everything(found: AddressRange) -> bool:
    return found == AddressRange.everything(found.version)


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
