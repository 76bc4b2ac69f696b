"""What most scenarios prove of a tunnel, step by step. Every function raises `Unmet` with what did not hold."""

from __future__ import annotations

from collections.abc import Iterable

from interop.lab.outcome import expect, wait_until
from interop.lab.topology import Topology
from interop.peers.shape import EspSa
from interop.peers.tunnel import TunnelParameters
from interop.stage.stage import Side
from interop.traffic import traffic


def comes_up(initiator: Side, responder: Side, name: str = "t") -> None:
    """The tunnel is brought up by `initiator`, and both sides hold the same pair of SAs."""
    initiator.peer.initiate(name)
    both_hold(initiator, responder, name)


def both_hold(one: Side, other: Side, name: str = "t", but: Iterable[EspSa] = ()) -> EspSa:
    """Wait for a pair of SAs that both sides hold and that is not among `but`; returns it as `one` sees it."""
    seen = {(sa.spi_in, sa.spi_out) for sa in but}

    def common() -> EspSa | None:
        theirs = {(sa.spi_out, sa.spi_in) for sa in other.peer.sas(name)}
        for sa in reversed(one.peer.sas(name)):
            if (sa.spi_in, sa.spi_out) in theirs - seen:
                return sa
        return None

    found = wait_until(common, f"a{' new' if seen else ''} pair of SAs on both sides of tunnel {name}")
    assert found is not None
    return found


def carries(one: Side, other: Side, octets: int = traffic.TRANSFER_OCTETS) -> None:
    """Pings are answered both ways, and a TCP transfer each way arrives as it was sent."""
    traffic.ping(one.end, other.end)
    traffic.ping(other.end, one.end)
    traffic.transfer(one.end, other.end, octets)


def carries_large_datagrams(one: Side, other: Side) -> None:
    """UDP in datagrams that no path takes whole comes and goes as it was sent."""
    for start, target in ((one.end, other.end), (other.end, one.end)):
        traffic.datagrams(start, target, 100, 1400, 1500, 8000, 8000, 8000)


def rekeys_without_loss(one: Side, other: Side, by: Iterable[Side], name: str = "t", tolerated: int = 0) -> None:
    """While pings go through, each of `by` in turn has the ESP SAs replaced; each time at most `tolerated` are lost.

    Peers that switch to a new SA before the other side can have it lose a ping between themselves; we must not.
    """
    for side in by:
        pings = traffic.Pings(one.end, other.end)
        before = one.peer.sas(name)
        side.peer.rekey(name)
        both_hold(one, other, name, but=before)
        lost = pings.finish()
        expect(len(lost) <= tolerated, f"the rekey by {side.peer.label} lost {len(lost)} pings: {lost}")


def goes_down(by: Side, other: Side, name: str = "t") -> None:
    """One side ends the tunnel, and the other side has noticed."""
    by.peer.terminate(name)
    wait_until(lambda: not by.peer.sas(name), f"the end of tunnel {name} on {by.peer.label}")
    wait_until(lambda: not other.peer.sas(name), f"the end of tunnel {name} on {other.peer.label}")


def is_blocked(one: Side, other: Side) -> None:
    """While the tunnel is down no answer comes; whether the pings stayed at home `nothing_in_clear` tells."""
    seen = traffic.answers(one.end, other.end)
    expect(seen == 0, f"{seen} pings were answered although the tunnel is down")


def nothing_in_clear(topology: Topology) -> None:
    """No packet of an inner network went over a wire unprotected."""
    seen = topology.clear_packets()
    expect(seen == 0, f"{seen} packets of the inner networks went over the wire in clear")


def encapsulation_is(side: Side, *, udp: bool, name: str = "t") -> None:
    """ESP goes in UDP, or as protocol 50."""
    sas = side.peer.sas(name)
    words = {True: "in UDP", False: "as protocol 50"}
    expect(all(sa.udp is udp for sa in sas), f"{side.peer.label} does not send ESP {words[udp]}: {sas}")


def whole_life(topology: Topology, initiator: Side, responder: Side, rekey_by: Iterable[Side]) -> None:
    """Up, traffic, rekeys under traffic, down by the initiator, nothing in clear."""
    comes_up(initiator, responder)
    carries(initiator, responder)
    rekeys_without_loss(initiator, responder, rekey_by)
    goes_down(initiator, responder)
    nothing_in_clear(topology)


def in_words(tunnel: TunnelParameters) -> str:
    """A tunnel's choices in a few words."""
    return f"{tunnel.mode} mode, {tunnel.ike_suite}, ESP {tunnel.esp_suite}, {'PFS' if tunnel.pfs else 'no PFS'}"
