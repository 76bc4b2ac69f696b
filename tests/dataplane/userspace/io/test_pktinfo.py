import socket
from ipaddress import ip_address

import pytest

from ikevpn.dataplane.userspace.io import pktinfo


@pytest.mark.parametrize(
    ("family", "wildcard", "address"),
    [(socket.AF_INET, "0.0.0.0", "127.0.0.5"), (socket.AF_INET6, "::", "::1")],
)
def test_our_address_is_told_and_chosen(family: int, wildcard: str, address: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as one, socket.socket(family, socket.SOCK_DGRAM) as two:
        for end in (one, two):
            end.bind((wildcard, 0))
            end.settimeout(90)
        pktinfo.enable(two)
        one.sendmsg([b"x"], pktinfo.write(ip_address(address)), 0, (address, two.getsockname()[1]))
        _, ancillary, _, source = two.recvmsg(10, pktinfo.ANCILLARY_SIZE)
        assert pktinfo.read(ancillary) == ip_address(address)
        assert source[0] == address


def test_the_wildcard_is_left_to_the_kernel() -> None:
    assert pktinfo.write(ip_address("0.0.0.0")) == pktinfo.write(ip_address("::")) == []


def test_without_it_nothing_is_told() -> None:
    assert pktinfo.read([(socket.SOL_SOCKET, socket.SCM_RIGHTS, bytes(4))]) is None
