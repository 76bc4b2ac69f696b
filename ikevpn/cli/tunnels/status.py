"""`ikevpn status`: what is wanted, what is, and whether traffic really passes."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, last, pass_context, tunnel_names
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.cli.tunnels import several, status_table
from ikevpn.cli.tunnels.troubles import troubles
from ikevpn.control import api

_REFUSED_SHOWN = 5


@click.command()
@click.argument("tunnels", metavar="[TUNNEL]...", nargs=-1, shell_complete=tunnel_names)
@click.option("-v", "--verbose", is_flag=True, help="Algorithms, SPIs, lifetimes, packets and drops too.")
@click.option("-p", "--problems", is_flag=True, help="Only tunnels with a problem; ends with 1 where there are any.")
@as_json
@pass_context
@ending
def status(context: Context, tunnels: tuple[str, ...], verbose: bool, problems: bool, as_json: bool) -> None:
    """Show the state of TUNNEL, or of all. TUNNEL may be a pattern like 'br-*', and there may be several."""
    answer = _ask(context, tunnels, as_json)
    found = {tunnel.name: troubles(tunnel) for tunnel in answer.tunnels}
    if problems:
        answer = _only(answer, [name for name, wrong in found.items() if wrong])
    if as_json:
        render.write_json(answer)
    else:
        _show(answer, found, problems)
        for tunnel in answer.tunnels if verbose else ():
            _details(tunnel)
        if verbose:
            _daemon(answer)
    if problems and answer.tunnels:
        raise SystemExit(ExitCode.FAILED)


def _ask(context: Context, words: tuple[str, ...], as_json: bool) -> api.StatusAnswer:
    one = words[0] if len(words) == 1 and not several.is_pattern(words[0]) else ""
    answer = last(context.ask(api.Status(tunnel=one)), api.StatusAnswer, as_json)
    if one or not words:
        return answer
    return _only(answer, several.matching([tunnel.name for tunnel in answer.tunnels], words))


def _only(answer: api.StatusAnswer, names: list[str]) -> api.StatusAnswer:
    tunnels = tuple(tunnel for tunnel in answer.tunnels if tunnel.name in names)
    refused = tuple(call for call in answer.refused if call.tunnel in ("", *names))
    return api.StatusAnswer(
        tunnels=tunnels,
        refused=refused,
        counters=answer.counters,
        up_s=answer.up_s,
        configuration=answer.configuration,
        changed_files=answer.changed_files,
    )


def _show(answer: api.StatusAnswer, found: dict[str, list[str]], problems: bool) -> None:
    if answer.changed_files:
        names = ", ".join(answer.changed_files)
        text = f"{names} changed since the daemon read its configuration; `ikevpn reload` applies what is there now"
        render.say(f"warning: {text}", "yellow", stderr=True)
    if answer.tunnels:
        status_table.show(answer.tunnels)
    else:
        render.say("no tunnel has a problem" if problems else "no tunnels are configured")
    for tunnel in answer.tunnels:
        for trouble in found[tunnel.name]:
            render.say(f"{tunnel.name}: {trouble}", "red")
        if tunnel.next_attempt_s is not None:
            render.say(f"{tunnel.name}: attempt {tunnel.attempts + 1} in {tunnel.next_attempt_s:.0f} s")
    _refused(answer.refused)
    if len(answer.tunnels) > 1:
        render.say(_summary(answer.tunnels))


def _refused(calls: tuple[api.RefusedCall, ...]) -> None:
    for call in calls[:_REFUSED_SHOWN]:
        times = f"{call.count} requests" if call.count > 1 else "a request"
        name = f"{call.tunnel}: " if call.tunnel else ""
        when = f"the last {render.duration(call.ago_s)} ago" if call.count > 1 else f"{render.duration(call.ago_s)} ago"
        render.say(f"{name}{times} from {call.remote} failed, {when}: {call.sentence}", "yellow")
    if len(calls) > _REFUSED_SHOWN:
        render.say(f"requests from {len(calls) - _REFUSED_SHOWN} other addresses failed; `--json` shows them")


def _summary(tunnels: tuple[api.TunnelState, ...]) -> str:
    """`12 tunnels: 10 up, 1 waiting, 1 down`."""
    states = [tunnel.state for tunnel in tunnels]
    order = [*status_table.STYLES, *sorted({*states} - {*status_table.STYLES})]
    counts = ", ".join(f"{states.count(state)} {state}" for state in order if state in states)
    return f"{len(states)} tunnels: {counts}"


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
    if tunnel.certificate_expires_s is not None:
        render.say(f"  certificate {tunnel.certificate}, {_validity(tunnel.certificate_expires_s)}")
    for child in tunnel.children:
        _child(child)


def _validity(left_s: float) -> str:
    return f"expires in {render.duration(left_s)}" if left_s > 0 else "expired"


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
