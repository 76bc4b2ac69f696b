"""Two gateways with two routers between them, and a link in the middle that takes less than the others.

left ── near │ one │ middle ──── 1300 octets ──── middle │ two │ near ── right
192.0.2.1      .251                                        .252     192.0.2.2
2001:db8::1    ::fb                                        ::fc     2001:db8::2
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.net.gateways import CABLE, Gateway, ip

MIDDLE_MTU = 1300
_NEAR, _MIDDLE = "near", "middle"


@dataclass
class Router:
    """`number` is 1 for the one beside the left gateway, 2 for the other."""

    namespace: str
    number: int

    def filter(self, *rules: str) -> None:
        """Apply nftables rules to what is forwarded and to what the router itself says."""
        table = "table inet middle {\n" + "".join(
            f"  chain {hook} {{ type filter hook {hook} priority mangle;\n    " + "\n    ".join(rules) + "\n  }\n"
            for hook in ("forward", "output")
        )
        words = ["ip", "netns", "exec", self.namespace, "nft", "-f", "-"]
        subprocess.run(words, check=True, capture_output=True, text=True, input=table + "}\n")

    def address(self, version: int, number: int) -> str:
        return f"192.0.2.{250 + number}" if version == 4 else f"2001:db8::f{'abc'[number]}"


@dataclass
class Line:
    left: Gateway
    right: Gateway
    routers: tuple[Router, Router]


@contextlib.asynccontextmanager
async def line() -> AsyncIterator[Line]:
    """Both gateways started, without policies and SAs; everything is gone afterwards."""
    names = [f"ikevpn-line{os.getpid()}-{number}" for number in range(4)]
    left, right = Gateway(names[0], 1), Gateway(names[3], 2)
    one, two = Router(names[1], 1), Router(names[2], 2)
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        _cable(one, _MIDDLE, two.namespace, _MIDDLE, MIDDLE_MTU)
        for gateway, router, other in ((left, one, two), (right, two, one)):
            _cable(router, _NEAR, gateway.namespace, CABLE, 1500)
            _forward(router)
            _routes(gateway, router, other)
        for gateway in (left, right):
            await gateway.start()
        yield Line(left, right, (one, two))
    finally:
        for gateway in (left, right):
            await gateway.plane.stop()
        for name in names:
            with contextlib.suppress(subprocess.CalledProcessError):  # it was never made
                ip("netns", "del", name)


def _cable(router: Router, device: str, other: str, their_device: str, mtu: int) -> None:
    ends = ((router.namespace, device), (other, their_device))
    ip("-n", router.namespace, "link", "add", device, "type", "veth", "peer", "name", their_device, "netns", other)
    for namespace, name in ends:
        ip("-n", namespace, "link", "set", name, "mtu", str(mtu), "up")


def _forward(router: Router) -> None:
    words = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
    subprocess.run(["ip", "netns", "exec", router.namespace, "sysctl", "-qw", *words], check=True)


def _routes(gateway: Gateway, router: Router, other: Router) -> None:
    """Every address stands alone; who is beside whom is said by routes."""
    for version, bits in ((4, 32), (6, 128)):
        family, nodad = f"-{version}", ["nodad"] if version == 6 else []
        ours = str(gateway.outside(version, 0).address)
        whole = "192.0.2.0/24" if version == 4 else "2001:db8::/64"
        here, there = (router.address(version, each.number) for each in (router, other))
        ip("-n", gateway.namespace, "addr", "add", f"{ours}/{bits}", "dev", CABLE, *nodad)
        for device in (_NEAR, _MIDDLE):
            ip("-n", router.namespace, "addr", "add", f"{here}/{bits}", "dev", device, *nodad)
        ip(family, "-n", gateway.namespace, "route", "add", here, "dev", CABLE)
        ip(family, "-n", gateway.namespace, "route", "add", whole, "via", here)
        ip(family, "-n", router.namespace, "route", "add", ours, "dev", _NEAR)
        ip(family, "-n", router.namespace, "route", "add", there, "dev", _MIDDLE)
        ip(family, "-n", router.namespace, "route", "add", whole, "via", there)
