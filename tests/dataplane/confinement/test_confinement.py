import os
import subprocess
import sys

import pytest

_NONE = "0" * 16
_ROOT = os.geteuid() == 0


def seen_after(act: str, environment: dict[str, str] | None = None, user: int | None = None) -> dict[str, str]:
    """What the kernel says of a process that has done this, by a file that was open before; and what `act` left in
    `result`.
    """
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import ctypes, os, resource, errno\n"
        "from ikevpn.dataplane.confinement import confinement, own_user, seccomp\n"
        "from ikevpn.errors import HostError\n"
        "status, result = open('/proc/self/status'), None\n"
        "confine = lambda: confinement.confine(own_user.OwnUser.find())\n"
        f"{act}\n"
        "print('Result', result, sep=':')\n"
        "print('Core', resource.getrlimit(resource.RLIMIT_CORE) if 'cores' in globals() else '', sep=':')\n"
        "print(status.read())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, user=user)
    assert ended.returncode == 0, ended.stderr
    return {name: value.strip() for name, _, value in (line.partition(":") for line in ended.stdout.splitlines())}


@pytest.mark.root
def test_nothing_is_left_to_misuse() -> None:
    seen = seen_after("result = confine()")
    assert seen["Result"] == "()"
    assert seen["NoNewPrivs"] == "1" and seen["Seccomp"] == "2" and seen["Groups"] == ""
    assert {seen[kind] for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")} == {_NONE}
    assert "0" not in seen["Uid"].split() and "0" not in seen["Gid"].split()


def test_no_core_dump_and_no_debugger() -> None:
    seen = seen_after(
        "cores = confinement.hide_memory()\nresult = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)",
    )
    assert seen["Core"] == "(0, 0)" and seen["Result"] == "0"


@pytest.mark.root
def test_some_are_kept() -> None:
    seen = seen_after("confinement.drop((10, 12)); result = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)")
    assert int(seen["CapEff"], 16) == int(seen["CapPrm"], 16) == int(seen["CapBnd"], 16) == 1 << 10 | 1 << 12
    assert seen["Result"] == "1"


@pytest.mark.root
@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        ("CAP_SETUID", "a user and groups of its own (CAP_SETUID or CAP_SETGID is missing)"),
        ("CAP_SETPCAP", "an empty bounding set of capabilities (CAP_SETPCAP is missing)"),
    ],
)
def test_what_a_container_does_not_allow_is_named_and_the_rest_is_in_force(lacking: str, named: str) -> None:
    seen = seen_after(f"confinement.drop([n for n in range(64) if n != confinement.{lacking}])\nresult = confine()")
    assert seen["Result"] == str((named,))
    assert seen["NoNewPrivs"] == "1" and seen["Seccomp"] == "2" and seen["CapEff"] == seen["CapPrm"] == _NONE


@pytest.mark.root
def test_without_chroot_a_user_namespace_gives_the_empty_root() -> None:
    seen = seen_after("confinement.drop([n for n in range(64) if n != confinement.CAP_SYS_CHROOT])\nresult = confine()")
    assert seen["Result"] == "()" and seen["Seccomp"] == "2" and seen["CapBnd"] == seen["CapEff"] == _NONE


@pytest.mark.root
def test_without_either_that_is_named() -> None:
    seen = seen_after(
        "confinement.drop([n for n in range(64) if n != confinement.CAP_SYS_CHROOT])\n"
        "confinement._libc = lambda libc=confinement._libc(): type('', (), {\n"
        "    '__getattr__': lambda self, name: (lambda *a: -1) if name == 'unshare' else getattr(libc, name)})()\n"
        "result = confine()"
    )
    expected = "an empty root (CAP_SYS_CHROOT is missing, and no user namespace is allowed instead)"
    assert seen["Result"] == str((expected,)) and seen["Seccomp"] == "2"


def test_without_a_filter_that_is_named() -> None:
    seen = seen_after(
        "def refuse():\n"
        "    raise HostError('the kernel refuses it: Invalid argument')\n"
        "seccomp.install = refuse\n"
        "result = [each for each in confine() if 'filter' in each]"
    )
    assert seen["Result"] == "['a filter of system calls (the kernel refuses it: Invalid argument)']"
    assert seen["NoNewPrivs"] == "1" and seen["CapEff"] == _NONE
