"""Carries octets over one TCP connection and prints their checksums. Stands alone: it is copied into guests.

    stream.py serve ADDRESS PORT OCTETS            accept one connection, receive OCTETS, then send OCTETS
    stream.py dial ADDRESS PORT OCTETS SOURCE      connect from SOURCE, send OCTETS, then receive OCTETS

The last line printed is `sent SHA256 received SHA256`; the first line of `serve` is `ready`.
"""

import hashlib
import random
import socket
import sys

BLOCK = 1 << 16
SILENCE_S = 15.0


def send(connection: socket.socket, octets: int, seed: str) -> str:
    """Send `octets` pseudo-random octets drawn from `seed`; returns their SHA-256."""
    source = random.Random(seed)
    digest = hashlib.sha256()
    while octets:
        block = source.randbytes(min(BLOCK, octets))
        connection.sendall(block)
        digest.update(block)
        octets -= len(block)
    return digest.hexdigest()


def receive(connection: socket.socket, octets: int) -> str:
    """Receive `octets` octets; returns their SHA-256. Fewer end the process with an error."""
    digest = hashlib.sha256()
    while octets:
        block = connection.recv(min(BLOCK, octets))
        if not block:
            raise SystemExit(f"the connection ended {octets} octets early")
        digest.update(block)
        octets -= len(block)
    return digest.hexdigest()


def serve(address: str, port: int, octets: int) -> tuple[str, str]:
    """Accept one connection; returns the checksums of (sent, received)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as listener:
        listener.settimeout(SILENCE_S)
        print("ready", flush=True)
        connection, _ = listener.accept()
    with connection:
        connection.settimeout(SILENCE_S)
        received = receive(connection, octets)
        return send(connection, octets, "right to left"), received


def dial(address: str, port: int, octets: int, source: str) -> tuple[str, str]:
    """Connect; returns the checksums of (sent, received)."""
    with socket.create_connection((address, port), SILENCE_S, (source, 0)) as connection:
        sent = send(connection, octets, "left to right")
        return sent, receive(connection, octets)


def main(words: list[str]) -> None:
    """Run one end."""
    verb, address, port, octets, *source = words
    ends = (address, int(port), int(octets))
    sent, received = serve(*ends) if verb == "serve" else dial(*ends, *source)
    print("sent", sent, "received", received)


if __name__ == "__main__":
    main(sys.argv[1:])
