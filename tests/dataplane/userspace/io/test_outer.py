import errno
import socket
from dataclasses import replace

import pytest

from ikevpn.dataplane.userspace.io import mmsg, udp
from ikevpn.dataplane.userspace.io.outer import Outer
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.marking import PLAIN, Mark
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation


class Lab:
    """An outer end with one wildcard socket on loopback, and somebody who listens."""

    def __init__(self) -> None:
        self.stats = Stats()
        self.outer = Outer(self.stats)
        self.end = udp.open_socket(Endpoint.of("0.0.0.0", 0))
        self.listener = socket.socket(type=socket.SOCK_DGRAM)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.settimeout(90)
        self.port = self.end.getsockname()[1]
        self.outer.use_udp(Endpoint.of("0.0.0.0", self.port), self.end)
        self.path = Path(
            Endpoint.of("127.0.0.7", self.port),
            Endpoint.of("127.0.0.1", self.listener.getsockname()[1]),
            Encapsulation.UDP,
        )

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.end.close()
        self.listener.close()


def test_datagrams_leave_in_order_from_the_address_of_the_path() -> None:
    with Lab() as lab:
        lab.outer.send(lab.path, [b"one", b"two"])
        assert [lab.listener.recvfrom(10) for _ in range(2)] == [
            (b"one", ("127.0.0.7", lab.port)),
            (b"two", ("127.0.0.7", lab.port)),
        ]
        assert lab.stats.report() == {}


def test_the_socket_of_the_address_comes_before_the_wildcard() -> None:
    with Lab() as lab, socket.socket(type=socket.SOCK_DGRAM) as exact:
        exact.bind(("127.0.0.8", 0))
        port = exact.getsockname()[1]
        local = Endpoint.of("127.0.0.8", port)
        lab.outer.use_udp(Endpoint.of("0.0.0.0", port), lab.end)
        lab.outer.use_udp(local, exact)
        lab.outer.send(replace(lab.path, local=local), [b"x"])
        assert lab.listener.recvfrom(10) == (b"x", ("127.0.0.8", port))


@pytest.mark.parametrize(
    "path",
    [
        {"local": Endpoint.of("127.0.0.1", 1)},
        {"encapsulation": Encapsulation.NONE},
        {"local": Endpoint.of("::1", 4500), "remote": Endpoint.of("::1", 4500)},
    ],
)
def test_no_socket(path: dict[str, object]) -> None:
    with Lab() as lab:
        lab.outer.send(replace(lab.path, **path), [b"x", b"y"])  # type: ignore[arg-type]
        assert lab.stats.report() == {"drop-no-socket": 2}


def test_a_socket_that_comes_later_is_found() -> None:
    with Lab() as lab:
        path = replace(lab.path, local=Endpoint.of("127.0.0.1", 1))
        lab.outer.send(path, [b"x"])
        lab.outer.use_udp(Endpoint.of("0.0.0.0", 1), lab.end)
        lab.outer.send(path, [b"y"])
        assert lab.listener.recv(10) == b"y"


def test_a_dropped_socket_is_used_no_more() -> None:
    with Lab() as lab:
        lab.outer.send(lab.path, [b"x"])
        assert lab.outer.drop_udp(Endpoint.of("0.0.0.0", lab.port)) is lab.end
        assert lab.outer.drop_udp(Endpoint.of("0.0.0.0", lab.port)) is None
        lab.outer.send(lab.path, [b"y"])
        assert lab.stats.report() == {"drop-no-socket": 1}


class Refusing:
    """A socket of a kernel that refuses."""

    def __init__(self, number: int) -> None:
        self.number = number

    def sendmsg(self, *_: object) -> int:
        raise OSError(self.number, "no")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENETUNREACH, "no-route"),
        (errno.EHOSTUNREACH, "no-route"),
        (errno.ECONNREFUSED, "refused"),
        (errno.ENOBUFS, "queue-full"),
        (errno.EAGAIN, "queue-full"),
        (errno.EMSGSIZE, "too-big"),
        (errno.EPERM, "not-permitted"),
        (errno.EBADF, "send-failed"),
    ],
)
def test_refusals_are_counted(number: int, reason: str) -> None:
    with Lab() as lab:
        lab.outer.use_udp(lab.path.local, Refusing(number))  # type: ignore[arg-type]
        lab.outer.send(lab.path, [b"x", b"y"])
        assert lab.stats.report() == {f"drop-{reason}": 2}


def test_a_datagram_that_no_path_carries_is_counted_and_the_rest_goes_on() -> None:
    with Lab() as lab:
        lab.outer.send(lab.path, [bytes(70_000), b"x"])
        assert lab.listener.recv(10) == b"x"
        assert lab.stats.report() == {"drop-too-big": 1}


def run() -> Run:
    return Run.of(b"aaaabbbbcccc" + b"d", 4)


def test_a_run_leaves_in_one_call_and_arrives_as_datagrams() -> None:
    with Lab() as lab:
        counting = Counting(lab.end)
        lab.outer.use_udp(lab.path.local, counting)  # type: ignore[arg-type]
        lab.outer.send(lab.path, run())
        lab.outer.send(lab.path, [b"ee", b"ff", b"ggg", b"h"])
        received = [lab.listener.recv(10) for _ in range(8)]
        assert received == [b"aaaa", b"bbbb", b"cccc", b"d", b"ee", b"ff", b"ggg", b"h"]
        assert counting.calls == 4
        assert lab.stats.report() == {}


class Counting:
    """A socket that counts its calls."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.calls = 0
        self.fileno = end.fileno

    def sendmsg(self, *arguments: object) -> int:
        self.calls += 1
        return self.end.sendmsg(*arguments)  # type: ignore[arg-type]


class NoSegments(Counting):
    """A kernel or device that does not cut."""

    def sendmsg(self, buffers: object, ancillary: list[tuple[int, int, bytes]], *arguments: object) -> int:
        self.calls += 1
        if any(level == socket.IPPROTO_UDP for level, _, _ in ancillary):
            raise OSError(errno.EIO, "no")
        return self.end.sendmsg(buffers, ancillary, *arguments)  # type: ignore[arg-type]


def test_where_the_kernel_does_not_cut_all_leave_singly_and_it_is_not_asked_again() -> None:
    with Lab() as lab:
        stubborn = NoSegments(lab.end)
        lab.outer.use_udp(lab.path.local, stubborn)  # type: ignore[arg-type]
        lab.outer.send(lab.path, run())
        lab.outer.send(lab.path, run())
        assert [lab.listener.recv(10) for _ in range(8)] == [b"aaaa", b"bbbb", b"cccc", b"d"] * 2
        assert stubborn.calls == 2, "once more in case the error was another's"
        lab.outer.use_udp(lab.path.local, lab.end)
        lab.outer.send(lab.path, [b"e", b"f"])
        assert [lab.listener.recv(10) for _ in range(2)] == [b"e", b"f"]
        assert lab.stats.report() == {"cutting-refused": 1}


class NothingLarge(Counting):
    """A path that became narrower: what is larger does not leave, singly or together."""

    def sendmsg(self, buffers: list[bytes], ancillary: list[tuple[int, int, bytes]], *arguments: object) -> int:
        if any(level == socket.IPPROTO_UDP for level, _, _ in ancillary) or sum(map(len, buffers)) > 3:
            raise OSError(errno.EMSGSIZE, "no")
        return self.end.sendmsg(buffers, ancillary, *arguments)  # type: ignore[arg-type]


def test_a_tail_that_fits_where_nothing_else_does_proves_nothing() -> None:
    with Lab() as lab:
        lab.outer.use_udp(lab.path.local, NothingLarge(lab.end))  # type: ignore[arg-type]
        lab.outer.send(lab.path, Run.of(b"aaaa" + b"d", 4))
        assert lab.listener.recv(10) == b"d"
        assert lab.stats.report() == {"drop-too-big": 1}
        assert lab.outer._refused == {}


def test_an_address_that_went_away_does_not_end_it() -> None:
    with Lab() as lab:
        lab.outer.send(replace(lab.path, local=Endpoint.of("192.0.2.1", lab.port)), run())
        assert lab.stats.report() == {"drop-no-route": 4}
        assert lab.outer._refused == {}


def test_a_run_that_is_refused_is_counted_whole() -> None:
    with Lab() as lab:
        lab.outer.use_udp(lab.path.local, Refusing(errno.ENETUNREACH))  # type: ignore[arg-type]
        lab.outer.send(lab.path, run())
        assert lab.stats.report() == {"drop-no-route": 4}


def test_of_several_that_leave_together_only_the_refused_is_lost() -> None:
    with Lab() as lab:
        lab.outer.send(lab.path, [b"1", bytes(65_530), b"2", b"3"])
        assert [lab.listener.recv(9) for _ in range(3)] == [b"1", b"2", b"3"]
        assert lab.stats.report() == {"drop-too-big": 1}


def test_datagrams_that_go_many_ways_leave_in_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    send = mmsg.Departures.send

    def counted(self: mmsg.Departures, descriptor: int, start: int, end: int) -> int:
        calls.append(end - start)
        return send(self, descriptor, start, end)

    monkeypatch.setattr(mmsg.Departures, "send", counted)
    with Lab() as lab:
        lab.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        paths = [replace(lab.path, local=Endpoint.of(f"127.0.7.{n}", lab.port)) for n in range(1, 201)]
        lab.outer.gather()
        for number, path in enumerate(paths):
            lab.outer.send(path, [number.to_bytes(2, "big")], Mark(tos=number % 2))
        assert calls == []
        lab.outer.flush()
        assert calls == [128, 72]
        assert [lab.listener.recvfrom(10) for _ in paths] == [
            (number.to_bytes(2, "big"), (str(path.local.address), lab.port)) for number, path in enumerate(paths)
        ]
        assert lab.stats.report() == {}


def test_what_waits_leaves_before_what_does_not() -> None:
    with Lab() as lab:
        lab.outer.gather()
        for count in (1, 2, 1, 40):
            lab.outer.send(lab.path, [b"%d" % count] * count)
        lab.outer.send_one(lab.path, b"last", PLAIN)
        lab.outer.send(lab.path, [b"other"], Mark(df=True))
        lab.outer.flush()
        heard = [lab.listener.recv(10) for _ in range(46)]
        assert heard == [b"1", b"2", b"2", b"1", *[b"40"] * 40, b"last", b"other"]


def test_of_datagrams_that_leave_together_only_the_refused_one_is_lost() -> None:
    with Lab() as lab:
        lab.outer.gather()
        nowhere = replace(lab.path, local=Endpoint.of("203.0.113.9", lab.port))
        for path, data in ((lab.path, b"one"), (nowhere, b"two"), (lab.path, b"three"), (lab.path, b"four")):
            lab.outer.send(path, [data])
        lab.outer.flush()
        assert [lab.listener.recv(10) for _ in range(3)] == [b"one", b"three", b"four"]
        assert lab.stats.report() == {"drop-no-route": 1}
