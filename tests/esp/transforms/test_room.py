import numpy as np

from ikevpn.esp.transforms import room


def test_buffers_are_used_again() -> None:
    first = room.room(10, 16, 96, 16, 12)
    assert room.room(64, 16, 96, 16, 12) is first
    assert room.room(65, 16, 96, 16, 12) is not first
    assert (first.plain.shape, first.sealed.shape) == ((64, 112), (64, 8 + 16 + 96 + 12))
    assert first.packets.base is first.plain


def test_views_are_of_the_rows() -> None:
    space = room.Room(3, 0, 20, 8, 16)
    space.sealed[1] = np.arange(52)
    assert bytes(space.headers[1]) == bytes(range(8))
    assert bytes(space.bodies[1]) == bytes(range(16, 52))
    assert bytes(space.authentic[1]) == bytes(range(36))
    space.plains[2][:] = bytes(range(20))
    assert space.packets[2].tobytes() == bytes(range(20))


def test_heads_and_numbers() -> None:
    space = room.Room(4, 0, 20, 8, 16)
    whole = space.write_heads(0x01020304, range((5 << 32) + 6, (5 << 32) + 9))
    assert whole.tolist() == [(5 << 32) + 6, (5 << 32) + 7, (5 << 32) + 8]
    assert [bytes(each) for each in space.headers[:3]] == [b"\1\2\3\4\0\0\0" + bytes([n]) for n in (6, 7, 8)]


def test_scratch_grows() -> None:
    assert len(room.scratch(100)) >= 116
    assert len(room.scratch(1 << 20)) >= (1 << 20) + 16
    assert room.scratch(100) is room.scratch(101)


def test_the_function_is_called_for_each_row() -> None:
    seen: list[tuple[int, str]] = []
    room.each(lambda number, letter: seen.append((number, letter)), [1, 2, 3], "ab")
    assert seen == [(1, "a"), (2, "b")]
