from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence

import pytest

from ikevpn.dataplane.confinement import seccomp
from ikevpn.dataplane.confinement.seccomp import ALLOW, CALLS, KILL, MACHINES, REFUSE, Call, OneOf, Without
from ikevpn.errors import HostError

Step = tuple[int, int, int, int]


def verdict(program: Sequence[Step], arch: int, number: int, arguments: Sequence[int] = ()) -> int:
    """What the kernel would say, by the words of struct seccomp_data."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, arch, 0, *padded)
    at = accumulator = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x15:
            at += if_true if accumulator == operand else if_false
        else:
            assert code == 0x06
            return operand


def number_of(call: Call, machine: str) -> int | None:
    number: int | None = getattr(call, machine)
    return number


def allowed_arguments(call: Call) -> list[int]:
    arguments = [0] * 6
    for condition in call.conditions:
        arguments[condition.argument] = condition.values[-1] if isinstance(condition, OneOf) else ~condition.bits
    return [argument & 0xFFFF_FFFF for argument in arguments]


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_listed_passes_and_everything_else_is_refused(machine: str) -> None:
    program, arch = seccomp.program(machine), MACHINES[machine]
    listed = {number: call for call in CALLS if (number := number_of(call, machine)) is not None}
    for number in [*range(600), 0x4000_0000, 0x4000_0027, 0xFFFF_FFFF]:
        call = listed.get(number)
        expected = REFUSE if call is None else ALLOW
        assert verdict(program, arch, number, allowed_arguments(call) if call else ()) == expected, (number, call)
    assert REFUSE & 0xFFFF == errno.EPERM and REFUSE >> 16 == 5


@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_that_are_not_listed_are_refused(machine: str) -> None:
    program, arch = seccomp.program(machine), MACHINES[machine]
    conditional = [call for call in CALLS if call.conditions and number_of(call, machine) is not None]
    assert {call.name for call in conditional} >= {"ioctl", "fcntl", "setsockopt", "mmap", "mprotect", "newfstatat"}
    for call in conditional:
        number = number_of(call, machine)
        assert number is not None
        for condition in call.conditions:
            for value in [*range(64), 0xFFFF_FFFF]:
                arguments = allowed_arguments(call)
                arguments[condition.argument] = value
                fine = not value & condition.bits if isinstance(condition, Without) else value in condition.values
                assert verdict(program, arch, number, arguments) == (ALLOW if fine else REFUSE), (call.name, value)


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    program = seccomp.program(machine)
    for arch in [0x4000_0003, 0x4000_0028, *(number for name, number in MACHINES.items() if name != machine)]:
        assert {verdict(program, arch, number) for number in range(500)} == {KILL}


def test_calls_of_a_packet_have_no_condition_and_come_first() -> None:
    """The kernel remembers those without a condition; before Linux 5.11 it goes through the rows."""
    names = [call.name for call in CALLS]
    for name in ("epoll_wait", "recvmsg", "sendmsg", "read", "writev", "recvmmsg", "sendmmsg", "sched_yield"):
        assert not CALLS[names.index(name)].conditions and names.index(name) < 12


def test_each_row_says_what_it_is_for() -> None:
    assert all(call.use for call in CALLS) and len({call.name for call in CALLS}) == len(CALLS)
    for machine in MACHINES:
        numbers = [number for call in CALLS if (number := number_of(call, machine)) is not None]
        assert len(set(numbers)) == len(numbers)


def test_nothing_opens_starts_or_touches_others() -> None:
    doors = {
        "open", "openat", "openat2", "creat", "socket", "bind", "listen", "accept", "accept4", "execve", "execveat",
        "clone", "clone3", "fork", "vfork", "kill", "tkill", "tgkill", "pidfd_open", "ptrace", "process_vm_readv",
        "setuid", "setresuid", "capset", "chroot", "mount", "unshare", "setns", "bpf", "io_uring_setup", "prctl",
        "seccomp", "keyctl", "memfd_create", "pidfd_getfd", "socketpair", "dup", "dup2", "dup3",
    }  # fmt: skip
    assert not doors & {call.name for call in CALLS}


def test_an_unknown_machine_is_said_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    there = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*there[:4], "riscv64")))
    with pytest.raises(HostError, match="riscv64"):
        seccomp.install()
