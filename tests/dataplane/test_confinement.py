import os
import subprocess
import sys

import pytest

_NONE = "0" * 16
_ROOT = os.geteuid() == 0


def status(act: str) -> dict[str, str]:
    """What the kernel says of a process that has done this."""
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import ctypes, resource\n"
        "from ikevpn.dataplane import confinement\n"
        f"{act}\n"
        "print('Core', resource.getrlimit(resource.RLIMIT_CORE), sep=':')\n"
        "print('Dumpable', ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), sep=':')\n"
        "print(open('/proc/self/status').read())\n"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    return {name: value.strip() for name, _, value in (line.partition(":") for line in printed.splitlines())}


def test_nothing_is_left_to_misuse() -> None:
    seen = status("confinement.confine(); confinement.confine()")
    assert seen["Core"] == "(0, 0)" and seen["Dumpable"] == "0" and seen["NoNewPrivs"] == "1"
    assert seen["CapEff"] == seen["CapPrm"] == seen["CapInh"] == seen["CapAmb"] == _NONE
    if _ROOT:
        assert seen["CapBnd"] == _NONE


@pytest.mark.root
def test_some_are_kept() -> None:
    seen = status("confinement.drop((10, 12))")
    assert int(seen["CapEff"], 16) == int(seen["CapPrm"], 16) == int(seen["CapBnd"], 16) == 1 << 10 | 1 << 12
    assert seen["Dumpable"] == "1"
