from ikevpn.dataplane.userspace.io.receive_buffer import ReceiveBuffer
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.run import Run
from tests.dataplane.fakes import OURS, THEIRS, THERE

OTHER = Path(OURS, THEIRS.at(1), THERE.encapsulation)


def fill(buffer: ReceiveBuffer, *datagrams: tuple[Path, bytes, int]) -> list[tuple[Path, list[bytes], bool]]:
    buffer.clear()
    for path, data, size in datagrams:
        buffer.room[: len(data)] = data
        buffer.add(path, len(data), size)
    return [(path, list(found), isinstance(found, Run)) for path, found, _ in buffer.arrivals()]


def test_of_one_size_and_path_is_a_run() -> None:
    buffer = ReceiveBuffer(200, 50)
    single = [(THERE, b"aa", 0), (THERE, b"bb", 0), (THERE, b"ccdde", 2), (THERE, b"ff", 0)]
    assert fill(buffer, *single) == [
        (THERE, [b"aa", b"bb", b"cc", b"dd", b"e"], True),
        (THERE, [b"ff"], False),
    ]
    assert buffer.datagrams == 6


def test_nothing_else_is() -> None:
    buffer = ReceiveBuffer(200, 50)
    assert fill(buffer, (THERE, b"a", 0), (OTHER, b"b", 0), (OTHER, b"cc", 0), (OTHER, b"", 0)) == [
        (THERE, [b"a"], False),
        (OTHER, [b"b", b"cc", b""], False),
    ]
    assert fill(buffer) == []


def test_congestion_marks_keep_datagrams_apart() -> None:
    buffer = ReceiveBuffer(200, 50)
    for mark, size in ((0, 2), (0, 2), (3, 2), (3, 2), (1, 2), (2, 3)):
        buffer.add(THERE, size, ecn=mark)
    assert [(len(found), mark) for _, found, mark in buffer.arrivals()] == [(2, 0), (2, 3), (1, 1), (1, 2)]


def test_room_for_one_more_or_full() -> None:
    buffer = ReceiveBuffer(100, 50)
    fill(buffer, (THERE, bytes(50), 0))
    assert not buffer.is_full
    buffer.add(THERE, 1)
    assert buffer.is_full
    buffer.clear()
    assert not buffer.is_full
    assert (len(buffer.room), buffer.datagrams) == (100, 0)
