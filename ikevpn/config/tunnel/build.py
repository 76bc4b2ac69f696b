"""From the table of one tunnel to its `TunnelConfig`: secrets, defaults that depend on other keys, keys that clash.

Never touches the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Sequence
from itertools import product

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.finding import Unfit
from ikevpn.config.keys.network_kinds import ANY
from ikevpn.config.keys.schema import PskTable, TunnelTable
from ikevpn.config.keys.walk import Walk
from ikevpn.config.keys.words import Binding, InMode, Start
from ikevpn.config.toml.document import Keys
from ikevpn.config.tunnel.host_pair import check_host_pair, host_pair
from ikevpn.config.tunnel.manual_keys import build_manual
from ikevpn.config.tunnel.peer_network import remote_network
from ikevpn.config.tunnel.phase1_proposals import ike_proposals
from ikevpn.config.tunnel.secret_source import build_secret, secret_source
from ikevpn.config.tunnel.signing import Signing
from ikevpn.config.tunnel.without_ike import check_without_ike
from ikevpn.model.address import AddressRange, Network
from ikevpn.model.dn_pattern import DnPattern
from ikevpn.model.identity import OWN_SUBJECT, Identity
from ikevpn.model.manual import ManualKeys
from ikevpn.model.proposal import IkeProposal, Lifetime
from ikevpn.model.sa import SaMode
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, DpdAction, NatTraversal, SharedSecret, Tunnel

POLICY_DEVICE = "ikevpn0"
_DEVICE_PREFIX = "vpn-"
_LONGEST_DEVICE = 15  # IFNAMSIZ of Linux, without the zero at its end


def build_psk(walk: Walk, table: PskTable, keys: Keys) -> tuple[SharedSecret, ...]:
    """An entry of the `[[psk]]` tables, once for each of its ranges of addresses."""
    secret = build_secret(walk, table.secret, (*keys, "secret"))
    if secret is None:
        return ()
    return tuple(SharedSecret(secret, remote, table.id) for remote in table.remote or (None,))


def build_tunnel(
    walk: Walk, name: str, table: TunnelTable, shared: Sequence[SharedSecret], taken_spis: Container[int] = ()
) -> TunnelConfig | None:
    """The tunnel that a table describes; None, and findings, where it cannot work. `taken_spis` other tunnels have."""
    keys: Keys = ("tunnel", name)
    before = walk.errors
    secret = build_secret(walk, table.secret, (*keys, "secret")) if table.secret else None
    signing = _signing(walk, table, keys)
    children = _children(walk, table, keys)
    check_host_pair(walk, table, children, keys)
    _check_tunnel(walk, table, keys)
    if table.manual is None:
        proposals = ike_proposals(walk, table, signing, keys)
        _check_ike(walk, table, shared, keys)
        manual = None
    else:
        proposals = table.ike_proposals
        check_without_ike(walk, keys, table.remote, table.start, table.replay_window)
        manual = build_manual(walk, table.manual, (*keys, "manual"), taken_spis, integrity_96=table.sha256_96)
    if walk.errors > before:
        return None
    return TunnelConfig(
        name=name,
        template=_template(name, table, secret, signing, proposals, children, manual),
        remotes=table.remote,
        start=table.start or (Start.UP if _can_call(table) else Start.LISTEN),
        binding=table.binding,
        device=table.device or (POLICY_DEVICE if _shares_device(table) else device_name(name)),
        device_named=table.device is not None,
        addresses=table.address,
        routes=_routes(table, children),
        metric=table.metric,
        strict_routes=table.binding is Binding.POLICY if table.strict_routes is None else table.strict_routes,
        when_down=table.when_down,
        when_unprotected=table.when_unprotected,
        interface=table.interface,
        dpd_action=table.dpd_action,
        mtu=table.mtu,
        secret_from=_secret_from(walk, table, signing),
        private_keys=signing.private,
        key_files=signing.files,
        manual=manual,
    )


def _signing(walk: Walk, table: TunnelTable, keys: Keys) -> Signing:
    """What the tunnel says of certificates. `cryptography.x509` is loaded for those only that have some."""
    if not (table.private_key or table.certificate or table.remote_certificate or table.authorities):
        return Signing()
    from ikevpn.config.tunnel.certificates import build_signing  # noqa: PLC0415

    return build_signing(walk, table, keys)


def _shares_device(table: TunnelTable) -> bool:
    """Policies tell packets of one device apart; transport mode needs an MTU of its own."""
    return table.binding is Binding.POLICY and table.sa_mode is InMode.TUNNEL


def device_name(tunnel: str) -> str:
    """`vpn-paris`; a long name is cut and made unmistakable again by a hash."""
    name = _DEVICE_PREFIX + tunnel
    if len(name) <= _LONGEST_DEVICE:
        return name
    return f"{name[: _LONGEST_DEVICE - 5]}-{hashlib.sha256(tunnel.encode()).hexdigest()[:4]}"


def _template(
    name: str,
    table: TunnelTable,
    secret: Secret | None,
    signing: Signing,
    proposals: tuple[IkeProposal, ...],
    children: tuple[Child, ...],
    manual: ManualKeys | None,
) -> Tunnel:
    return Tunnel(
        name=name,
        ike_proposals=proposals,
        ipsec_proposals=(manual.proposal,) if manual else table.esp_proposals,
        children=children,
        local=table.local,
        named=any(isinstance(each, str) for each in table.remote),
        mode=table.mode,
        psk=secret,
        local_id=None if table.local_id == OWN_SUBJECT else table.local_id,
        remote_id=table.remote_id if isinstance(table.remote_id, Identity) else None,
        remote_pattern=table.remote_id if isinstance(table.remote_id, DnPattern) else None,
        any_remote_id=table.remote_id == ANY or (table.remote_id is None and bool(signing.peer_keys)),
        own_keys=signing.own,
        send_certificate=table.send_certificate,
        peer_keys=signing.peer_keys,
        authorities=signing.authorities,
        ike_lifetime=Lifetime(table.ike_lifetime_s, table.ike_lifetime_kb),
        ipsec_lifetime=Lifetime(table.esp_lifetime_s, table.esp_lifetime_kb),
        ipsec_lifetime_packets=table.esp_lifetime_packets,
        rekey_margin=table.rekey_margin,
        sa_mode=SaMode(table.sa_mode),
        proposal_order=table.proposal_order,
        nat_traversal=_in_udp(manual) if manual else table.nat_traversal,
        natt_drafts=table.natt_drafts,
        keepalive_s=table.keepalive_s,
        remote_ike_port=table.remote_ike_port,
        remote_natt_port=table.remote_natt_port,
        mobility=table.mobility,
        answer_aggressive=table.answer_aggressive,
        fragment_size=table.fragmentation,
        dpd_interval_s=table.dpd_interval_s,
        dpd_timeout_s=table.dpd_timeout_s,
        unique=table.unique,
        initiator_only=table.initiator_only,
        retransmit_s=table.retransmit_s,
        retransmit_tries=table.retransmit_tries,
        initial_contact=table.initial_contact,
        max_peers=table.max_peers,
        replay_window=table.replay_window,
        sha256_96=table.sha256_96,
        outer=table.outer_header(table.mtu),
    )


def _secret_from(walk: Walk, table: TunnelTable, signing: Signing) -> str:
    if table.manual is not None:
        return "manual keys"
    if signing.own:
        return signing.own[0].name
    return secret_source(walk.document, table.secret) if table.secret else "the [[psk]] tables"


def _in_udp(manual: ManualKeys) -> NatTraversal:
    return NatTraversal.FORCE if manual.in_udp else NatTraversal.OFF


def _check_tunnel(walk: Walk, table: TunnelTable, keys: Keys) -> None:
    """Keys that exclude or need each other."""
    if table.local and any(isinstance(r, AddressRange) and r.version != table.local.version for r in table.remote):
        sentence = "our address and the peer's are of different families, IPv4 and IPv6."
        walk.error((*keys, "local"), Unfit(sentence, "Give both of one family."))
    if table.local and table.interface:
        sentence = "it is set together with local, and both say which address is ours."
        walk.error((*keys, "interface"), Unfit(sentence, "Keep one of the two."))
    if table.local and AddressRange(table.local, table.local) in table.remote:
        walk.error((*keys, "local"), Unfit("our address is the peer's.", "Each side writes its own as local."))


def _check_ike(walk: Walk, table: TunnelTable, shared: Sequence[SharedSecret], keys: Keys) -> None:
    if table.start in (Start.UP, Start.ON_DEMAND) and not _can_call(table):
        fix = 'Write start = "listen", or give remote an address or a name.'
        walk.error(
            (*keys, "start"),
            Unfit(f'with start = "{table.start}" this host initiates, but remote gives no address.', fix),
        )
    _check_who_calls(walk, table, keys)
    if not (table.secret or table.private_key or any(_may_fit(each, table) for each in shared)):
        fix = f'Write secret = {{ file = "{keys[-1]}.psk" }}, or a [[psk]] table for the peer.'
        walk.error(keys, Unfit("the tunnel names no secret, and no [[psk]] table fits.", fix, "no-secret"))
    if table.nat_traversal is NatTraversal.FORCE and all(p.has_ah for p in table.esp_proposals):
        fix = "Use ESP, or leave nat_traversal as it is."
        walk.error((*keys, "nat_traversal"), Unfit("AH, the only thing in esp_proposals, cannot travel in UDP.", fix))


def _check_who_calls(walk: Walk, table: TunnelTable, keys: Keys) -> None:
    if table.dpd_action in (DpdAction.RESTART, DpdAction.HOLD) and not _can_call(table):
        fix = 'Write dpd_action = "clear", or give remote an address or a name.'
        sentence = f'with dpd_action = "{table.dpd_action}" this host initiates again, but remote gives no address.'
        walk.error((*keys, "dpd_action"), Unfit(sentence, fix))
    if table.initiator_only and (table.start is Start.LISTEN or not _can_call(table)):
        why = 'with start = "listen" it does not' if _can_call(table) else "remote gives no address"
        fix = "Remove initiator_only, or let us start: give remote an address or a name, and leave start out."
        walk.error((*keys, "initiator_only"), Unfit(f"with initiator_only only this host initiates, but {why}.", fix))
    if 0 < table.dpd_timeout_s <= table.dpd_interval_s:
        sentence = "the peer would count as dead before the first R-U-THERE is sent."
        fix = f"Write more than dpd_interval_s, which is {table.dpd_interval_s:g}; 150 is what strongSwan has."
        walk.error((*keys, "dpd_timeout_s"), Unfit(sentence, fix))
    if not table.dpd_interval_s and table.dpd_timeout_s:
        sentence = "with dpd_interval_s = 0 no R-U-THERE is ever sent."
        walk.error((*keys, "dpd_timeout_s"), Unfit(sentence, "Write dpd_interval_s = 30, or remove dpd_timeout_s."))


def _can_call(table: TunnelTable) -> bool:
    return any(isinstance(remote, str) or remote.first == remote.last for remote in table.remote)


def _may_fit(shared: SharedSecret, table: TunnelTable) -> bool:
    """Whether a peer of this tunnel may turn out to have this secret."""
    if shared.identity and isinstance(table.remote_id, Identity) and not shared.identity.matches(table.remote_id):
        return False
    place = shared.remote
    if place is None or not table.remote:
        return True
    return any(isinstance(each, str) or each.contains(place) or place.contains(each) for each in table.remote)


def _children(walk: Walk, table: TunnelTable, keys: Keys) -> tuple[Child, ...]:
    """One child a selector, reqids still 0."""
    networks = bool(table.local_networks or table.remote_networks)
    if table.selector and networks:
        fix = "Keep one of the two ways."
        walk.error(keys, Unfit("it has selector tables and local_networks or remote_networks.", fix))
        return ()
    if table.selector:
        return _from_tables(walk, table, keys)
    if table.local_networks and table.remote_networks:
        return _from_networks(walk, table, keys)
    if networks:
        missing, present = ("local", "remote") if table.remote_networks else ("remote", "local")
        fix = f'Write {missing}_networks = ["10.1.1.0/24"]; ["0.0.0.0/0"] means everything.'
        if table.sa_mode is InMode.TRANSPORT:
            fix = f"Leave {present}_networks out: in transport mode there are just the two hosts."
        walk.error(keys, Unfit(f'the key "{missing}_networks" is missing beside the other.', fix, "missing-key"))
        return ()
    if table.sa_mode is InMode.TRANSPORT:
        pair = host_pair(table)
        return (_child(Selector(*pair)),) if pair else ()
    if table.binding is Binding.POLICY:
        fix = 'Write local_networks and remote_networks, or binding = "route".'
        walk.error(keys, Unfit("it does not say which networks it connects.", fix, "missing-key"))
    versions = sorted({route.version for route in table.routes or ()}) or [4]
    return tuple(_child(Selector(AddressRange.everything(v), AddressRange.everything(v))) for v in versions)


def _from_networks(walk: Walk, table: TunnelTable, keys: Keys) -> tuple[Child, ...]:
    found = [remote_network(walk, table, each, (*keys, "remote_networks")) for each in table.remote_networks]
    remotes = [each for each in found if each is not None]
    if len(remotes) < len(found):
        return ()
    pairs = product(table.local_networks, remotes)
    children = [_child(Selector(local, remote)) for local, remote in pairs if local.version == remote.version]
    if not children:
        sentence = "local_networks and remote_networks have no family in common, IPv4 or IPv6."
        walk.error((*keys, "remote_networks"), Unfit(sentence, "Give both networks of one family."))
    return tuple(dict.fromkeys(children))


def _from_tables(walk: Walk, table: TunnelTable, keys: Keys) -> tuple[Child, ...]:
    children: dict[str, Child] = {}
    for index, pair in enumerate(table.selector):
        place = (*keys, "selector", index)
        remote = remote_network(walk, table, pair.remote, (*place, "remote"))
        if remote is None:
            continue
        if pair.local.version != remote.version:
            walk.error(place, Unfit("local and remote are of different families, IPv4 and IPv6."))
            continue
        ports = (pair.local_port, pair.remote_port)
        child = _child(Selector(pair.local, remote, pair.protocol, *ports), pair.name)
        if any(ports) and pair.protocol not in (6, 17, 132):
            walk.error(place, Unfit("ports need a protocol that has ports.", 'Write protocol = "tcp" or "udp".'))
        elif child.name in children:
            walk.error(place, Unfit(f'a selector called "{child.name}" is defined above.', "Give one another name."))
        children.setdefault(child.name, child)
    return tuple(children.values())


def _child(selector: Selector, name: str | None = None) -> Child:
    """A child with a name that stays the same when others come and go."""
    everything = "any" if selector.local.version == 4 else "any-ipv6"
    text = everything if selector.is_any else str(selector).replace(" === ", "-").replace(" ", "-")
    return Child(name or text, 0, selector)


def _routes(table: TunnelTable, children: tuple[Child, ...]) -> tuple[Network, ...]:
    """What the device is given to carry: what the user says, else the peer's networks. In transport mode rules do."""
    if table.sa_mode is InMode.TRANSPORT:
        return ()
    if table.routes is not None:
        ranges: Sequence[AddressRange] = table.routes
    else:
        everything = [AddressRange.everything(version) for version in (4, 6)]
        remotes = [child.selector.remote for child in children]
        ranges = [r for r in remotes if table.binding is Binding.POLICY or r not in everything]
    return tuple(dict.fromkeys(network for each in ranges for network in each.networks()))
