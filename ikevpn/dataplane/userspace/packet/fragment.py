"""Cuts IPv4 packets that are too large for a tunnel and may be fragmented (RFC 791 §3.2); pure."""

from __future__ import annotations

from ikevpn.dataplane.userspace.packet import checksum

_FIXED = 20
_MORE = 0x2000
_OFFSET = 0x1FFF
_LARGEST = 65_535
_UNIT = 8  # octets in which offsets count
_COPIED = 0x80
_END, _NOTHING = 0, 1


def fragments(packet: bytes, largest: int) -> list[bytes]:
    """Packets of at most `largest` octets that say the same; the packet itself may be a fragment already.

    Empty where not even one unit of eight octets fits behind a header.
    """
    if len(packet) <= largest:
        return [packet]
    size = (packet[0] & 15) * 4
    field = int.from_bytes(packet[6:8], "big")
    if (field & _OFFSET) * _UNIT + len(packet) > _LARGEST:  # offsets of later pieces would begin again at 0
        return []
    first, later = packet[:size], packet[:_FIXED] + _copied(packet[_FIXED:size])
    made: list[bytes] = []
    at = size
    while at < len(packet):
        header = later if made else first
        room = (largest - len(header)) // _UNIT * _UNIT
        if room <= 0:
            return []
        payload = packet[at : at + room]
        more = field & _MORE or (at + room < len(packet) and _MORE)
        made.append(_fragment(header, payload, (field + (at - size) // _UNIT) & _OFFSET | more))
        at += room
    return made


def _fragment(header: bytes, payload: bytes, field: int) -> bytes:
    changed = bytearray(header)
    changed[0] = 0x40 | len(header) // 4
    changed[2:4] = (len(header) + len(payload)).to_bytes(2, "big")
    changed[6:8] = field.to_bytes(2, "big")
    changed[10:12] = bytes(2)
    changed[10:12] = checksum.complete(checksum.add(changed)).to_bytes(2, "little")
    return bytes(changed) + payload


def _copied(options: bytes) -> bytes:
    """The options that every fragment carries; broken ones end the list."""
    kept, at = b"", 0
    while at < len(options) and options[at] != _END:
        size = 1 if options[at] == _NOTHING else options[at + 1] if at + 1 < len(options) else 0
        if not size or (options[at] != _NOTHING and size < 2) or at + size > len(options):
            break
        if options[at] & _COPIED:
            kept += options[at : at + size]
        at += size
    return kept + bytes(-len(kept) % 4)
