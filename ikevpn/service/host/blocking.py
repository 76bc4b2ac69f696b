"""What keeps the traffic of all tunnels in, put in force or withdrawn while no daemon runs: at boot, before there is a
network; and when the blocks of a daemon that was stopped are wanted no more.

The journal is the daemon's: its start takes over what stands.
"""

from __future__ import annotations

from ikevpn.config.configuration import Configuration, DaemonSettings, TunnelConfig
from ikevpn.config.keys.words import WhenDown
from ikevpn.errors import HostError
from ikevpn.net.host import Host
from ikevpn.net.plan.journal import IN_USE as DAEMON_RUNS
from ikevpn.service.binding.host_plan import HostPlan

__all__ = ["DAEMON_RUNS", "block", "unblock"]


async def block(configuration: Configuration) -> int:
    """Put in force what a daemon has in force before any tunnel is up; returns for how many tunnels. Raises HostError
    after everything was tried, also where a daemon runs, which has its own blocks.
    """
    daemon = configuration.daemon
    ike_ports = (daemon.ike_port, daemon.natt_port)
    host = Host(daemon.state, ike_ports)
    await host.open()
    try:
        refused = [await _block(tunnel, host, ike_ports) for tunnel in configuration.tunnels.values()]
        await host.settle()
    finally:
        await host.close(undo=False)
    for error in refused:
        if error is not None:
            raise error
    return sum(tunnel.when_down is not WhenDown.PASS for tunnel in configuration.tunnels.values())


async def unblock(daemon: DaemonSettings) -> None:
    """Withdraw everything that an earlier run has left in force. Raises HostError, also where a daemon runs."""
    host = Host(daemon.state, (daemon.ike_port, daemon.natt_port))
    await host.open()
    try:
        await host.settle()
    finally:
        await host.close()


async def _block(tunnel: TunnelConfig, host: Host, ike_ports: tuple[int, ...]) -> HostError | None:
    """What the host refuses of it, if anything. What keeps traffic from leaving comes first, and stays."""
    plan = HostPlan(tunnel, _numbers(tunnel), host, ike_ports, report=lambda event: None)
    try:
        await plan.survey()
        await host.apply(tunnel.name, plan.blocks())
        await host.apply(tunnel.name, plan.blocks() + plan.unprotected(is_open=False))
    except HostError as error:
        return error
    return None


def _numbers(tunnel: TunnelConfig) -> tuple[int, ...]:
    """No SA is there that could have one of them."""
    return tuple(range(1, 1 + len(tunnel.template.children)))
