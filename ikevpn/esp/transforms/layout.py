"""Where things stand in an ESP packet (RFC 4303 §2): numbers, sizes in octets, and the default padding."""

from __future__ import annotations

ESP, AH = 50, 51  # as protocol or next header of IP
SPI = 4
HEADER = 8  # SPI and sequence number
TRAILER = 2  # pad length and next header

# 1, 2, 3 and so on with the pad length behind it, by number of octets (RFC 4303 §2.4).
PADDINGS = tuple(bytes(range(1, size + 1)) + bytes([size]) for size in range(256))
