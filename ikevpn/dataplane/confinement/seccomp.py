"""Which system calls a worker may still make: a filter that the kernel asks at every call, and that cannot be removed.

A call that is not in the table fails with EPERM, and the kernel's log says so (`type=1326`, with the number of the
call): to end the worker would end its tunnels, and a C library that is newer than this table may try a call that it can
do without. A call of another architecture has no number that this table knows, and ends the process.

From Linux 5.11 on the kernel remembers which calls pass whatever their arguments are, and asks the filter for the
others only; before, it goes through the rows in order. So the calls of a packet come first, without a condition.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ikevpn.errors import HostError


class OneOf(NamedTuple):
    """An argument, counted from 0, has one of these values."""

    argument: int
    values: tuple[int, ...]


class Without(NamedTuple):
    """An argument, counted from 0, has none of these bits."""

    argument: int
    bits: int


Condition = OneOf | Without


class Call(NamedTuple):
    """A row of the table: its number on each machine (None: that one has no such call), and what the worker needs it
    for. All conditions have to hold.
    """

    name: str
    x86_64: int | None
    aarch64: int | None
    use: str
    conditions: tuple[Condition, ...] = ()


_PROT_EXEC = 4
_FIONBIO, _TUNGETIFF = 0x5421, 0x8004_54D2
_F_GETFD, _F_SETFD, _F_GETFL, _F_SETFL, _F_DUPFD_CLOEXEC = 1, 2, 3, 4, 1030
_IPPROTO_IP, _SOL_SOCKET, _IP_MTU_DISCOVER, _SO_NO_CHECK = 0, 1, 10, 11
_AT_EMPTY_PATH = 0x1000

# Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux.
CALLS = (
    Call("epoll_wait", 232, None, "wait for descriptors"),
    Call("epoll_pwait", 281, 22, "the same, where the C library has only this"),
    Call("recvmsg", 47, 212, "datagrams in; commands, with the descriptors of new devices and sockets"),
    Call("sendmsg", 46, 211, "datagrams out; answers and events"),
    Call("read", 0, 63, "packets from a TUN device"),
    Call("writev", 20, 66, "packets to a TUN device"),
    Call("recvmmsg", 299, 243, "many datagrams of a raw socket at once"),
    Call("sendmmsg", 307, 269, "many datagrams at once"),
    Call("recvfrom", 45, 207, "AH; rehearsed packets"),
    Call("sendto", 44, 206, "rehearsed packets"),
    Call("sched_yield", 24, 124, "let the processes have the processor that packets are for"),
    Call("getrandom", 318, 278, "IVs"),
    Call("clock_gettime", 228, 113, "the time, where the machine's clock cannot be read without a call"),
    Call("write", 1, 64, "what goes to standard error"),
    Call("epoll_ctl", 233, 21, "watch a descriptor, or no longer"),
    Call("epoll_create1", 291, 20, "the rehearsal has a loop of its own"),
    Call("getsockopt", 55, 209, "what a route takes, what a socket has lost, of which kind a received socket is"),
    Call("setsockopt", 54, 208, "DF and UDP's checksum of what leaves by a socket, which have no field beside it",
         (OneOf(1, (_IPPROTO_IP, _SOL_SOCKET)), OneOf(2, (_IP_MTU_DISCOVER, _SO_NO_CHECK)))),
    Call("connect", 42, 203, "ask the kernel for the route to a peer; only received sockets can be connected"),
    Call("getsockname", 51, 204, "of which kind a received socket is"),
    Call("getpeername", 52, 205, "of which kind a received socket is"),
    Call("ioctl", 16, 29, "whether a received device has offloads; do not wait for a socket",
         (OneOf(1, (_TUNGETIFF, _FIONBIO)),)),
    Call("fcntl", 72, 25, "do not wait for a descriptor, do not inherit it; not: whom it sends signals",
         (OneOf(1, (_F_GETFD, _F_SETFD, _F_GETFL, _F_SETFL, _F_DUPFD_CLOEXEC)),)),
    Call("fstat", 5, 80, "of which kind a received descriptor is"),
    Call("newfstatat", 262, 79, "the same, as some C libraries say it; a name instead finds nothing in an empty root",
         (OneOf(3, (_AT_EMPTY_PATH,)),)),
    Call("lseek", 8, 62, "of which kind a received descriptor is"),
    Call("close", 3, 57, "give a device or a socket back"),
    Call("brk", 12, 214, "memory"),
    Call("mmap", 9, 222, "memory, in which no program can run", (Without(2, _PROT_EXEC),)),
    Call("mprotect", 10, 226, "memory, in which no program can run", (Without(2, _PROT_EXEC),)),
    Call("munmap", 11, 215, "memory"),
    Call("mremap", 25, 216, "memory"),
    Call("madvise", 28, 233, "memory"),
    Call("futex", 202, 98, "locks of the interpreter"),
    Call("rt_sigprocmask", 14, 135, "signals of the process itself"),
    Call("rt_sigaction", 13, 134, "signals of the process itself"),
    Call("rt_sigreturn", 15, 139, "signals of the process itself"),
    Call("sigaltstack", 131, 132, "signals of the process itself"),
    Call("restart_syscall", 219, 128, "go on after the process was stopped"),
    Call("getpid", 39, 172, "the interpreter and OpenSSL ask whether they were forked"),
    Call("gettid", 186, 178, "the interpreter's threads"),
    Call("exit_group", 231, 94, "the end"),
    Call("exit", 60, 93, "the end"),
)  # fmt: skip

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand

_LOAD, _AND, _IF_EQUAL, _JUMP, _RETURN = 0x20, 0x54, 0x15, 0x05, 0x06
KILL, ALLOW, REFUSE = 0x8000_0000, 0x7FFF_0000, 0x0005_0000 | errno.EPERM
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data; both machines are little endian
MACHINES: Mapping[str, int] = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}  # AUDIT_ARCH_…

_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("HP")
_SECCOMP: Mapping[str, int] = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER, _ALL_THREADS, _LOG = 1, 1, 2


def program(machine: str, calls: Sequence[Call] = CALLS) -> list[Instruction]:
    """What the kernel asks. Raises KeyError for a machine that is not in MACHINES."""
    made: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE_AT), (_IF_EQUAL, 1, 0, MACHINES[machine]), (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]  # fmt: skip
    for call in calls:
        number: int | None = getattr(call, machine)
        if number is None:
            continue
        then = [*(step for condition in call.conditions for step in _check(condition)), (_RETURN, 0, 0, ALLOW)]
        made += [(_IF_EQUAL, 0, len(then), number), *then]
    return [*made, (_RETURN, 0, 0, REFUSE)]


def _check(condition: Condition) -> list[Instruction]:
    """Go on where it holds; the upper half of an argument counts for nothing, as all of these are of 32 bits."""
    load, refuse = (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * condition.argument), (_RETURN, 0, 0, REFUSE)
    if isinstance(condition, Without):
        return [load, (_AND, 0, 0, condition.bits), (_IF_EQUAL, 1, 0, 0), refuse]
    count = len(condition.values)
    return [load, *((_IF_EQUAL, count - at, 0, value) for at, value in enumerate(condition.values)), refuse]


def install(calls: Sequence[Call] = CALLS) -> None:
    """For all threads of this process, for good. Raises HostError where this machine or its kernel has none.

    Needs that new privileges are given up, or CAP_SYS_ADMIN.
    """
    machine = os.uname().machine
    if machine not in MACHINES:
        raise HostError(f"no list of system calls for {machine}", reason="privileges")
    steps = b"".join(_INSTRUCTION.pack(*each) for each in program(machine, calls))
    held = ctypes.create_string_buffer(steps, len(steps))
    wanted = _PROGRAM.pack(len(steps) // _INSTRUCTION.size, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (_ALL_THREADS | _LOG, _ALL_THREADS):  # to log is known since Linux 4.14
        if libc.syscall(_SECCOMP[machine], _SET_MODE_FILTER, flags, wanted) == 0:
            return
    raise HostError(f"the kernel refuses it: {os.strerror(ctypes.get_errno())}", reason="privileges")
