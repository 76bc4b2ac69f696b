"""A rig: two gateways of one kind with a tunnel between them, standing while loads run through it."""

from __future__ import annotations

from dataclasses import dataclass

from interop.bench import cpu
from interop.lab.namespace import Namespace
from interop.lab.outcome import wait_until
from interop.lab.site import Site
from interop.lab.topology import pair
from interop.peers.shape import Host
from interop.peers.tunnel import TunnelParameters, between
from interop.stage.stage import Side, Stage
from interop.traffic import traffic
from interop.traffic.traffic import End

_PROCESSES = {"ikevpn": ("ikevpn",), "strongswan": ("charon",)}
_NO_OFFLOADS = ("tso", "gso", "gro", "tx", "rx")


@dataclass(frozen=True)
class Setting:
    """What a rig is built for. `kind`: a word of `interop.stage.stage.KINDS`; `esp`: one of `interop.peers.suites.ESP`.

    `raw`: protocol 50 instead of ESP in UDP, where the kind can. `forwarded`: the load runs between hosts behind the
    gateways, whose offloads are off, so that packets reach the gateways at the size of the wire.
    """

    kind: str
    esp: str
    ike: str = "aes128-sha-g14"
    raw: bool = False
    forwarded: bool = False


class Rig:
    """Stands until its site is closed."""

    def __init__(self, site: Site, setting: Setting) -> None:
        self.setting = setting
        self._topology = pair(site, hosts=setting.forwarded)
        base = TunnelParameters(
            ike_suite=setting.ike, esp_suite=setting.esp, nat_traversal=True if setting.raw else "force"
        )
        stage = Stage(site)
        left_view, right_view = between(self._topology.left, self._topology.right, base)
        self._right: Side = stage.side(setting.kind, self._topology.right, right_view)
        self._left: Side = stage.side(setting.kind, self._topology.left, left_view)
        if setting.forwarded:
            for end in (self._left.end, self._right.end):
                _without_offloads(end.host)

    def establish(self) -> None:
        """Bring the tunnel up and wait until a ping goes through."""
        self._left.peer.initiate()
        wait_until(lambda: self._left.peer.sas() and self._right.peer.sas(), "the tunnel on both sides")
        traffic.ping(self.source, self.target)

    def close(self) -> None:
        """Take the tunnel down, so that it can be established anew."""
        self._left.peer.terminate()
        wait_until(lambda: not self._left.peer.sas() and not self._right.peer.sas(), "the end of the tunnel")

    @property
    def source(self) -> End:
        """Where loads start."""
        return self._left.end

    @property
    def target(self) -> End:
        """Where they end."""
        return self._right.end

    @property
    def gateway(self) -> Namespace:
        """The left gateway, which initiates."""
        return self._topology.left.host

    def pids(self) -> list[int]:
        """The processes of both gateways: IKE and ESP, nothing of the load."""
        words = _PROCESSES[self.setting.kind]
        hosts = (self._topology.left.host, self._topology.right.host)
        return [pid for host in hosts for pid in cpu.processes(host, words)]

    def workers(self) -> list[int]:
        """The processes that carry ESP, of the left and of the right gateway; for rigs of ikevpn."""
        hosts = (self._topology.left.host, self._topology.right.host)
        return [pid for host in hosts for pid in cpu.processes(host, ("ikevpn.dataplane.userspace.worker.worker",))]


def _without_offloads(host: Host) -> None:
    """Switch off what would let a host hand over packets larger than the wire, or without checksums."""
    host.run("ethtool", "-K", "outer", *(word for name in _NO_OFFLOADS for word in (name, "off")))
