"""The verdict over what was recorded."""

import pytest

from interop.loads.soak import REKEY_SPAN_S, Record, report


def test_a_record_that_holds() -> None:
    record = Record(mbits=[100.0, 51.0, 120.0], rekeys=[10.0], lost=[10.0 + 2 * REKEY_SPAN_S])
    assert record.complaints() == []
    assert "pings lost: 1, of them while keys were renewed: 0" in report(record)


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (Record(mbits=[1.0], dead_peers=1), "dead"),
        (Record(mbits=[1.0], rekeys=[10.0], lost=[9.0]), "pings"),
        (Record(mbits=[100.0, 49.0, 100.0]), "second 2: 49"),
        (Record(), "nothing"),
    ],
)
def test_records_that_do_not(record: Record, word: str) -> None:
    (complaint,) = record.complaints()
    assert word in complaint
