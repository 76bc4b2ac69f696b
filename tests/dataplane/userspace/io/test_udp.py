import socket
from collections.abc import Iterator

import pytest

from ikevpn.dataplane.userspace.io import offload, udp
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.errors import HostError
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation


@pytest.fixture
def bound() -> Iterator[tuple[socket.socket, int]]:
    with udp.open_socket(Endpoint.of("0.0.0.0", 0)) as end:
        yield end, end.getsockname()[1]


def test_a_batch_is_put_together_by_path_and_bounded(bound: tuple[socket.socket, int]) -> None:
    end, port = bound
    receiver = udp.PktinfoReceiver(end, Endpoint.of("0.0.0.0", port), Encapsulation.UDP)
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        for sender, target, data in ((one, 1, b"a"), (one, 1, b""), (two, 1, b"c"), (one, 2, b"d"), (one, 2, b"e")):
            sender.sendto(data, (f"127.0.0.{target}", port))
        first, second, third = receiver.read_batch(4)
        (fourth,) = receiver.read_batch(4)
        assert receiver.read_batch(4) == []
        ports = [sender.getsockname()[1] for sender in (one, two)]
    paths = [
        Path(Endpoint.of(f"127.0.0.{target}", port), Endpoint.of("127.0.0.1", ports[sender]), Encapsulation.UDP)
        for sender, target in ((0, 1), (1, 1), (0, 2))
    ]
    assert [first, second, third] == [(paths[0], [b"a", b""], 0), (paths[1], [b"c"], 0), (paths[2], [b"d"], 0)]
    assert fourth == (paths[2], [b"e"], 0)
    assert fourth.path is third.path


def test_the_memory_of_paths_is_bounded(bound: tuple[socket.socket, int], monkeypatch: pytest.MonkeyPatch) -> None:
    end, port = bound
    monkeypatch.setattr(udp, "MOST_PATHS", 3)
    receiver = udp.PktinfoReceiver(end, Endpoint.of("0.0.0.0", port), Encapsulation.UDP)
    for n in range(1, 11):
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.bind((f"127.0.0.{n}", 0))
            sender.sendto(b"x", ("127.0.0.1", port))
        (arrival,) = receiver.read_batch(1)
        assert str(arrival.path.remote.address) == f"127.0.0.{n}"
        assert len(receiver._paths) <= 3


def test_both_versions_share_a_port(bound: tuple[socket.socket, int]) -> None:
    with udp.open_socket(Endpoint.of("::", bound[1])):
        pass


@pytest.mark.parametrize(
    ("address", "reason", "words"),
    [("0.0.0.0", "port-in-use", "is in use"), ("192.0.2.1", "no-such-address", "not an address of this host")],
)
def test_refusals(bound: tuple[socket.socket, int], address: str, reason: str, words: str) -> None:
    with pytest.raises(HostError, match=words) as caught:
        udp.open_socket(Endpoint.of(address, bound[1]))
    assert caught.value.reason == reason


def test_what_the_kernel_put_together_is_a_run(bound: tuple[socket.socket, int]) -> None:
    end, port = bound
    receiver = udp.PktinfoReceiver(end, Endpoint.of("0.0.0.0", port), Encapsulation.UDP)
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        for data in (b"aabb", b"ccdde"):
            sender.sendmsg([data], [offload.write(2)], 0, ("127.0.0.3", port))
        sender.sendto(b"ff", ("127.0.0.3", port))
        (run,) = receiver.read_batch(5)
        assert isinstance(run.datagrams, Run)
        assert list(run.datagrams) == [b"aa", b"bb", b"cc", b"dd", b"e"]
        (single,) = receiver.read_batch(5)
    assert single == (run.path, [b"ff"], 0)
    assert str(run.path.local.address) == "127.0.0.3"
