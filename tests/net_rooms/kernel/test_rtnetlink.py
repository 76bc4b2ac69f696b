"""What the kernel's netlink does not answer is a sentence, whoever asks what. Nothing here needs a privilege."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted

from ikevpn.errors import HostError
from ikevpn.net.kernel.rtnetlink import Kernel, Route

VERBS: dict[str, Callable[[Kernel], Any]] = {
    "index_of": lambda kernel: kernel.index_of("lo"),
    "is_up": lambda kernel: kernel.is_up("lo"),
    "mtu_of": lambda kernel: kernel.mtu_of("lo"),
    "set_link": lambda kernel: kernel.set_link("lo", up=True),
    "addresses_of": lambda kernel: kernel.addresses_of("lo"),
    "own_addresses": lambda kernel: kernel.own_addresses(),
    "device_names": lambda kernel: kernel.device_names(),
    "add_address": lambda kernel: kernel.add_address("lo", ip_interface("192.0.2.1/32")),
    "delete_address": lambda kernel: kernel.delete_address("lo", ip_interface("192.0.2.1/32")),
    "add_route": lambda kernel: kernel.add_route(Route(ip_network("192.0.2.0/24"))),
    "delete_route": lambda kernel: kernel.delete_route(Route(ip_network("192.0.2.0/24"))),
    "routes": lambda kernel: kernel.routes(4),
    "route_to": lambda kernel: kernel.route_to(ip_address("192.0.2.1")),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_socket_that_is_gone(verb: str) -> None:
    kernel = Kernel()
    kernel.close()
    with pytest.raises(HostError, match="bad file descriptor"):
        VERBS[verb](kernel)


def test_a_list_that_changes_while_it_is_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    lists: Any = [NetlinkDumpInterrupted()]
    read = kernel._netlink.get_links

    def get_links(*which: Any) -> Any:
        if lists:
            raise lists.pop()
        return read(*which)

    monkeypatch.setattr(kernel._netlink, "get_links", get_links)
    assert "lo" in kernel.device_names().values()
    lists += [NetlinkDumpInterrupted()] * 100
    with pytest.raises(HostError, match="listing the devices failed"):
        _ = kernel.port  # asks anew, whatever is known
    kernel.close()
