"""The tunnels as a table where it fits the terminal. Else their networks stand beneath each, or everything in a line of
its own: names and IPv6 addresses fit 80 columns. What is no terminal gets the table, however wide.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from rich.table import Table

from ikevpn.cli import render
from ikevpn.control import api

STYLES = {"up": "green", "partly up": "yellow", "connecting": "yellow", "waiting": "red", "down": "dim"}
_COLUMNS = ("tunnel", "state", "peer", "networks", "since", "in", "out", "last in")
_NETWORKS = _COLUMNS.index("networks")
_RIGHT = ("in", "out", "last in")
_NARROW = 80
_AND = " === "


Cells = tuple[str, ...]


def show(tunnels: Sequence[api.TunnelState]) -> None:
    """Print them."""
    rows = [row for tunnel in tunnels for row in _rows(tunnel)]
    heads = [_without_networks(_total(tunnel)) for tunnel in tunnels]
    if not render.console().is_terminal or _fits([_COLUMNS, *(cells for cells, _ in rows)]):
        render.table(_table(rows))
    elif _fits([_without_networks(_COLUMNS), *heads]):
        _beneath(tunnels, heads)
    else:
        for tunnel in tunnels:
            _paragraph(tunnel)


def _width() -> int:
    return shutil.get_terminal_size((_NARROW, 24)).columns if render.console().is_terminal else _NARROW


def _widths(rows: Sequence[Cells]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _fits(rows: Sequence[Cells]) -> bool:
    return sum(_widths(rows)) + 2 * (len(rows[0]) - 1) <= _width()


def _without_networks(cells: Cells) -> Cells:
    return cells[:_NETWORKS] + cells[_NETWORKS + 1 :]


def _total(tunnel: api.TunnelState) -> Cells:
    """One row for all pairs of a tunnel."""
    up = [child for child in tunnel.children if child.state == "up"]
    heard = [child.idle_in_s for child in up if child.idle_in_s is not None]
    whole = api.ChildState(
        name="",
        selector="",
        state="up" if up else "",
        bytes_in=sum(child.bytes_in for child in up),
        bytes_out=sum(child.bytes_out for child in up),
        idle_in_s=min(heard, default=None),
    )
    since = render.duration(tunnel.up_s) if tunnel.up_s else ""
    return (tunnel.name, tunnel.state, tunnel.remote, "", since, *_traffic(whole))


def _beneath(tunnels: Sequence[api.TunnelState], heads: Sequence[Cells]) -> None:
    """A row each, and the pairs of networks under it."""
    headings = _without_networks(_COLUMNS)
    widths = _widths([headings, *heads])
    render.say(_line(headings, widths), "bold")
    for tunnel, cells in zip(tunnels, heads, strict=True):
        render.say(_line(cells, widths), _style(tunnel))
        for child in tunnel.children:
            _networks(child.selector + _mark(tunnel, child))


def _line(cells: Cells, widths: Sequence[int]) -> str:
    right = {place for place, heading in enumerate(_without_networks(_COLUMNS)) if heading in _RIGHT}
    padded = [
        cell.rjust(width) if place in right else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _rows(tunnel: api.TunnelState) -> list[tuple[Cells, str]]:
    """Cells and style of each row."""
    children = tunnel.children or (api.ChildState(name="", selector="", state=""),)
    rows: list[tuple[Cells, str]] = []
    for number, child in enumerate(children):
        head = (tunnel.name, tunnel.state, tunnel.remote) if number == 0 else ("", "", "")
        since = render.duration(tunnel.up_s) if number == 0 and tunnel.up_s else ""
        rows.append(((*head, child.selector + _mark(tunnel, child), since, *_traffic(child)), _style(tunnel)))
    return rows


def _table(rows: Sequence[tuple[Cells, str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in _COLUMNS:
        table.add_column(heading, justify="right" if heading in _RIGHT else "left", no_wrap=True)
    for cells, style in rows:
        table.add_row(*cells, style=style)
    return table


def _paragraph(tunnel: api.TunnelState) -> None:
    since = f" for {render.duration(tunnel.up_s)}" if tunnel.up_s else ""
    render.say(f"{tunnel.name}: {tunnel.state}{since}", _style(tunnel))
    render.say(f"  peer {tunnel.remote}")
    for child in tunnel.children:
        _networks(child.selector + _mark(tunnel, child))
        if child.state == "up":
            octets_in, octets_out, last = _traffic(child)
            render.say(f"    in {octets_in}, out {octets_out}, last in {last or 'never'}")


def _networks(text: str) -> None:
    """A pair of networks on one line, or on two."""
    if len(text) + 2 <= _width():
        render.say(f"  {text}")
        return
    ours, _, theirs = text.partition(_AND)
    render.say(f"  {ours}")
    render.say(f"   {_AND}{theirs}")


def _mark(tunnel: api.TunnelState, child: api.ChildState) -> str:
    return "" if child.state in ("", "up") or tunnel.state != "partly up" else f" ({child.state})"


def _traffic(child: api.ChildState) -> tuple[str, str, str]:
    """In, out, and when the last packet came in."""
    if child.state != "up":
        return "", "", ""
    last = "" if child.idle_in_s is None else f"{render.duration(child.idle_in_s)} ago"
    return render.amount(child.bytes_in), render.amount(child.bytes_out), last


def _style(tunnel: api.TunnelState) -> str:
    return STYLES.get(tunnel.state, "")
