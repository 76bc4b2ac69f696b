"""What works and is unwise, and what several tunnels do to each other. Looks at complete configurations only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.finding import Finding, Severity
from ikevpn.config.proposals import weaknesses_esp, weaknesses_ike
from ikevpn.config.words import Start
from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.registry import EspCipher

_SHORT_SECRET = 12
_3DES_KILOBYTES = 8_000_000


def advise(tunnels: Sequence[TunnelConfig]) -> list[Finding]:
    """Findings about each tunnel and about every two of them; warnings, and errors where two cannot live together."""
    alone = [finding for tunnel in tunnels for finding in _alone(tunnel)]
    return alone + [finding for one, two in combinations(tunnels, 2) for finding in _together(one, two)]


def _alone(tunnel: TunnelConfig) -> Iterator[Finding]:
    yield from _weak(tunnel)
    template = tunnel.template
    if tunnel.start is not Start.LISTEN:
        yield from _several_groups(tunnel)
    if template.psk and len(template.psk) < _SHORT_SECRET:
        sentence = f"the secret has fewer than {_SHORT_SECRET} octets and can be guessed."
        yield _warning("short-secret", tunnel, "secret", sentence, "Agree on 20 random characters with the peer.")


def _several_groups(tunnel: TunnelConfig) -> Iterator[Finding]:
    """A message with a key exchange in it has one group for all that it offers (RFC 2409 §5.4, §5.5)."""
    template = tunnel.template
    in_quick = [proposal.group for proposal in template.ipsec_proposals]
    in_first = [proposal.group for proposal in template.ike_proposals] if _aggressive(tunnel) else []
    cases = (("ike_proposals", in_first, "aggressive mode"), ("esp_proposals", in_quick, "quick mode"))
    for key, groups, what in cases:
        if len(set(groups)) > 1:
            named = f"with group {groups[0].value}" if groups[0] else "without PFS"
            sentence = f"{what} has one group for all proposals: when we start, only those {named} are offered."
            yield _warning("several-groups", tunnel, key, sentence, "Put first what the peer takes.")


def _aggressive(tunnel: TunnelConfig) -> bool:
    return tunnel.template.mode is Phase1Mode.AGGRESSIVE


def _weak(tunnel: TunnelConfig) -> Iterator[Finding]:
    template = tunnel.template
    for key, reasons in (
        ("ike_proposals", weaknesses_ike(template.ike_proposals)),
        ("esp_proposals", weaknesses_esp(template.ipsec_proposals)),
    ):
        if reasons:
            fix = "Use it only where the peer knows nothing better."
            yield _warning("weak", tunnel, key, f"{'; '.join(reasons)}.", fix)
    triple_des = any(proposal.cipher == EspCipher.TRIPLE_DES for proposal in template.ipsec_proposals)
    if triple_des and not 0 < template.ipsec_lifetime.kilobytes <= _3DES_KILOBYTES:
        sentence = "3DES has blocks of 64 bits: after some 32 GB under one key they repeat and show parts of the text."
        yield _warning("weak", tunnel, "esp_proposals", sentence, f"Write esp_lifetime_kb = {_3DES_KILOBYTES // 2}")
    if _aggressive(tunnel):
        sentence = "aggressive mode shows everybody a hash from which a pre-shared key can be guessed at leisure."
        yield _warning("weak", tunnel, "mode", sentence, "Use main mode where you can, else a long random secret.")


def _together(one: TunnelConfig, two: TunnelConfig) -> Iterator[Finding]:
    pairs = ((a, b) for a in one.selectors for b in two.selectors)
    both = next((f"{a} and {b}" for a, b in pairs if _overlap(a, b)), None) if one.device == two.device else None
    if both:
        sentence = f"tunnel {one.name} and this one overlap: {both}; the more exact one wins, else the first."
        yield _warning("overlap", two, "", sentence)
    if one.device != two.device and one.metric == two.metric:
        shared = [network for network in two.routes if network in one.routes]
        if shared:
            sentence = f"tunnel {one.name} routes {shared[0]} to {one.device} with the same metric {one.metric}."
            fix = f"Say which goes first: write metric = {two.metric + 1} for the second."
            yield Finding(Severity.ERROR, "same-metric", two.where, sentence, fix)
    if _same_peer(one, two):
        sentence = f"a peer that calls could mean tunnel {one.name} or this one."
        yield _warning("ambiguous-peer", two, "", sentence, "Give them different values of remote, local or remote_id.")


def _overlap(one: Selector, two: Selector) -> bool:
    return (
        _ranges_overlap(one.local, two.local)
        and _ranges_overlap(one.remote, two.remote)
        and (one.protocol == two.protocol or 0 in (one.protocol, two.protocol))
        and (one.local_port == two.local_port or 0 in (one.local_port, two.local_port))
        and (one.remote_port == two.remote_port or 0 in (one.remote_port, two.remote_port))
    )


def _ranges_overlap(one: AddressRange, two: AddressRange) -> bool:
    if one.version != two.version:
        return False
    return int(one.first) <= int(two.last) and int(two.first) <= int(one.last)


def _same_peer(one: TunnelConfig, two: TunnelConfig) -> bool:
    a, b = one.template, two.template
    return one.remotes == two.remotes and (a.local, a.remote_id) == (b.local, b.remote_id) and a.mode == b.mode


def _warning(code: str, tunnel: TunnelConfig, key: str, sentence: str, fix: str = "") -> Finding:
    where = f"{tunnel.where}.{key}" if key else tunnel.where
    return Finding(Severity.WARNING, code, where, sentence, fix)
