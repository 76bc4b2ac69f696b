"""What `ip xfrm` is told of manual keys, and how its counters are read."""

from __future__ import annotations

from typing import Any

import pytest

from interop.lab.outcome import Unmet
from interop.lab.process import Result
from interop.peers.tunnel import Manual, TunnelParameters
from interop.peers.xfrm import Xfrm

KEYS = Manual("esp-aes128-sha", 0x3030, 0x3020, "0a" * 16, "0b" * 20)
TUNNEL = TunnelParameters(
    local="192.0.2.2",
    remote="192.0.2.1",
    local_networks=("10.2.2.0/24",),
    remote_networks=("10.1.1.0/24",),
    manual=KEYS,
)
STATES = (
    "src 192.0.2.1 dst 192.0.2.2\n\tstats:\n\t  replay-window 2 replay 3 failed 0\n"
    "src 192.0.2.2 dst 192.0.2.1\n\tstats:\n\t  replay-window 0 replay 1 failed 5\n"
)


class Host:
    """Notes what it is told to run."""

    name = "guest"

    def __init__(self, output: str = "") -> None:
        self.output = output
        self.lines: list[str] = []

    def run(self, *words: str, **options: object) -> Result:
        self.lines.append(" ".join(words))
        return Result(0, self.output)


def test_a_state_for_each_direction_and_policies_for_both() -> None:
    host: Any = Host()
    Xfrm(host).configure(TUNNEL)
    states = [line for line in host.lines if "state add" in line]
    assert states[0].startswith("ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x3030")
    assert states[1].startswith("ip xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi 0x3020")
    assert all(f"enc cbc(aes) 0x{'0a' * 16} auth-trunc hmac(sha1) 0x{'0b' * 20} 96" in line for line in states)
    assert [line.split(" dir ")[1].split()[0] for line in host.lines if "policy add" in line] == ["out", "in", "fwd"]


def test_counters_of_all_states_are_added() -> None:
    host: Any = Host(STATES)
    assert Xfrm(host).refused() == {"replay-window": 2, "replay": 4, "failed": 5}


def test_there_is_no_ike() -> None:
    host: Any = Host()
    with pytest.raises(Unmet, match="has no manual keys"):
        Xfrm(host).configure(TunnelParameters())
    with pytest.raises(Unmet, match="stay as they are"):
        Xfrm(host).rekey()


def test_the_other_end_has_the_spis_the_other_way_round() -> None:
    mirrored = TUNNEL.mirrored("192.0.2.1", "192.0.2.2").manual
    assert mirrored is not None and (mirrored.local_spi, mirrored.remote_spi) == (0x3020, 0x3030)
