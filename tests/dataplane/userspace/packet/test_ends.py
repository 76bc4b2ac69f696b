from dataclasses import replace

from ikevpn.dataplane.userspace.packet.ends import gather
from tests.dataplane.fakes import THERE


def test_runs_of_one_path_are_put_together_in_order() -> None:
    other = replace(THERE, remote=THERE.remote.at(1))
    stream = [(THERE, b"a", 0), (THERE, b"b", 0), (other, b"c", 0), (THERE, b"d", 0), (THERE, b"e", 3)]
    assert gather(stream) == [
        (THERE, [b"a", b"b"], 0),
        (other, [b"c"], 0),
        (THERE, [b"d"], 0),
        (THERE, [b"e"], 3),
    ]
    assert gather([]) == []


def test_equal_paths_are_one_key() -> None:
    again = replace(replace(THERE, remote=THERE.remote.at(1)), remote=THERE.remote)
    assert {THERE: 1}[again] == 1
    assert again == THERE != replace(THERE, remote=THERE.remote.at(1))
