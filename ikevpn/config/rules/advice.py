"""What works and is unwise about a tunnel. Looks at complete configurations only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.finding import Finding, Severity
from ikevpn.config.keys.words import Binding, Start
from ikevpn.config.proposals.names import weaknesses_esp, weaknesses_ike
from ikevpn.config.rules.clashes import clashes
from ikevpn.config.rules.remark import Remark
from ikevpn.model.address import AddressRange
from ikevpn.model.manual import ManualKeys
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.registry import EspCipher

_SHORT_SECRET = 12
_GUESSED = f"the secret has fewer than {_SHORT_SECRET} octets and can be guessed"
_GOOD_SECRET = "Agree on 20 random characters with the peer."
_3DES_KILOBYTES = 8_000_000
_3DES = "3DES has blocks of 64 bits: after some 32 GB under one key they repeat and show parts of the text"
_STRANGE = tuple(
    (AddressRange.of(place), why)
    for place, why in (
        ("127.0.0.0/8", "this host itself"),
        ("::1", "this host itself"),
        ("0.0.0.0/8", "in 0.0.0.0/8, which is no host's address (RFC 1122 §3.2.1.3)"),
        ("240.0.0.0/4", "in 240.0.0.0/4, which is reserved (RFC 1112 §4)"),
    )
)

Where = Callable[[str, str], str]
"""The place of a key of a tunnel, or of its whole table for an empty key."""


def advise(tunnels: Sequence[TunnelConfig], where: Where) -> list[Finding]:
    """Findings about each tunnel and about every two of them; warnings, and errors where two cannot live together."""
    remarks = [remark for tunnel in tunnels for remark in _alone(tunnel)]
    remarks += clashes(tunnels)
    return [
        Finding(each.severity, each.code, where(each.tunnel.name, each.key), each.sentence, each.fix)
        for each in remarks
    ]


def advise_on_secrets(secrets: Mapping[str, Secret], tunnels: Sequence[TunnelConfig]) -> list[Finding]:
    """The same for the secrets of `[[psk]]` tables, which stand at these places."""
    showing = next((each.name for each in tunnels if _aggressive(each) and each.template.psk is None), "")
    more = (
        f"; aggressive mode, as in tunnel {showing}, sends any initiator a hash to guess it by offline"
        if showing
        else ""
    )
    return [
        Finding(Severity.WARNING, "short-secret", where, f"{_GUESSED}{more}.", _GOOD_SECRET)
        for where, secret in secrets.items()
        if len(secret) < _SHORT_SECRET
    ]


def _alone(tunnel: TunnelConfig) -> Iterator[Remark]:
    yield from _weak_manual(tunnel, tunnel.manual) if tunnel.manual else _weak(tunnel)
    template = tunnel.template
    if tunnel.start is not Start.LISTEN:
        yield from _several_groups(tunnel)
    if tunnel.any_remote and any(_is_everything(selector.remote) for selector in tunnel.selectors):
        sentence = "every peer that knows the secret gets routes to whatever networks it says it has."
        yield Remark("any-network", tunnel, "remote_networks", sentence, "Name the networks that peers may have.")
    yield from _one_family(tunnel)
    if template.psk and len(template.psk) < _SHORT_SECRET:
        yield Remark("short-secret", tunnel, "secret", f"{_GUESSED}.", _GOOD_SECRET)
    yield from _strange_places(tunnel)


def _strange_places(tunnel: TunnelConfig) -> Iterator[Remark]:
    """What can work, and hardly ever is what was meant."""
    ranges = [each for each in tunnel.remotes if isinstance(each, AddressRange)]
    found = ((each, why) for each in ranges for place, why in _STRANGE if place.contains(each))
    if strange := next(found, None):
        sentence = f"{strange[0]} is {strange[1]}."
        yield Remark("strange-place", tunnel, "remote", sentence, "Write the address at which the peer is reached.")
    if tunnel.local and tunnel.local.is_loopback and not any(each.first.is_loopback for each in ranges):
        fix = "Leave local out, or write an address at which the peer reaches us."
        yield Remark("strange-place", tunnel, "local", f"only this host itself can reach {tunnel.local}.", fix)
    if same := next((s.local for s in tunnel.selectors if s.local == s.remote and not _is_everything(s.local)), None):
        sentence = (
            f"{same} is on both sides: hosts there look for each other on their own network, not behind a tunnel."
        )
        yield Remark("strange-place", tunnel, "", sentence, "Name the networks that are behind each side.")


def _one_family(tunnel: TunnelConfig) -> Iterator[Remark]:
    """Everything of one family is routed into the tunnel and nothing of the other: that one passes it by."""
    routed = {network.version for network in tunnel.routes}
    everything = {network.version for network in tunnel.routes if not network.prefixlen}
    if everything == {4} == routed and not tunnel.any_remote:
        sentence = "all of IPv4 goes into the tunnel, and IPv6 leaves in the clear."
        fix = (
            'Add "::/0" here and an IPv6 network on our side: it is dropped even where the peer has none; '
            "or switch IPv6 off on this host: sysctl net.ipv6.conf.all.disable_ipv6=1"
        )
        key = "routes" if tunnel.binding is Binding.ROUTE else "remote_networks"
        yield Remark("ipv6-in-clear", tunnel, key, sentence, fix)


def _several_groups(tunnel: TunnelConfig) -> Iterator[Remark]:
    """A message with a key exchange in it has one group for all that it offers (RFC 2409 §5.4, §5.5)."""
    template = tunnel.template
    in_quick = [proposal.group for proposal in template.ipsec_proposals]
    in_first = [proposal.group for proposal in template.ike_proposals] if _aggressive(tunnel) else []
    cases = (("ike_proposals", in_first, "aggressive mode"), ("esp_proposals", in_quick, "quick mode"))
    for key, groups, what in cases:
        if len(set(groups)) > 1:
            named = f"with group {groups[0].value}" if groups[0] else "without PFS"
            sentence = f"{what} has one group for all proposals: as initiator we offer only those {named}."
            yield Remark("several-groups", tunnel, key, sentence, "Put first what the peer takes.")


def _aggressive(tunnel: TunnelConfig) -> bool:
    return tunnel.template.mode is Phase1Mode.AGGRESSIVE


def _weak(tunnel: TunnelConfig) -> Iterator[Remark]:
    template = tunnel.template
    for key, reasons in (
        ("ike_proposals", weaknesses_ike(template.ike_proposals)),
        ("esp_proposals", weaknesses_esp(template.ipsec_proposals)),
    ):
        if reasons:
            fix = "Use it only where the peer supports nothing better."
            yield Remark("weak", tunnel, key, f"{'; '.join(reasons)}.", fix)
    triple_des = any(proposal.cipher == EspCipher.TRIPLE_DES for proposal in template.ipsec_proposals)
    if triple_des and not 0 < template.ipsec_lifetime.kilobytes <= _3DES_KILOBYTES:
        yield Remark("weak", tunnel, "esp_proposals", f"{_3DES}.", f"Write esp_lifetime_kb = {_3DES_KILOBYTES // 2}")
    if _aggressive(tunnel) and not template.own_keys:
        yield _weak_mode(tunnel)


def _weak_mode(tunnel: TunnelConfig) -> Remark:
    """Aggressive mode: an error for a tunnel that can only respond and may not; else a warning."""
    if tunnel.template.answer_aggressive:
        sentence = "aggressive mode sends any initiator a hash from which the pre-shared key can be guessed offline."
        return Remark("weak", tunnel, "mode", sentence, "Use main mode where you can, else a long random secret.")
    if tunnel.start is Start.LISTEN or not tunnel.can_call:
        sentence = (
            "a responder in aggressive mode sends any initiator a hash from which the pre-shared key can be guessed "
            "offline, so requests are refused, and this tunnel can only respond."
        )
        fix = "Use main mode where you can; else write answer_aggressive = true, and use a long random secret."
        return Remark("aggressive-responder", tunnel, "mode", sentence, fix, Severity.ERROR)
    sentence = (
        "aggressive mode shows the peer, and every host on the path, a hash from which the secret can be guessed."
    )
    fix = (
        "Use main mode where you can, else a long random secret. This tunnel only initiates; to respond to the peer "
        "too, write answer_aggressive = true."
    )
    return Remark("weak", tunnel, "mode", sentence, fix)


def _weak_manual(tunnel: TunnelConfig, manual: ManualKeys) -> Iterator[Remark]:
    reasons = weaknesses_esp((manual.proposal,))
    if manual.proposal.cipher == EspCipher.TRIPLE_DES:
        reasons.append(_3DES)
    if reasons:
        yield Remark(
            "weak", tunnel, "manual", f"{'; '.join(reasons)}.", "Use it only where the peer supports nothing better."
        )
    if manual.weak_passphrase:
        sentence = (
            "the keys are derived from a passphrase that may be short: from recorded packets it can be guessed offline."
        )
        fix = "Agree on 20 random characters, or on keys of random hex digits, and remove weak_passphrase."
        yield Remark("weak", tunnel, "manual", sentence, fix)
    if not manual.keep_sequence:
        sentence = (
            "sequence numbers restart at 1 with every start and are not checked: recorded packets can be sent again "
            "and "
            "are accepted."
        )
        fix = "Leave keep_sequence out where the peer keeps its replay protection."
        yield Remark("no-replay-protection", tunnel, "manual", sentence, fix)


def _is_everything(found: AddressRange) -> bool:
    return found == AddressRange.everything(found.version)
