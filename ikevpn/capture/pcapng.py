"""The pcapng file format, as much of it as a capture of IP packets needs. Bytes only; opens no file.

One section, one interface whose packets begin with the IP header (LINKTYPE_RAW), times in nanoseconds.
"""

from __future__ import annotations

import struct

LINKTYPE_RAW = 101
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER = 0x1A2B3C4D
_LENGTH_UNKNOWN = 0xFFFFFFFFFFFFFFFF
_OPTION_APPLICATION, _OPTION_RESOLUTION = 4, 9


def write_head(application: str) -> bytes:
    """The blocks that open a file."""
    section = struct.pack("<IHHQ", _BYTE_ORDER, 1, 0, _LENGTH_UNKNOWN) + _option(
        _OPTION_APPLICATION, application.encode()
    )
    interface = struct.pack("<HHI", LINKTYPE_RAW, 0, 0) + _option(_OPTION_RESOLUTION, bytes([9]))
    return _block(_SECTION, section + _option(0, b"")) + _block(_INTERFACE, interface + _option(0, b""))


def write_packet(packet: bytes, time_ns: int) -> bytes:
    """One packet, from its IP header on."""
    head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(packet), len(packet))
    return _block(_PACKET, head + _padded(packet))


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)
