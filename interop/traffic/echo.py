"""Sends echo requests and waits for every answer. Stands alone: it is copied into guests.

    echo.py SOURCE TARGET COUNT INTERVAL_S PATIENCE_S

Prints the numbers of the requests that were answered, as `answered 1 2 3`. `ping -c` cannot stand here: once it has an
answer, it listens after its last request only for twice the longest round trip (at least one interval), whatever `-W`
says, so that on a busy machine an answer that comes 50 ms late looks like one that was lost.
"""

import contextlib
import os
import select
import socket
import struct
import sys
import time

Kind = tuple[int, int, int, int]  # family, protocol, type of the request, type of the answer
KINDS: dict[int, Kind] = {
    4: (socket.AF_INET, socket.IPPROTO_ICMP, 8, 0),  # RFC 792
    6: (socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129),  # RFC 4443 §4; the kernel sums IPv6
}
FILLING = bytes(range(48))


def checksum(octets: bytes) -> int:
    """RFC 1071, of an even number of octets."""
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def request(kind: int, identifier: int, number: int) -> bytes:
    """One echo request."""
    unsummed = struct.pack("!BBHHH", kind, 0, 0, identifier, number) + FILLING
    return unsummed[:2] + checksum(unsummed).to_bytes(2, "big") + unsummed[4:]


def number_of(packet: bytes, version: int, answer: int, identifier: int) -> int:
    """Which request of ours this answers; 0 for anything else."""
    message = packet[(packet[0] & 15) * 4 :] if version == 4 else packet
    if len(message) < 8 or message[0] != answer or int.from_bytes(message[4:6], "big") != identifier:
        return 0
    return int.from_bytes(message[6:8], "big")


def echo(source: str, target: str, count: int, interval_s: float, patience_s: float) -> set[int]:
    """Send `count` requests, numbered from 1; return when all are answered, or `patience_s` after the last."""
    version = 6 if ":" in target else 4
    family, protocol, kind, answer = KINDS[version]
    identifier = os.getpid() & 0xFFFF
    answered: set[int] = set()
    with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
        raw.bind((source, 0))
        start = time.monotonic()
        sent = 0
        while len(answered) < count:
            now = time.monotonic()
            if sent < count and now >= start + sent * interval_s:
                sent += 1
                with contextlib.suppress(OSError):  # a blackhole refuses at once; what is not sent is not answered
                    raw.sendto(request(kind, identifier, sent), (target, 0))
            due = start + sent * interval_s if sent < count else start + (count - 1) * interval_s + patience_s
            if sent == count and now > due:
                break
            if select.select([raw], [], [], max(0.0, due - now))[0]:
                number = number_of(raw.recv(65535), version, answer, identifier)
                if 1 <= number <= sent:
                    answered.add(number)
    return answered


def main() -> None:
    """As the command line says."""
    source, target, count, interval_s, patience_s = sys.argv[1:]
    answered = echo(source, target, int(count), float(interval_s), float(patience_s))
    print("answered", *sorted(answered))


if __name__ == "__main__":
    main()
