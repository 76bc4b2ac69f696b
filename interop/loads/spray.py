"""Catches real ESP packets and sends bent copies of them, so many a second. Stands alone: runs inside namespaces.

    spray.py catch DEVICE COUNT FILE                  keep COUNT different ESP-in-UDP packets that come in on DEVICE
    spray.py send ADDRESS PORT PACKETS RATE FILE SEED bend them and send PACKETS of them to ADDRESS, RATE a second or,
                                                      where that is 0, as many as go

`send` prints one JSON object: how many packets were sent of each kind of harm, how many octets, in how many seconds.
"""

import json
import random
import socket
import struct
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

UDP_SEGMENT = 103
AHEAD = 1 << 29
TOGETHER = 40
BUFFERS = 400
ROUNDS = 8
LARGEST_TOGETHER = 60_000
KINDS = ("unknown-spi", "replay", "forged", "cut", "noise")
NAP_S = 0.001
TINY = 1000
"""One in so many calls sends a datagram of a few octets instead, which is no ESP at all."""


def catch(device: str, count: int, path: str) -> None:
    """Keep packets of different sequence numbers."""
    found: dict[bytes, bytes] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as tap:
        tap.bind((device, 0x0800))
        print("ready", flush=True)
        while len(found) < count:
            packet, address = tap.recvfrom(65535)
            header = (packet[0] & 15) * 4
            datagram = packet[header + 8 :]
            is_ours = packet[9] == socket.IPPROTO_UDP and packet[header + 2 : header + 4] == (4500).to_bytes(2, "big")
            if address[2] == 0 and is_ours and 40 < len(datagram) < 1500 and datagram[:4] != bytes(4):
                found[datagram[:8]] = datagram
    Path(path).write_text(json.dumps([packet.hex() for packet in found.values()]))


def bend(kind: str, packet: bytes, source: random.Random) -> NDArray[np.uint8]:
    """Copies of a packet, all of one size, each harmed in the same way."""
    width = source.randrange(8, 1473) if source.random() < 0.9 else source.randrange(1473, 9001)
    size = {"cut": source.randrange(8, len(packet)), "noise": width}.get(kind, len(packet))
    count = min(TOGETHER, LARGEST_TOGETHER // size)
    rows = np.zeros((count, size), np.uint8)
    common = min(size, len(packet))
    rows[:, :common] = np.frombuffer(packet, np.uint8)[:common]
    if kind == "unknown-spi":
        rows[:, 0] ^= source.randrange(1, 128)
        rows[:, 1:4] = np.frombuffer(source.randbytes(count * 3), np.uint8).reshape(count, 3)
    elif kind != "replay":
        ahead = int.from_bytes(packet[4:8], "big") + AHEAD + source.randrange(AHEAD)
        numbers = ((ahead + np.arange(count)) & 0xFFFFFFFF).astype(">u4")
        rows[:, 4:8] = numbers.view(np.uint8).reshape(count, 4)
    if kind == "noise":
        rows[:, 8:] = np.frombuffer(source.randbytes(count * (size - 8)), np.uint8).reshape(count, size - 8)
    if kind == "forged":
        columns = np.array([source.randrange(8, size) for _ in range(count)])
        rows[np.arange(count), columns] ^= np.uint8(1 << source.randrange(8))
    return rows


def buffers(packets: list[bytes], source: random.Random) -> list[tuple[str, NDArray[np.uint8]]]:
    """Kinds of harm, each with the packets that it was done to, a row each."""
    kinds = [source.choice(KINDS) for _ in range(BUFFERS)]
    return [(kind, bend(kind, source.choice(packets), source)) for kind in kinds]


def send(address: str, port: int, count: int, rate: int, path: str, seed: str) -> dict[str, float]:
    """Send `count` packets; a new set of harms every few rounds."""
    source = random.Random(seed)
    packets = [bytes.fromhex(text) for text in json.loads(Path(path).read_text())]
    sent: dict[str, float] = dict.fromkeys((*KINDS, "tiny", "octets"), 0)
    total, calls, started = 0, 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect((address, port))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        while total < count:
            batch = buffers(packets, source)
            for kind, rows in batch * ROUNDS:
                calls += 1
                if rate and (early := started + total / rate - time.monotonic()) > NAP_S:
                    time.sleep(early)
                if calls % TINY == 0:
                    end.send(source.randbytes(source.randrange(2, 4)))
                    sent["tiny"] += 1
                    total += 1
                end.sendmsg([rows.data], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", rows.shape[1]))])
                sent[kind] += len(rows)
                sent["octets"] += rows.size
                total += len(rows)
                if total >= count:
                    break
    sent["seconds"] = time.monotonic() - started
    return sent


def main(words: list[str]) -> None:
    """Run one verb."""
    if words[0] == "catch":
        catch(words[1], int(words[2]), words[3])
    else:
        address, port, count, rate, path, seed = words[1:]
        print(json.dumps(send(address, int(port), int(count), int(rate), path, seed)))


if __name__ == "__main__":
    main(sys.argv[1:])
