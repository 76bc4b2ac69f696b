import os

from ikevpn.service.process_use import of_all, read


def test_our_own_process() -> None:
    use = read("control", os.getpid())
    assert use is not None
    assert use.cpu_s > 0
    assert 1 << 20 < use.resident_bytes < 1 << 33


def test_a_process_that_is_not_there() -> None:
    assert read("worker", None) is None
    assert [use.name for use in of_all({"control": os.getpid(), "worker": None})] == ["control"]
