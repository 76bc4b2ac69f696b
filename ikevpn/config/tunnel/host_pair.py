"""Transport mode: what it needs of the other keys, and the selectors of two hosts."""

from __future__ import annotations

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.schema import TunnelTable
from ikevpn.config.keys.walk import Walk
from ikevpn.config.keys.words import Binding, InMode
from ikevpn.config.toml.document import Keys
from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child


def host_pair(table: TunnelTable) -> tuple[AddressRange, AddressRange] | None:
    """Our address and the peer's where transport mode can work with them; None in tunnel mode, too."""
    if table.sa_mode is not InMode.TRANSPORT or table.local is None or len(table.remote) != 1:
        return None
    local, remote = AddressRange(table.local, table.local), table.remote[0]
    if isinstance(remote, str) or remote.first != remote.last or remote.version != local.version:
        return None
    return local, remote


def check_host_pair(walk: Walk, table: TunnelTable, children: tuple[Child, ...], keys: Keys) -> None:
    """Findings about keys that transport mode excludes or needs."""
    if table.sa_mode is not InMode.TRANSPORT:
        return
    if len(table.remote) != 1 or isinstance(table.remote[0], str) or table.remote[0].first != table.remote[0].last:
        fix = 'Write one address: remote = "203.0.113.2"; or sa_mode = "tunnel".'
        walk.error(
            (*keys, "remote"), Unfit("transport mode is between this host and one peer at a known address.", fix)
        )
    if table.local is None:
        fix = 'Write the address of this host: local = "192.0.2.1".'
        walk.error((*keys, "sa_mode"), Unfit("transport mode needs to know our address.", fix, "missing-key"))
    if table.binding is Binding.ROUTE:
        fix = 'Leave binding out, or write sa_mode = "tunnel".'
        walk.error((*keys, "binding"), Unfit("in transport mode there is nothing to route: it is for two hosts.", fix))
    for name in ("routes", "address"):
        if getattr(table, name):
            fix = f'Remove {name}, or write sa_mode = "tunnel".'
            walk.error(
                (*keys, name), Unfit("transport mode has no networks behind it and no addresses of its own.", fix)
            )
    pair = host_pair(table)
    wrong = [child.selector for child in children if pair and (child.selector.local, child.selector.remote) != pair]
    if pair and wrong:
        walk.error((*keys, "sa_mode"), Unfit(f"{_wrong(wrong[0])} is not what transport mode can protect.", _fix(pair)))


def _wrong(selector: Selector) -> str:
    return f"{selector.local} to {selector.remote}"


def _fix(pair: tuple[AddressRange, AddressRange]) -> str:
    return f'Only {pair[0]} to {pair[1]}, the two hosts; leave the networks out, or write sa_mode = "tunnel".'
