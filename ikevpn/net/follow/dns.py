"""Looking up DNS names, all answers, without blocking the loop."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

from ikevpn.errors import HostError
from ikevpn.model.address import Address

PATIENCE_S = 10.0


async def resolve(name: str, version: int = 0, patience_s: float = PATIENCE_S) -> tuple[Address, ...]:
    """All addresses of a name in the order of the system's preference; `version` 4 or 6 asks for one family only.

    Raises HostError (reason `dns`) where there is none, or no answer within `patience_s` seconds.
    """
    family = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}[version]
    loop = asyncio.get_running_loop()
    asking = loop.getaddrinfo(name, None, family=family, type=socket.SOCK_DGRAM)
    try:
        answers = await asyncio.wait_for(asking, patience_s)
    except socket.gaierror as error:
        raise _failed(name, _WORDS.get(error.errno or 0, (error.strerror or "unknown reason").lower())) from None
    except UnicodeError:
        raise _failed(name, "it is not a name that DNS can hold") from None
    except TimeoutError:
        raise _failed(name, f"no answer within {patience_s:g} s") from None
    return tuple(dict.fromkeys(ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))


_WORDS = {
    socket.EAI_NONAME: "there is no such name",
    socket.EAI_AGAIN: "no DNS server answers",
    socket.EAI_NODATA: "the name has no address",
    socket.EAI_FAIL: "the DNS server failed",
}


def _failed(name: str, why: str) -> HostError:
    fix = "Check its spelling and /etc/resolv.conf, or write the address in place of the name."
    return HostError(f"the name {name} cannot be looked up: {why}", fix=fix, reason="dns")
