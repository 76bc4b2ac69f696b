"""What scenarios need of the machine: tools, and the Debian packages that bring them. What is missing fails a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import interop
from interop.guest import build
from interop.lab.outcome import Missing

_TOOLS = {
    # need: ((command, package), ...)
    "base": (("ip", "iproute2"), ("nft", "nftables"), ("ping", "iputils-ping"), ("sysctl", "procps")),
    "traffic": (("iperf3", "iperf3"), ("ethtool", "ethtool")),
    "bench": (("tcpdump", "tcpdump"),),
    "nat": (("conntrack", "conntrack"),),
    "strongswan": (("/usr/lib/ipsec/charon", "strongswan-charon"), ("swanctl", "strongswan-swanctl")),
    "guest": tuple(build.TOOLS.items()),
    "tshark": (("tshark", "tshark"), ("tcpdump", "tcpdump")),
}
KNOWN = frozenset({*_TOOLS, "ikevpn", "tun"})
"""The words that a scenario may need."""


def check(needs: Iterable[str]) -> None:
    """Raise `Missing` with one sentence unless everything is there; builds the guest's image where it is needed."""
    wanted = {"base", *needs}
    if os.geteuid() != 0:
        raise Missing("interop makes network namespaces and needs root: run it with sudo")
    packages = sorted(
        package for need in wanted for command, package in _TOOLS.get(need, ()) if shutil.which(command) is None
    )
    if packages:
        raise Missing(f"interop lacks tools: apt-get install --no-install-recommends {' '.join(packages)}")
    if "tun" in wanted and not Path("/dev/net/tun").exists():
        raise Missing("interop needs /dev/net/tun: modprobe tun")
    if "ikevpn" in wanted:
        _check_ikevpn()
    if "guest" in wanted and not build.ready():
        print("building the kernel guest (once, about a minute) ...", file=sys.stderr, flush=True)
        build.build()


def _check_ikevpn() -> None:
    command = [sys.executable, "-m", "ikevpn", "version"]
    environment = {**os.environ, "PYTHONPATH": str(Path(interop.__file__).parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0 and "No module" in done.stderr:
        raise Missing(f"ikevpn does not start with {sys.executable}: {done.stderr.strip().splitlines()[-1]}")
