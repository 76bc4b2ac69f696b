"""`python -m tests.ike.fuzz_inside COUNT [SEED]`: payloads that a peer with the right keys has bent, in IKE SAs.

Quick mode and informational messages of honest exchanges are taken apart, mutated payload by payload and octet by
octet, hashed and encrypted with the right keys. What must hold: no exception, no growth of memory or of tables, one
message calls forth few, and timers of what was begun end.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ikevpn.crypto import ciphers
from ikevpn.errors import Malformed
from ikevpn.ike.runner import protect
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.state.effects import Effect, Send
from ikevpn.ike.state.sa import IkeSa, IkeState
from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire import header as isakmp_header
from ikevpn.wire.header import HEADER_SIZE, Header
from ikevpn.wire.payload import Nonce
from ikevpn.wire.registry import EspCipher, ExchangeType, Flag, Group, Integrity, PayloadType, Protocol
from tests.ike.fuzz import resident_kib
from tests.ike.pair import HERE, THERE, Pair, other_side, tunnel
from tests.sim.invariants import entries

Body = tuple[int, bytes]  # a payload's type and its octets without the generic header
_PER_PAIR = 400
_MOST_ANSWERS = 4
_MOST_ENTRIES = 40_000
_MOST_GROWTH_KIB = 16 * 1024
_TYPES = (1, 4, 5, 8, 10, 11, 12, 13, 20, 21, 130, 131, 99)
_NUMBERS = (0, 1, 2, 3, 4, 11, 14, 36, 255, 16384, 24576, 24577, 24578, 36136, 36137, 65535)


@dataclass
class Findings:
    """What a run saw."""

    fed: int = 0
    most_entries: int = 0
    faults: list[str] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)


class Insider:
    """A peer of `pair.b` that knows all keys."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        gcm = IpsecProposal(
            Protocol.ESP, EspCipher.AES_GCM_16, 256, Integrity.NONE, rng.choice((Group.NONE, Group.MODP_768))
        )
        bundle = replace(gcm, around=IpsecProposal(Protocol.AH, EspCipher.NULL, 0, Integrity.HMAC_SHA1, gcm.group))
        proposals = rng.choice(((gcm,), (bundle,), (gcm, bundle), tunnel().ipsec_proposals))
        ours = tunnel(mode=rng.choice(tuple(Phase1Mode)), ipsec_proposals=proposals, dpd_interval_s=rng.choice((0, 10)))
        theirs = other_side(ours)
        self.pair = Pair(ours, replace(theirs, remotes=(), any_remote_id=True) if rng.random() < 0.4 else theirs).up()
        self.engine, self.now = self.pair.b.engine, self.pair.now
        everything = self.pair.a.engine._core.ike_sas.values()
        (self.sa,) = [sa for sa in everything if sa.state is IkeState.ESTABLISHED]
        self.honest = list(self._honest())

    def _honest(self) -> Iterator[tuple[ExchangeType, list[Body]]]:
        """The payloads behind the hash of each first message of phase 2 that either side has sent."""
        seen: set[int] = set()
        for sent in self.pair.log:
            header = isakmp_header.read(sent.datagram.data)
            if header.message_id and header.encrypted and header.message_id not in seen:
                seen.add(header.message_id)
                assert self.sa.keys is not None
                iv = protect.first_iv(self.sa, header.message_id)
                chain, _ = protect.decrypt(self.sa.keys, header, sent.datagram.data, iv)
                kinds = [each.payload_type for each in chain.payloads]
                yield header.exchange, list(zip(kinds, chain.bodies, strict=True))[1:]

    @property
    def alive(self) -> bool:
        everything = self.engine._core.ike_sas.values()
        return any(sa.state is IkeState.ESTABLISHED and sa.cookies == self.sa.cookies for sa in everything)

    def bent(self, bodies: Sequence[Body]) -> list[Body]:
        """Some changes of payloads: gone, doubled, moved, new, with other octets."""
        rng, found = self._rng, list(bodies)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            place = rng.randrange(len(found) + 1)
            match rng.randrange(7):
                case 0 if place < len(found):
                    del found[place]
                case 1 if place < len(found):
                    found[place:place] = [found[place]] * rng.choice((1, 1, 5, 60))
                case 2:
                    rng.shuffle(found)
                case 3:
                    found.insert(place, self._invented())
                case _ if place < len(found):
                    kind, body = found[place]
                    found[place] = kind, self._octets(body)
        return found[:66]

    def _invented(self) -> Body:
        rng = self._rng
        _, honest = rng.choice(self.honest)
        if honest and rng.random() < 0.4:
            return rng.choice(honest)
        protocol = bytes([rng.choice((0, 1, 2, 3))])
        spi = rng.choice((b"", self.sa.cookies, rng.randbytes(4), *self._spis()))
        kind = rng.choice(_NUMBERS).to_bytes(2, "big")
        notify = bytes(3) + b"\1" + protocol + bytes([len(spi)]) + kind + spi + rng.randbytes(rng.choice((0, 4, 8)))
        delete = bytes(3) + b"\1" + protocol + bytes([len(spi)]) + b"\0\1" + spi
        return rng.choice(((11, notify), (12, delete), (rng.choice(_TYPES), rng.randbytes(rng.randrange(60)))))

    def _spis(self) -> list[bytes]:
        """Of pairs that stand."""
        children = [*self.engine._core.children.values()][:4]
        return [spi.to_bytes(4, "big") for child in children for spi in (child.spi_in, child.spi_out)]

    def news(self) -> list[Body]:
        """What an informational says: a question, or that a pair is no more."""
        asked = bytes(3) + b"\1\1\x10" + (36136).to_bytes(2, "big") + self.sa.cookies + self._rng.randbytes(4)
        gone = [bytes(3) + b"\1\3\4\0\1" + spi for spi in self._spis()]
        return [(11, asked)] if self._rng.random() < 0.4 or not gone else [(12, self._rng.choice(gone))]

    def _octets(self, body: bytes) -> bytes:
        rng, octets = self._rng, bytearray(body)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(octets) + 1)
            match rng.randrange(5):
                case 0:
                    octets[place : place + 1] = bytes([rng.choice((0, 1, 2, 3, 4, 11, 128, 255))])
                case 1 if octets:
                    octets[place % len(octets)] ^= 1 << rng.randrange(8)
                case 2:
                    del octets[place : place + rng.choice((1, 4, 1000))]
                case 3:
                    octets[place:place] = rng.randbytes(rng.choice((1, 4, 16)))
                case _:
                    octets[place : place + 2] = rng.choice(_NUMBERS).to_bytes(2, "big")
        return bytes(octets)

    def sealed(
        self,
        kind: ExchangeType,
        number: int,
        iv: bytes,
        hashed: HashKind,
        nonces: tuple[bytes, bytes],
        bodies: list[Body],
    ) -> tuple[bytes, bytes]:
        """The datagram, and the IV that follows it."""
        assert self.sa.keys is not None
        rest = _chain(bodies)
        digest = protect._hash(self.sa, hashed, number, nonces, rest)
        head = bytes([bodies[0][0] if bodies else 0, 0]) + (4 + len(digest)).to_bytes(2, "big") + digest
        cipher = self.sa.keys.proposal.cipher
        clear = head + rest
        clear += bytes(-len(clear) % ciphers.block_size(cipher))
        body = ciphers.encrypt(cipher, self.sa.keys.encryption_key.reveal(), iv, clear)
        size = HEADER_SIZE + len(body)
        header = Header(self.sa.cky_i, self.sa.cky_r, PayloadType.HASH, kind, Flag.ENCRYPTION, number, size)
        return isakmp_header.write(header, body), body[-len(iv) :]


def _chain(bodies: list[Body]) -> bytes:
    following = [*(kind for kind, _ in bodies[1:]), 0][: len(bodies)]
    parts = zip(following, bodies, strict=True)
    return b"".join(bytes([kind, 0]) + (4 + len(body)).to_bytes(2, "big") + body for kind, (_, body) in parts)


def feed(insider: Insider, rng: random.Random, findings: Findings) -> None:
    """One first message; where it is answered with a message 2 the third follows, bent or not."""
    kind, honest = rng.choice(insider.honest)
    if rng.random() < 0.4:
        kind, honest = ExchangeType.INFORMATIONAL, insider.news()
    bodies, number = insider.bent(honest), rng.getrandbits(32) or 1
    iv = protect.first_iv(insider.sa, number)
    data, iv = insider.sealed(kind, number, iv, HashKind.FIRST, (b"", b""), bodies)
    answers = give(insider, data, findings)
    nonce_i = next((body for each, body in bodies if each == PayloadType.NONCE), b"")
    if kind != ExchangeType.QUICK or not answers:
        return
    header = isakmp_header.read(answers[0])
    if header.exchange != ExchangeType.QUICK:
        return
    assert insider.sa.keys is not None
    chain, iv = protect.decrypt(insider.sa.keys, header, answers[0], iv)
    nonce_r = chain.first(Nonce)
    third = insider.bent([]) if rng.random() < 0.3 else []
    if nonce_r is not None:
        nonces = nonce_i, nonce_r.data
        give(insider, insider.sealed(kind, number, iv, HashKind.THIRD, nonces, third)[0], findings)


def give(insider: Insider, data: bytes, findings: Findings) -> list[bytes]:
    """A datagram for the engine, and what it sends."""
    findings.fed += 1
    most = _MOST_ANSWERS + 2 * len(insider.engine._core.children)  # a Delete for each, of a bundle two
    try:
        effects: list[Effect] = insider.engine.datagram(data, THERE, HERE, insider.now)
    except Exception as error:
        findings.faults.append(f"{type(error).__name__}: {error} by {data.hex()} of {sa_of(insider.sa)}")
        return []
    findings.effects.update(type(effect).__name__ for effect in effects)
    sent = [effect.data for effect in effects if isinstance(effect, Send)]
    if len(sent) > most:
        findings.faults.append(f"{len(sent)} messages in answer to one of {len(data)} octets")
    return sent


def sa_of(sa: IkeSa) -> str:
    """What it takes to read the datagrams of a fault."""
    assert sa.keys is not None
    return f"{sa.keys.proposal} {sa.keys.encryption_key.reveal().hex()}"


def run(count: int, seed: int = 0) -> Findings:
    """Feed about `count` datagrams; the faults, if any, stand in the result."""
    rng, findings, memory_kib = random.Random(seed), Findings(), 0
    while findings.fed < count and len(findings.faults) < 20:
        insider = Insider(rng)
        for _ in range(_PER_PAIR):
            insider.now += rng.choice((0.0, 0.01, 0.5, 3.0))
            ring(insider, insider.now, findings)
            try:
                feed(insider, rng, findings)
            except Malformed as error:
                findings.faults.append(f"our own answer is malformed: {error}")
            if not insider.alive or findings.fed >= count:
                break
        findings.most_entries = max(findings.most_entries, sum(entries(insider.engine).values()))
        if findings.fed <= count // 3:
            memory_kib = resident_kib()
    grown_kib = resident_kib() - memory_kib
    if count >= 100_000 and grown_kib > _MOST_GROWTH_KIB:
        findings.faults.append(f"memory grew by {grown_kib} KiB")
    if findings.most_entries > _MOST_ENTRIES:
        findings.faults.append(f"{findings.most_entries} entries in the tables")
    return findings


def ring(insider: Insider, now: float, findings: Findings) -> None:
    """Timers that are due."""
    due = insider.engine.next_timer()
    if due is None or due > now:
        return
    try:
        insider.engine.timer(now)
    except Exception as error:
        findings.faults.append(f"a timer: {type(error).__name__}: {error}")


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 20_000
    seed = int(arguments[1]) if len(arguments) > 1 else 0
    started = time.perf_counter()
    findings = run(count, seed)
    took_s = time.perf_counter() - started
    effects = ", ".join(f"{name} {number}" for name, number in findings.effects.most_common())
    print(f"{findings.fed} datagrams in {took_s:.0f} s, {findings.fed / took_s:.0f}/s; {effects}")
    print(f"at most {findings.most_entries} table entries; {resident_kib()} KiB resident")
    print(*dict.fromkeys(findings.faults[:20]), sep="\n")
    print(f"FAIL {len(findings.faults)} faults" if findings.faults else f"PASS {findings.fed}/{findings.fed}")
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
