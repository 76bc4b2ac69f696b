"""`python -m tests.ike.fuzz COUNT [SEED]`: mutated datagrams into listening engines, in every state of an exchange.

What must hold: no exception, no growth of memory or of tables, no more octets out than a small multiple of those in.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path

from ikevpn.ike.engine import Engine
from ikevpn.ike.state.effects import Send
from ikevpn.model.address import Endpoint
from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.registry import EspCipher, Group, Integrity, Protocol
from tests import captures
from tests.conftest import corpus_folder
from tests.ike.pair import Pair, other_side, tunnel
from tests.sim.invariants import entries

_PER_STATE = 1000
_HEADER = 28
_MOST_PER_OCTET = 3.0  # one datagram's answers, at most, in octets per octet that came
_LONGEST_MESSAGE = 800
_MOST_OVERALL = 1.5
_MOST_GROWTH_KIB = 16 * 1024
_TABLES = 40_000  # entries in all tables together; the half-open limit with all that hangs on them


@dataclass
class Findings:
    """What a run saw."""

    fed: int = 0
    octets_in: int = 0
    octets_out: int = 0
    most_half_open: int = 0
    most_entries: int = 0
    faults: list[str] = field(default_factory=list)
    drops: Counter[str] = field(default_factory=Counter)


def samples() -> list[bytes]:
    """Datagrams of real products, as far as the corpus is there."""
    folder = corpus_folder()
    if folder is None:
        return []
    found = [data for path in sorted((folder / "ike").rglob("*.pcap*")) for data in _messages(path)]
    found += [path.read_bytes() for path in sorted((folder / "ike-messages").glob("*.dat"))]
    return [data for data in found if data]


def _messages(path: Path) -> list[bytes]:
    return [data for _, data in captures.ike(path)] if path.suffix != ".txt" else []


def mutate(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """One to three small changes; most results have a fitting length field, so that they get past the header."""
    octets = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        _change(octets, others, rng)
    if len(octets) >= _HEADER and rng.random() < 0.9:
        octets[24:28] = len(octets).to_bytes(4, "big")
    return bytes(octets)


def _change(octets: bytearray, others: list[bytes], rng: random.Random) -> None:
    place = rng.randrange(len(octets) + 1)
    match rng.randrange(8):
        case 0 if octets:
            octets[place % len(octets)] ^= 1 << rng.randrange(8)
        case 1 if octets:
            octets[place % len(octets)] = rng.choice((0, 1, 4, 127, 128, 255))
        case 2:
            del octets[place:]
        case 3:
            octets[place:place] = rng.randbytes(rng.randrange(1, 40))
        case 4 if len(octets) >= _HEADER:
            octets[rng.choice((16, 17, 18, 19))] = rng.choice((0, 1, 2, 3, 4, 5, 6, 8, 11, 12, 16, 32, 132, 255))
        case 5:
            other = rng.choice(others)
            octets[place:] = other[min(place, len(other)) :]
        case 6 if len(octets) >= _HEADER:
            octets[rng.choice((slice(0, 8), slice(8, 16), slice(20, 24)))] = rng.randbytes(rng.choice((8, 8, 4)))
        case _ if len(octets) > _HEADER + 4:
            start = rng.randrange(_HEADER, len(octets) - 4)
            octets[start : start + 2] = rng.choice((b"\x00\x00", b"\x00\x04", b"\xff\xff", b"\x00\x08"))


def states(rng: random.Random) -> Iterator[tuple[Engine, list[bytes], float]]:
    """Responders and initiators in every state of a tunnel's life, with the datagrams of the exchange they are in."""
    gcm = IpsecProposal(Protocol.ESP, EspCipher.AES_GCM_16, 256, Integrity.NONE, Group.MODP_768)
    bundle = replace(gcm, around=IpsecProposal(Protocol.AH, EspCipher.NULL, 0, Integrity.HMAC_SHA1, Group.MODP_768))
    while True:
        mode = rng.choice(tuple(Phase1Mode))
        chance = rng.random()
        proposals = (gcm,) if chance < 0.4 else (bundle,) if chance < 0.6 else tunnel().ipsec_proposals
        ours = tunnel(mode=mode, ipsec_proposals=proposals, dpd_interval_s=10, fragment_size=rng.choice((0, 300)))
        theirs = other_side(ours)
        if rng.random() < 0.5:
            theirs = replace(theirs, remotes=())
        pair = Pair(ours, theirs)
        pair.initiate()
        for _ in range(rng.randrange(14)):
            pair.step()
        whole = Pair(ours, theirs).up()
        datagrams = [sent.datagram.data for sent in (*pair.log, *whole.log)]
        yield pair.side(rng.choice("bbba")).engine, datagrams, pair.now


def feed(
    engine: Engine, originals: list[bytes], now: float, rng: random.Random, findings: Findings, count: int
) -> None:
    """`count` mutated datagrams, from the peer and from strangers, into one engine."""
    peer, here = Endpoint.of("192.0.2.1", 500), Endpoint.of("198.51.100.1", 500)
    for _ in range(count):
        now += rng.choice((0.0, 0.001, 0.05))
        data = mutate(rng.choice(originals), originals, rng)
        source = peer if rng.random() < 0.5 else Endpoint(IPv4Address(rng.getrandbits(32)), rng.randrange(1, 65536))
        natt = rng.random() < 0.2
        due = engine.next_timer()
        if due is not None and due <= now:
            engine.timer(now)
        try:
            effects = engine.datagram(data, here.at(4500) if natt else here, source, now, natt)
        except Exception as error:
            findings.faults.append(f"{type(error).__name__}: {error} by {data.hex()} from {source}")
            continue
        out = sum(len(effect.data) for effect in effects if isinstance(effect, Send))
        findings.fed += 1
        findings.octets_in += len(data)
        findings.octets_out += out
        # Who knows our cookie has shown that it receives what we send: a message may be repeated to it, a few times.
        knows_us = data[8:16] != bytes(8)
        if out > max(_MOST_PER_OCTET * len(data), _LONGEST_MESSAGE if knows_us else 100):
            findings.faults.append(f"{out} octets in answer to {len(data)}: {data.hex()}")


def run(count: int, seed: int = 0) -> Findings:
    """Feed about `count` datagrams; the faults, if any, stand in the result."""
    rng, findings, corpus, memory_kib = random.Random(seed), Findings(), samples(), 0
    for engine, datagrams, now in states(rng):
        if findings.fed + len(findings.faults) >= count:
            break
        feed(engine, datagrams + rng.sample(corpus, min(len(corpus), 6)), now, rng, findings, min(_PER_STATE, count))
        status = engine.status(now)
        half_open = sum(1 for sa in status.ike_sas if sa.state != "established")
        findings.most_half_open = max(findings.most_half_open, half_open)
        findings.most_entries = max(findings.most_entries, sum(entries(engine).values()))
        findings.drops.update(engine.counters)
        if findings.fed <= count // 3:
            memory_kib = resident_kib()
    grown_kib = resident_kib() - memory_kib
    if count >= 100 * _PER_STATE and grown_kib > _MOST_GROWTH_KIB:
        findings.faults.append(f"memory grew by {grown_kib} KiB")
    if findings.octets_out > _MOST_OVERALL * findings.octets_in:
        findings.faults.append(f"{findings.octets_out} octets out for {findings.octets_in} in")
    if findings.most_entries > _TABLES:
        findings.faults.append(f"{findings.most_entries} entries in the tables")
    return findings


def resident_kib() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def flood(count: int, seed: int = 0, one_source: bool = False) -> tuple[Engine, Findings]:
    """One engine, first messages from everywhere or from one address: the half-open table has a limit."""
    rng, findings = random.Random(seed), Findings()
    whole = Pair().up()
    engine = Pair(theirs=replace(other_side(tunnel()), remotes=())).b.engine
    first = whole.log[0].datagram.data
    here, now = Endpoint.of("198.51.100.1", 500), 0.0
    for _ in range(count):
        now += 0.0005
        source = Endpoint(IPv4Address(77 if one_source else rng.getrandbits(32)), rng.randrange(1, 65536))
        effects = engine.datagram(rng.randbytes(8) + first[8:], here, source, now)
        findings.fed += 1
        findings.octets_in += len(first)
        findings.octets_out += sum(len(effect.data) for effect in effects if isinstance(effect, Send))
        if findings.fed % 100 == 0:
            findings.most_half_open = max(findings.most_half_open, len(engine.status(now).ike_sas))
    return engine, findings


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 100_000
    seed = int(arguments[1]) if len(arguments) > 1 else 0
    started = time.perf_counter()
    findings = run(count, seed)
    took_s = time.perf_counter() - started
    drops = ", ".join(f"{name} {number}" for name, number in findings.drops.most_common(12))
    print(f"{findings.fed} datagrams in {took_s:.0f} s, {findings.fed / took_s:.0f}/s; {drops}")
    print(
        f"{findings.octets_out / max(findings.octets_in, 1):.2f} octets out per octet in; "
        f"at most {findings.most_half_open} half-open SAs and {findings.most_entries} table entries; "
        f"{resident_kib()} KiB resident"
    )
    print(*findings.faults[:20], sep="\n")
    print(f"FAIL {len(findings.faults)} faults" if findings.faults else f"PASS {findings.fed}/{findings.fed}")
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
