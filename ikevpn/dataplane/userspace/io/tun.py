"""TUN devices: opened where the privilege is, read and written in batches by the worker.

A device lives as long as a descriptor of it is open anywhere. To bring it up, its address and routes belong to `net`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from io import FileIO
from typing import NamedTuple

from ikevpn.dataplane.userspace.io.frame_buffer import FrameBuffer
from ikevpn.dataplane.userspace.io.offload import tell_once
from ikevpn.dataplane.userspace.packet import frames, vnet
from ikevpn.dataplane.userspace.packet.frames import Packet
from ikevpn.dataplane.userspace.packet.run import Octets
from ikevpn.dataplane.userspace.packet.stats import Loss, Stats
from ikevpn.errors import HostError
from ikevpn.esp.packet.drops import Drop

CLONE_DEVICE = "/dev/net/tun"
LONGEST_NAME = 15  # IFNAMSIZ less its final zero

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_IFF_TUN_EXCL = 0x8000
_IFF_VNET_HDR = 0x4000
_TUNSETOFFLOAD = 0x400454D0
_TUNGETIFF = 0x800454D2
_CSUM, _TSO4, _TSO6, _USO4, _USO6 = 0x01, 0x02, 0x04, 0x20, 0x40
_SIOCSIFMTU = 0x8922
_IFREQ_FLAGS = struct.Struct("16sH22x")
_IFREQ_MTU = struct.Struct("16si20x")

_FLAGS = _IFF_TUN | _IFF_NO_PI | _IFF_TUN_EXCL

_GONE = (errno.EBADFD, errno.EBADF, errno.EIO)  # deleted, closed, down for good; all others pass

# What the kernel may leave to us, best first; USO since Linux 6.2.
_OFFLOADS = (_CSUM | _TSO4 | _TSO6 | _USO4 | _USO6, _CSUM | _TSO4 | _TSO6, _CSUM)


class Opened(NamedTuple):
    """A device by the name that the kernel gave, and a non-blocking descriptor of it.

    `joins_udp`: the kernel takes UDP packets put together (USO, since Linux 6.2).
    """

    name: str
    descriptor: int
    joins_udp: bool


def open_device(name: str, mtu: int) -> Opened:
    """Create a TUN device that must not exist yet; `%d` in `name` lets the kernel number it.

    Raises HostError.
    """
    if not 0 < len(name.encode()) <= LONGEST_NAME:
        raise HostError(f'"{name}" cannot be the name of a device', fix=f"choose one of 1 to {LONGEST_NAME} characters")
    descriptor = _open_clone_device()
    try:
        given, joins_udp = _attach(descriptor, name)
        _set_mtu(given, mtu)
    except OSError as error:
        os.close(descriptor)
        raise _refusal(name, error) from None
    return Opened(given, descriptor, joins_udp)


def _attach(descriptor: int, name: str) -> tuple[str, bool]:
    """Make the device, with offloads where the kernel has them: its name, and whether UDP is among them."""
    try:
        given = _set_flags(descriptor, name, _FLAGS | _IFF_VNET_HDR)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        tell_once("TUN devices of this kernel have no offloads: every packet takes a system call")
        return _set_flags(descriptor, name, _FLAGS), False
    for offloads in _OFFLOADS:
        try:
            fcntl.ioctl(descriptor, _TUNSETOFFLOAD, offloads)
        except OSError:
            continue
        if not offloads & _USO4:
            tell_once("TUN devices of this kernel do not take UDP in one piece (Linux 6.2 does)")
        return given, bool(offloads & _USO4)
    return given, False


def _set_flags(descriptor: int, name: str, flags: int) -> str:
    request = fcntl.ioctl(descriptor, _TUNSETIFF, _IFREQ_FLAGS.pack(name.encode(), flags))
    return str(_IFREQ_FLAGS.unpack(request)[0].rstrip(b"\0").decode())


def _has_offloads(descriptor: int) -> bool:
    """Whether frames have a header of `vnet`."""
    try:
        request = fcntl.ioctl(descriptor, _TUNGETIFF, _IFREQ_FLAGS.pack(b"", 0))
    except OSError:  # not a device, as in tests
        return False
    return bool(_IFREQ_FLAGS.unpack(request)[1] & _IFF_VNET_HDR)


def _open_clone_device() -> int:
    try:
        return os.open(CLONE_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise HostError(
            f"{CLONE_DEVICE} does not exist", reason="no-tun", fix="load the kernel module: modprobe tun"
        ) from None
    except PermissionError:
        raise HostError(
            f"{CLONE_DEVICE} may not be opened",
            reason="not-root",
            fix="run as root; in a container pass the device: `--device /dev/net/tun`",
        ) from None
    except OSError as error:
        raise HostError(
            f"{CLONE_DEVICE} does not work: {error.strerror}",
            reason="no-tun",
            fix="load the kernel module: modprobe tun",
        ) from None


def _set_mtu(name: str, mtu: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFMTU, _IFREQ_MTU.pack(name.encode(), mtu))


def _refusal(name: str, error: OSError) -> HostError:
    if error.errno in (errno.EPERM, errno.EACCES):
        return HostError(f"creating the device {name} is not permitted", reason="not-root", fix="run as root")
    if error.errno in (errno.EBUSY, errno.EEXIST):
        return HostError(
            f"a device named {name} exists already",
            reason="name-taken",
            fix="choose another name or delete that device",
        )
    return HostError(f"the device {name} cannot be created: {error.strerror}")


class Tun:
    """The worker's end of one device. `gone` once somebody has deleted the device; `taken` is how much the last batch
    had, large packets counted as one.
    """

    def __init__(self, descriptor: int, stats: Stats, buffer: FrameBuffer, *, joins_udp: bool) -> None:
        """`buffer` may be that of other devices too."""
        self._descriptor = descriptor
        self._joins_udp = joins_udp
        self._stats = stats
        self._offloads = _has_offloads(descriptor)
        self._file = FileIO(descriptor, closefd=False)
        self._buffer = buffer
        self.gone = False
        self.taken = 0

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Nothing is read or written afterwards."""
        self._file.close()
        os.close(self._descriptor)
        self._descriptor = -1
        self.gone = True

    def read_batch(self, limit: int) -> Sequence[Packet]:
        """What the host sends through the device: `limit` packets or less, some of which have to be cut into more.

        Empty where there is nothing. All but single small packets are valid until the next batch.
        """
        self.taken = 0
        if self.gone:
            return []
        buffer = self._buffer
        try:
            buffer.fill(self._file.readinto, limit)
        except OSError as error:
            self.gone = error.errno in _GONE
            if not self.gone:
                self._stats.lose(Loss.READ_FAILED)
        self.taken = len(buffer.sizes)
        if not self._offloads:
            return list(map(bytes, buffer.frames()))
        if self.taken == 1:
            (frame,) = buffer.frames()
            if frame[: vnet.SIZE] == vnet.PLAIN and len(frame) > vnet.SIZE:
                return [bytes(frame[vnet.SIZE :])]  # alone and whole, as most are where little is going on
        rows = buffer.rows()
        packets, broken = frames.read(buffer.frames()) if rows is None else frames.read_rows(rows, buffer.sizes)
        if broken:
            self._stats.lose(Drop.MALFORMED_INNER, broken)
        return packets

    def write_batch(self, packets: Sequence[Octets]) -> None:
        """Give IP packets to the host; what the kernel does not take is counted."""
        if self._offloads and len(packets) == 1:
            self._write((vnet.PLAIN, packets[0]), 1)
        elif self._offloads:
            for pieces, count in frames.write(packets, joins_udp=self._joins_udp):
                self._write(pieces, count)
        else:
            for packet in packets:
                self._write((packet,), 1)

    def _write(self, pieces: Sequence[Octets], count: int) -> None:
        try:
            os.writev(self._descriptor, pieces)
        except BlockingIOError:
            self._stats.lose(Drop.QUEUE_FULL, count)
        except OSError as error:
            if error.errno == errno.EINVAL and count > 1:
                for packet in frames.apart(pieces):
                    self._write((vnet.PLAIN, packet), 1)
                return
            self._stats.lose(Drop.MALFORMED_INNER if error.errno == errno.EINVAL else Loss.DEVICE_DOWN, count)


class Devices:
    """The real inner end: all devices of the worker by name."""

    def __init__(self, stats: Stats, batch: int) -> None:
        """`batch` is the most that is ever read at once."""
        self._stats = stats
        self._buffer = FrameBuffer(batch)
        self._devices: dict[str, Tun] = {}

    def use(self, name: str, descriptor: int, *, joins_udp: bool) -> Tun:
        """Take an open device over."""
        device = self._devices[name] = Tun(descriptor, self._stats, self._buffer, joins_udp=joins_udp)
        return device

    def drop(self, name: str) -> Tun | None:
        """Give the device back to the caller, who closes it."""
        return self._devices.pop(name, None)

    def write(self, device: str, packets: Sequence[Octets]) -> None:
        """Give IP packets to the host through `device`; what the kernel does not take is counted."""
        tun = self._devices.get(device)
        if tun is None:
            self._stats.lose(Loss.NO_DEVICE, len(packets))
        else:
            tun.write_batch(packets)
