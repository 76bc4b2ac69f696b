"""Mutated messages of real products into the parser: `python -m tests.wire.fuzz COUNT [SEED]`.

Every octet string has to become a value, which is then described, written and read again with the same result, or
`Malformed` with an offset inside of it. Anything else is printed with the octets that did it, and the exit status is 1.
Each case has a seed of its own: `python -m tests.wire.fuzz 1 SEED` repeats it.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ikevpn.errors import Malformed
from ikevpn.wire import describe, message
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.message import read_chain, write_chain
from ikevpn.wire.payload import Fragment
from ikevpn.wire.payloads import fragment
from ikevpn.wire.registry import PayloadType
from tests.captures import ike
from tests.conftest import corpus_folder

_TELLING = (0, 1, 3, 4, 5, 7, 8, 0x7F, 0x80, 0xFE, 0xFF)


def messages(corpus: Path) -> list[bytes]:
    """All ISAKMP messages of the corpus, and some of them as fragments."""
    found = [data for path in sorted((corpus / "ike").rglob("*.pcap*")) for _, data in ike(path)]
    found += [path.read_bytes() for path in sorted((corpus / "ike-messages").iterdir())]
    found += [piece for data in found[:10] for piece in fragment.split(data, 1, 120)]
    return list(dict.fromkeys(found))


def mutate(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One message of `seeds` with one to eight changes; half of the time its length field is put right afterwards."""
    data = bytearray(chance.choice(seeds))
    for _ in range(min(chance.randint(1, 8), chance.randint(1, 8))):
        if data:
            chance.choice(_CHANGES)(data, seeds, chance)
    if len(data) >= HEADER_SIZE and chance.random() < 0.5:
        data[24:28] = len(data).to_bytes(4, "big")
    if len(data) >= HEADER_SIZE and chance.random() < 0.5:
        data[17], data[19] = 0x10, data[19] & 0xFE
    return bytes(data)


def _flip(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    data[chance.randrange(len(data))] = chance.choice(_TELLING)


def _cut(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _remove(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.randint(1, 16)]


def _repeat(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randint(1, 64)]
    data[start:start] = piece * chance.randint(1, 64)


def _splice(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    other = chance.choice(seeds)
    start = chance.randrange(max(len(other), 1))
    place = chance.randrange(len(data))
    data[place:place] = other[start : start + chance.randint(1, 200)]


def _insert(data: bytearray, _seeds: Sequence[bytes], chance: random.Random) -> None:
    place = chance.randrange(len(data))
    data[place:place] = chance.randbytes(chance.randint(1, 40))


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...] = (
    _flip,
    _flip,
    _set,
    _set,
    _set,
    _cut,
    _remove,
    _repeat,
    _splice,
    _insert,
)


def check(data: bytes, reassembly: fragment.Reassembly) -> str:
    """What became of `data` in a word; raises AssertionError, or whatever the parser wrongly raised."""
    verdict = _check_chain(data, reassembly)
    try:
        found = message.read(data)
    except Malformed as error:
        assert 0 <= error.offset <= len(data), f"an offset of {error.offset} in {len(data)} octets"
        return verdict
    assert describe.message(found)
    return "message"


def _check_chain(data: bytes, reassembly: fragment.Reassembly) -> str:
    """The same octets as a decrypted body, whatever their header says."""
    first = PayloadType(data[16]) if len(data) > 16 else PayloadType.SA
    body = data[HEADER_SIZE:]
    try:
        chain = read_chain(first, body, padded=True, origin=HEADER_SIZE)
    except Malformed as error:
        assert HEADER_SIZE <= error.offset <= HEADER_SIZE + len(body)
        return "malformed"
    assert all(line.isprintable() for line in describe.chain(chain))
    again = read_chain(*write_chain(chain.payloads))
    assert again.payloads == chain.payloads, "written and read again, it differs"
    for piece in chain.all(Fragment):
        reassembly.take(piece)
    return "chain"


def run(corpus: Path, count: int, seed: int) -> tuple[Counter[str], list[str], float]:
    """Verdicts, failures in words, and the longest processor time of one case in seconds."""
    seeds = messages(corpus)
    verdicts: Counter[str] = Counter()
    failures: list[str] = []
    reassembly = fragment.Reassembly()
    longest = 0.0
    for case in range(seed, seed + count):
        data = mutate(seeds, random.Random(case))
        started = time.process_time()
        try:
            verdicts[check(data, reassembly)] += 1
        except Exception as error:
            verdicts["FAILED"] += 1
            failures.append(f"seed {case}: {type(error).__name__}: {error}\n  {data.hex()}")
        longest = max(longest, time.process_time() - started)
    return verdicts, failures, longest


def main(arguments: Sequence[str]) -> int:
    if not 1 <= len(arguments) <= 2 or not all(each.isdigit() for each in arguments):
        print(__doc__)
        return 2
    corpus = corpus_folder()
    if corpus is None:
        return 2
    count, seed = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0
    started = time.perf_counter()
    verdicts, failures, longest = run(corpus, count, seed)
    spent = time.perf_counter() - started
    for failure in failures[:20]:
        print(failure)
    shares = ", ".join(f"{word} {number}" for word, number in sorted(verdicts.items()))
    print(f"{count} cases from seed {seed}: {shares}; {spent:.1f} s, longest case {longest * 1000:.1f} ms")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
