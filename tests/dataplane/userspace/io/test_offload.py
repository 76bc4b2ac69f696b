import socket

import pytest

from ikevpn.dataplane.userspace.io import offload
from ikevpn.dataplane.userspace.packet.run import Run


def test_the_kernel_cuts_and_puts_together() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sender,
        socket.socket(type=socket.SOCK_DGRAM) as plain,
        socket.socket(type=socket.SOCK_DGRAM) as together,
    ):
        offload.receive_together(together)
        for end in (plain, together):
            end.bind(("127.0.0.1", 0))
            end.settimeout(90)
            sender.sendmsg([b"aabb", b"c"], [offload.write(2)], 0, end.getsockname())
        assert [plain.recv(10) for _ in range(3)] == [b"aa", b"bb", b"c"]
        data, ancillary, _, _ = together.recvmsg(10, 100)
        assert (data, offload.read(ancillary)) == (b"aabbc", 2)


def test_one_datagram_has_no_size() -> None:
    assert offload.read([]) == offload.read([(socket.SOL_SOCKET, 1, bytes(4))]) == 0


def test_a_socket_that_cannot_is_left_as_it_is() -> None:
    with socket.socket() as stream:
        offload.receive_together(stream)


@pytest.mark.parametrize(
    ("count", "size", "tail", "expected"),
    [
        (3, 10, 0, [3]),
        (3, 10, 4, [4]),
        (48, 1416, 0, [24, 24]),
        (45, 1416, 100, [46]),
        (46, 1416, 100, [24, 23]),
        (100, 10, 0, [50, 50]),
        (3, 40_000, 0, [1, 1, 1]),
        (1, 10, 0, [1]),
    ],
)
def test_portions_are_even_and_fit_one_ip_packet(count: int, size: int, tail: int, expected: list[int]) -> None:
    data = bytes(count * size + tail)
    parts = list(offload.portions(Run.of(data, size)))
    assert [packets for _, packets in parts] == expected
    assert b"".join(b"".join(pieces) for pieces, _ in parts) == data
    assert all(sum(map(len, pieces)) <= 65_487 for pieces, _ in parts)
