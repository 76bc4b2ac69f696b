"""A capture that the user asked for: IKE and ESP as they pass this host, and beside it the keys with which Wireshark
reads them.

    FILE          pcapng, mode 0600
    FILE.keys/    a Wireshark configuration folder, mode 0700: WIRESHARK_CONFIG_DIR=FILE.keys wireshark FILE

Packets come from the kernel by an AF_PACKET socket, so the data plane does not know. Super-packets of UDP offload are
cut back into the datagrams that travel. Writes keys nowhere else, and never without being asked.
"""

from __future__ import annotations

import array
import asyncio
import errno
import logging
import os
import shutil
import socket
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

from ikevpn import __version__
from ikevpn.capture import pcapng, wireshark
from ikevpn.capture.offload import split
from ikevpn.capture.packet_filter import ike_and_esp
from ikevpn.errors import HostError
from ikevpn.model.address import Address
from ikevpn.model.sa import Sa
from ikevpn.wire.registry import Protocol

ETH_P_ALL = 3
SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
PACKET_OUTGOING = 4
LONGEST_PACKET = 1 << 17
BUFFER = 8 << 20
PER_TURN = 256
_SHORTEST_IPV4, _IPV6_HEADER = 20, 40
_REFUSE_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF: return 0

_log = logging.getLogger(__name__)

Wanted = Callable[[Address, Address], bool]
"""Whether a packet between these two addresses belongs into the file."""


class Capture:
    """One running capture. Raises HostError when it cannot start, and leaves nothing then; `close` leaves a complete
    file.
    """

    def __init__(self, file: Path, ports: tuple[int, ...], wanted: Wanted) -> None:
        self.file = file
        self.keys = file.with_name(file.name + ".keys")
        self.packets = 0
        self._wanted = wanted
        self._failed = False
        with ExitStack() as undo:
            self._socket = undo.enter_context(_packet_socket(ports))
            self._out = _create(file, undo)
            _create_keys(self.keys, undo)
            undo.pop_all()
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        """Take what is waiting and end."""
        asyncio.get_running_loop().remove_reader(self._socket)
        _refuse_more(self._socket)
        while self._read():
            pass
        self._socket.close()
        os.close(self._out)

    def add_ike(self, cky_i: bytes, encryption_key: bytes) -> None:
        """Note the key of an IKE SA."""
        self._note("ikev1_decryption_table", wireshark.ike_row(cky_i, encryption_key))

    def add_esp(self, sa: Sa) -> None:
        """Note the keys of an ESP SA; what AH protects is readable anyway."""
        if sa.protocol is Protocol.ESP:
            self._note("esp_sa", wireshark.esp_row(sa))

    def _note(self, table: str, row: str) -> None:
        try:
            with (self.keys / table).open("a") as rows:
                rows.write(row)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """A full disk must not touch the tunnel: say it once and go on without."""
        if not self._failed:
            _log.error("the capture %s is incomplete: %s", self.file, error.strerror)
        self._failed = True

    def _read(self) -> bool:
        """One turn; whether there may be more."""
        blocks, more = [], True
        for _ in range(PER_TURN):
            try:
                packet, ancillary, _, origin = self._socket.recvmsg(LONGEST_PACKET, 64)
            except OSError:
                more = False
                break
            addresses = _addresses(packet)
            if addresses is None or _seen_twice(origin) or not self._wanted(*addresses):
                continue
            when = _time_ns(ancillary)
            blocks += [pcapng.write_packet(each, when) for each in split(packet)]
        self.packets += len(blocks)
        if blocks and not self._failed:
            try:
                os.write(self._out, b"".join(blocks))
            except OSError as error:
                self._fail(error)
        return more


def _create(file: Path, undo: ExitStack) -> int:
    try:
        out = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        undo.callback(file.unlink, missing_ok=True)
        undo.callback(os.close, out)
        os.write(out, pcapng.write_head(f"ikevpn {__version__}"))
        return out
    except OSError as error:
        fix = "give a file that does not exist yet, in a folder that belongs to root or to everybody"
        if error.errno == errno.ENOENT:
            fix = f"there is no folder {file.parent}; make it, or give another file"
        raise HostError(f"cannot create {file}: {error.strerror}", fix=fix, reason="capture") from None


def _create_keys(folder: Path, undo: ExitStack) -> None:
    try:
        folder.mkdir(mode=0o700)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        for name, text in (("preferences", wireshark.PREFERENCES), ("ikev1_decryption_table", ""), ("esp_sa", "")):
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(handle, text.encode())
            os.close(handle)
    except OSError as error:
        raise HostError(
            f"cannot create {folder}: {error.strerror}", fix="remove it or give another file", reason="capture"
        ) from None


def _packet_socket(ports: tuple[int, ...]) -> socket.socket:
    """All packets of all interfaces from the IP header on, filtered in the kernel."""
    try:
        taken = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    except OSError as error:
        raise HostError(
            f"cannot record packets: {error.strerror}",
            fix="the daemon needs CAP_NET_RAW; run it as root",
            reason="not-root",
        ) from None
    program, count = ike_and_esp(ports)
    taken.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", count, program.buffer_info()[0]))
    taken.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    taken.setblocking(False)
    _discard(taken)
    return taken


def _refuse_more(taken: socket.socket) -> None:
    """Leave what is queued and let nothing more in: on a busy host it would never end."""
    program = array.array("B", _REFUSE_ALL)
    taken.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, program.buffer_info()[0]))


def _discard(taken: socket.socket) -> None:
    """Throw away what came in before the filter stood."""
    try:
        while taken.recv(1):
            pass
    except BlockingIOError:
        pass


def _seen_twice(origin: tuple[str, int, int, int, bytes]) -> bool:
    """On loopback every packet passes going out and coming in."""
    return origin[0] == "lo" and origin[2] == PACKET_OUTGOING


def _addresses(packet: bytes) -> tuple[Address, Address] | None:
    """Source and target; None where the packet is shorter than its header, as somebody on the wire may make it."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= _SHORTEST_IPV4 and (packet[0] & 15) * 4 >= _SHORTEST_IPV4:
        return ip_address(packet[12:16]), ip_address(packet[16:20])
    if version == 6 and len(packet) >= _IPV6_HEADER:
        return ip_address(packet[8:24]), ip_address(packet[24:40])
    return None


def _time_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("@ll", data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()
