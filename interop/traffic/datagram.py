"""Sends large datagrams and has them sent back. Stands alone: it is copied into guests.

datagram.py serve ADDRESS PORT                 send back what comes; the first line printed is `ready`
datagram.py dial ADDRESS PORT SOURCE SIZE…     for each size, send that many octets; prints how many came back whole
"""

import random
import socket
import sys

PATIENCE_S = 2.0
TRIES = 3


def serve(address: str, port: int) -> None:
    """Until somebody ends us."""
    with _socket(address, port) as end:
        print("ready", flush=True)
        while True:
            data, sender = end.recvfrom(65535)
            end.sendto(data, sender)


def dial(address: str, port: int, source: str, sizes: list[int]) -> int:
    """How many sizes came back as they were sent."""
    with _socket(source, 0) as end:
        end.settimeout(PATIENCE_S)
        return sum(_returns(end, (address, port), random.Random(size).randbytes(size)) for size in sizes)


def _returns(end: socket.socket, target: tuple[str, int], data: bytes) -> bool:
    for _ in range(TRIES):
        end.sendto(data, target)
        try:
            if end.recv(65535) == data:
                return True
        except TimeoutError:
            continue
    return False


def _socket(address: str, port: int) -> socket.socket:
    end = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((address, port))
    return end


def main(words: list[str]) -> None:
    """Run one end."""
    if words[0] == "serve":
        serve(words[1], int(words[2]))
    else:
        print(dial(words[1], int(words[2]), words[3], [int(word) for word in words[4:]]))


if __name__ == "__main__":
    main(sys.argv[1:])
