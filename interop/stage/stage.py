"""What a scenario works with: a site, the peers it has put on gateways, and a place where a person may step in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from interop.lab.outcome import InteropError
from interop.lab.site import Site
from interop.lab.topology import Gateway
from interop.peers.ikevpn import Ikevpn
from interop.peers.kernel_guest import KernelGuest
from interop.peers.libreswan import Libreswan
from interop.peers.shape import Host, Peer
from interop.peers.strongswan import Strongswan
from interop.peers.tunnel import TunnelParameters
from interop.peers.xfrm import Xfrm
from interop.traffic.traffic import End

KINDS: dict[str, Callable[..., Peer]] = {
    "ikevpn": Ikevpn,
    "strongswan": Strongswan,
    "guest-strongswan": lambda host, **options: Strongswan(host, userspace=False, **options),
    "guest-libreswan": Libreswan,
    "guest-xfrm": Xfrm,
}
NEEDS = {
    "ikevpn": ("ikevpn", "tun"),
    "strongswan": ("strongswan", "tun"),
    "guest-strongswan": ("guest", "tun"),
    "guest-libreswan": ("guest", "tun"),
    "guest-xfrm": ("guest", "tun"),
}


@dataclass(frozen=True)
class Side:
    """A gateway with the peer that runs on it; `end` is where traffic of its inner network starts and ends."""

    gateway: Gateway
    peer: Peer
    host: Host

    @property
    def end(self) -> End:
        """The gateway's inner IPv4 address, or the host behind it where there is one."""
        if self.gateway.behind is not None:
            return End(self.gateway.behind, self.gateway.inner.removesuffix("1") + "2")
        return End(self.host, self.gateway.inner)

    @property
    def end6(self) -> End:
        """The gateway's inner IPv6 address."""
        return End(self.host, self.gateway.inner6)


class Left(InteropError):
    """The person who looked at a standing scenario has left it."""


class Stage:
    """One run of a scenario. With `visit` a shell is opened when the scenario says that everything stands."""

    def __init__(self, site: Site, *, visit: bool = False) -> None:
        self.site = site
        self.sides: list[Side] = []
        self._visit = visit

    def side(self, kind: str, gateway: Gateway, *tunnels: TunnelParameters, **options: Any) -> Side:
        """Put a peer of a kind on a gateway, start it and give it its tunnels. Guests boot here."""
        host: Host = gateway.host
        if kind.startswith("guest-"):
            guest = KernelGuest(gateway)
            guest.boot()
            host = guest
        peer = KINDS[kind](host, **options)
        side = Side(gateway, peer, host)
        self.sides.append(side)
        peer.start()
        peer.configure(*tunnels)
        return side

    def stop(self) -> None:
        """Stop all peers in the manner of their operators, the last one first; a peer that cannot be is reported."""
        while self.sides:
            self.sides.pop().peer.stop()

    def stands(self) -> None:
        """Called by scenarios when there is something to see; a visit takes place here, and ends the scenario."""
        if self._visit:
            self.visit()
            raise Left("the visit is over")

    def visit(self) -> None:
        """Open a shell with a word on what stands where."""
        print(f"Files are in {self.site.folder}. Look around, `exit` removes everything:")
        for side in self.sides:
            print(f"  {side.peer.label}: outer {side.gateway.outer}, inner {side.gateway.inner}")
        print(f"  ip netns exec {self.site.tag}-left ...")
        subprocess.run([os.environ.get("SHELL", "/bin/bash")], check=False, env=self.site.environment)

    def evidence(self) -> dict[str, str]:
        """What each peer has written down, by label."""
        found = {}
        for side in self.sides:
            try:
                found[side.peer.label] = side.peer.log()
            except (InteropError, OSError, AttributeError) as error:
                found[side.peer.label] = f"no log: {error}"
        return found
