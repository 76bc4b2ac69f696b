"""A classic BPF program that lets IKE, ESP and AH through: protocols 50 and 51 and UDP of given ports, IPv4 and IPv6.

Made for sockets whose packets begin with the IP header. Assembles octets and attaches nothing.
"""

from __future__ import annotations

import array
import struct

_LOAD_BYTE, _LOAD_HALF, _LOAD_BYTE_X, _LOAD_HALF_X = 0x30, 0x28, 0x50, 0x48
_LOAD_X_IP_LENGTH = 0xB1
_SHIFT_RIGHT, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x74, 0x15, 0x45, 0x06
_ESP, _AH, _UDP, _IPV6_FRAGMENT = 50, 51, 17, 44
_WHOLE = 0x40000

_Line = tuple[int, int, str, str]  # operation, operand, label when true, label when false; "" is the next line


def ike_and_esp(ports: tuple[int, ...]) -> tuple[array.array[int], int]:
    """The program as `struct sock_filter[]` in memory that must outlive its attachment, and its number of lines."""
    lines: list[tuple[str, _Line]] = [
        ("", (_LOAD_BYTE, 0, "", "")),
        ("", (_SHIFT_RIGHT, 4, "", "")),
        ("", (_JUMP_EQUAL, 6, "v6", "")),
        ("", (_JUMP_EQUAL, 4, "", "no")),
        ("", (_LOAD_BYTE, 9, "", "")),
        ("", (_JUMP_EQUAL, _ESP, "yes", "")),
        ("", (_JUMP_EQUAL, _AH, "yes", "")),
        ("", (_JUMP_EQUAL, _UDP, "", "no")),
        ("", (_LOAD_HALF, 6, "", "")),
        ("", (_JUMP_SET, 0x1FFF, "yes", "")),  # a later fragment carries no ports
        ("", (_LOAD_X_IP_LENGTH, 0, "", "")),
        *_port_tests(_LOAD_HALF_X, 0, ports),
        ("v6", (_LOAD_BYTE, 6, "", "")),
        ("", (_JUMP_EQUAL, _ESP, "yes", "")),
        ("", (_JUMP_EQUAL, _AH, "yes", "")),
        ("", (_JUMP_EQUAL, _IPV6_FRAGMENT, "yes", "")),
        ("", (_JUMP_EQUAL, _UDP, "", "no")),
        *_port_tests(_LOAD_HALF, 40, ports),
        ("no", (_RETURN, 0, "", "")),
        ("yes", (_RETURN, _WHOLE, "", "")),
    ]
    return _assemble(lines), len(lines)


def _port_tests(load: int, offset: int, ports: tuple[int, ...]) -> list[tuple[str, _Line]]:
    """Source or destination is one of `ports`; otherwise no."""
    tests: list[tuple[str, _Line]] = []
    for place in (offset, offset + 2):
        tests.append(("", (load, place, "", "")))
        tests += [("", (_JUMP_EQUAL, port, "yes", "")) for port in ports]
    return [*tests, ("", (_RETURN, 0, "", ""))]


def _assemble(lines: list[tuple[str, _Line]]) -> array.array[int]:
    labels = {label: number for number, (label, _) in enumerate(lines) if label}

    def distance(label: str, number: int) -> int:
        return labels[label] - number - 1 if label else 0

    program = array.array("B")
    for number, (_, (operation, operand, when_true, when_false)) in enumerate(lines):
        program.frombytes(
            struct.pack("HBBI", operation, distance(when_true, number), distance(when_false, number), operand)
        )
    return program
