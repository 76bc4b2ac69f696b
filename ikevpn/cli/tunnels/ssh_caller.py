"""From where the session comes in which a command is called: the address of an SSH client, or nothing.

`sudo` takes the variables of ssh away, so the processes above are asked too, where we may.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path

from ikevpn.model.address import Address

_VARIABLES = ("SSH_CONNECTION", "SSH_CLIENT")
_MOST_ABOVE = 64


def ssh_caller(proc: Path = Path("/proc")) -> Address | None:
    """The client's address; None where nobody calls by SSH, or nothing says so."""
    for environment in (os.environ, *_above(proc)):
        for variable in _VARIABLES:
            if found := _address(environment.get(variable, "")):
                return found
    return None


def _address(value: str) -> Address | None:
    """The first word of `198.51.100.7 50022 192.0.2.1 22`."""
    try:
        return ip_address(value.split(maxsplit=1)[0].partition("%")[0])
    except (ValueError, IndexError):
        return None


def _above(proc: Path) -> Iterator[Mapping[str, str]]:
    """The environments with which the processes above ours were started."""
    number = os.getppid()
    for _ in range(_MOST_ABOVE):
        try:
            words = (proc / str(number) / "environ").read_bytes().split(b"\0")
            status = (proc / str(number) / "stat").read_text()
        except OSError:
            return
        yield dict(word.decode(errors="replace").partition("=")[::2] for word in words)
        number = int(status.rpartition(")")[2].split()[1])
        if number <= 1:
            return
