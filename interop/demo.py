"""`make demo`: a tunnel between two namespaces, seen at work, and nothing left of it afterwards.

    left: ikevpn 192.0.2.1 ─────────────────── 192.0.2.2 right: ikevpn
     10.1.1.0/24                                 10.2.2.0/24

Needs root, and nothing but ikevpn and the usual network tools. The last line is `demo: ok`.
"""

from __future__ import annotations

import sys

from interop.lab import requirements
from interop.lab.outcome import InteropError, expect
from interop.lab.site import Site, end_on_signal
from interop.lab.topology import pair
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import TunnelParameters, between
from interop.stage import proof
from interop.stage.stage import Stage
from interop.traffic import traffic

_CHOICES = TunnelParameters(name="paris", ike_suite="aes256-sha256-g14", esp_suite="aes128gcm16", pfs=True)


def show(stage: Stage) -> None:
    """Bring the tunnel up, send traffic through it, print `status`, and take it down."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right, _CHOICES)
    right = stage.side("ikevpn", topology.right, right_view)
    left = stage.side("ikevpn", topology.left, left_view)
    assert isinstance(left.peer, Ikevpn)
    print("$ ikevpn up paris")
    print(left.peer.command("up", "paris").output, end="")
    proof.both_hold(left, right, "paris")
    traffic.ping(left.end, right.end)
    traffic.ping(right.end, left.end)
    print(f"ping: {left.end.address} and {right.end.address} answer each other")
    traffic.transfer(left.end, right.end)
    print(f"tcp: {traffic.TRANSFER_OCTETS // 1_000_000} MB each way, checksums equal")
    print("$ ikevpn status")
    print(left.peer.command("status").output, end="")
    print("$ ikevpn down paris")
    print(left.peer.command("down", "paris").output, end="")
    proof.nothing_in_clear(topology)
    stage.stop()


def main() -> int:
    """Run the demo; returns the exit status."""
    end_on_signal()
    try:
        requirements.check(("ikevpn", "tun"))
        with Site() as site:
            stage = Stage(site)
            try:
                show(stage)
            except InteropError:
                for label, log in stage.evidence().items():
                    print(f"--- {label}\n{log[-3000:]}", file=sys.stderr)
                raise
        left = site.leftovers()
        expect(not left, f"left behind: {', '.join(left)}")
    except InteropError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print("nothing is left: no namespace, process, route or file")
    print("demo: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
