"""`ikevpn status`: what is wanted, what is, and whether traffic really passes."""

from __future__ import annotations

import click
from rich.table import Table

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, last, pass_context, tunnel_names
from ikevpn.service import api

_STYLES = {"up": "green", "partly up": "yellow", "connecting": "yellow", "waiting": "red", "down": "dim"}


@click.command()
@click.argument("tunnel", default="", shell_complete=tunnel_names)
@click.option("-v", "--verbose", is_flag=True, help="Algorithms, SPIs, lifetimes, packets and drops too.")
@as_json
@pass_context
@ending
def status(context: Context, tunnel: str, verbose: bool, as_json: bool) -> None:
    """Show the state of TUNNEL, or of all."""
    answer = last(context.ask(api.Status(tunnel=tunnel)), api.StatusAnswer, as_json)
    if as_json:
        render.write_json(answer)
        return
    if not answer.tunnels:
        render.say("no tunnels are configured")
        return
    render.table(_table(answer.tunnels))
    for each in answer.tunnels:
        _remarks(each)
        if verbose:
            _details(each)
    if verbose:
        _daemon(answer)


def _table(tunnels: tuple[api.TunnelState, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("tunnel", "state", "peer", "networks", "since", "in", "out"):
        table.add_column(heading, justify="right" if heading in ("in", "out") else "left")
    for tunnel in tunnels:
        children = tunnel.children or (api.ChildState(name="", selector="", state=""),)
        for number, child in enumerate(children):
            first = number == 0
            table.add_row(
                tunnel.name if first else "",
                tunnel.state if first else "",
                tunnel.remote if first else "",
                child.selector
                + ("" if child.state in ("", "up") or tunnel.state != "partly up" else f" ({child.state})"),
                render.duration(tunnel.up_s) if first and tunnel.up_s else "",
                render.amount(child.bytes_in) if child.state == "up" else "",
                render.amount(child.bytes_out) if child.state == "up" else "",
                style=_STYLES.get(tunnel.state, ""),
            )
    return table


def _remarks(tunnel: api.TunnelState) -> None:
    """What is wrong with a tunnel, if anything is."""
    if tunnel.state not in ("up", "down") and tunnel.last_error:
        render.say(f"{tunnel.name}: {tunnel.last_error}", "red")
    if tunnel.next_attempt_s is not None:
        render.say(f"{tunnel.name}: attempt {tunnel.attempts + 1} in {tunnel.next_attempt_s:.0f} s")
    for child in tunnel.children:
        if child.packets_out and not child.packets_in and child.age_s > 30:
            render.say(
                f"{tunnel.name}: {child.selector} sends but has received nothing for {render.duration(child.age_s)}",
                "red",
            )


def _details(tunnel: api.TunnelState) -> None:
    render.say(f"{tunnel.name}: wanted {tunnel.wanted}" + (f", device {tunnel.device}" if tunnel.device else ""))
    if tunnel.manual:
        render.say("  manual keys, no IKE")
    if tunnel.ike_proposal:
        nat = ", through NAT" if tunnel.nat else ""
        ends = f", renewed within {render.duration(tunnel.ike_expires_s)}" if tunnel.ike_expires_s else ""
        render.say(
            f"  phase 1: {tunnel.local} to {tunnel.remote} ({tunnel.peer_id}), {tunnel.role}, "
            f"{tunnel.ike_proposal}{nat}{ends}"
        )
    for child in tunnel.children:
        _child(child)


def _child(child: api.ChildState) -> None:
    render.say(f"  {child.name}: {child.state}, {child.selector}")
    if not child.proposal:
        return
    ends = f", renewed within {render.duration(child.expires_s)}" if child.expires_s else ""
    render.say(f"    {child.proposal}, {render.carrier(child)}, {render.spis(child)}{ends}")
    idle = "nothing yet" if child.idle_in_s is None else f"last {render.duration(child.idle_in_s)} ago"
    render.say(f"    in {child.packets_in} packets, {render.amount(child.bytes_in)} ({idle})")
    takes = f" (the path takes {child.path_mtu} octets)" if child.path_mtu else ""
    render.say(f"    out {child.packets_out} packets, {render.amount(child.bytes_out)}{takes}")
    for reason, count in sorted(child.drops.items()):
        render.say(f"    dropped {count}: {reason}", "yellow")


def _daemon(answer: api.StatusAnswer) -> None:
    render.say(f"daemon: up {render.duration(answer.up_s)}, configuration {answer.configuration}")
    for name, count in sorted(answer.counters.items()):
        render.say(f"  {name}: {count}")
