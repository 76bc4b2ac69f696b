from ikevpn.dataplane.userspace.io.receive_buffer import Stretches
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.run import Run
from tests.dataplane.fakes import OURS, THEIRS, THERE

OTHER = Path(OURS, THEIRS.at(1), THERE.encapsulation)


def fill(stretches: Stretches, *datagrams: tuple[Path, bytes, int]) -> list[tuple[Path, list[bytes], bool]]:
    stretches.clear()
    for path, data, size in datagrams:
        stretches.room[: len(data)] = data
        stretches.add(path, len(data), size)
    return [(path, list(found), isinstance(found, Run)) for path, found, _ in stretches.arrivals()]


def test_of_one_size_and_path_is_a_run() -> None:
    stretches = Stretches(200, 50)
    single = [(THERE, b"aa", 0), (THERE, b"bb", 0), (THERE, b"ccdde", 2), (THERE, b"ff", 0)]
    assert fill(stretches, *single) == [
        (THERE, [b"aa", b"bb", b"cc", b"dd", b"e"], True),
        (THERE, [b"ff"], False),
    ]
    assert stretches.datagrams == 6


def test_nothing_else_is() -> None:
    stretches = Stretches(200, 50)
    assert fill(stretches, (THERE, b"a", 0), (OTHER, b"b", 0), (OTHER, b"cc", 0), (OTHER, b"", 0)) == [
        (THERE, [b"a"], False),
        (OTHER, [b"b", b"cc", b""], False),
    ]
    assert fill(stretches) == []


def test_congestion_marks_keep_datagrams_apart() -> None:
    stretches = Stretches(200, 50)
    for mark, size in ((0, 2), (0, 2), (3, 2), (3, 2), (1, 2), (2, 3)):
        stretches.add(THERE, size, ecn=mark)
    assert [(len(found), mark) for _, found, mark in stretches.arrivals()] == [(2, 0), (2, 3), (1, 1), (1, 2)]


def test_room_for_one_more_or_full() -> None:
    stretches = Stretches(100, 50)
    fill(stretches, (THERE, bytes(50), 0))
    assert not stretches.is_full
    stretches.add(THERE, 1)
    assert stretches.is_full
    stretches.clear()
    assert not stretches.is_full
    assert (len(stretches.room), stretches.datagrams) == (100, 0)
