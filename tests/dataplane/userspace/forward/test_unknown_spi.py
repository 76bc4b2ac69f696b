from ikevpn.dataplane.userspace.forward.unknown_spi import REPORTS, SILENCE_S, UnknownSpis
from tests.dataplane.fakes import THEIRS


def test_one_report_a_sender_and_spi_until_silence_is_over() -> None:
    unknown = UnknownSpis()
    assert unknown.report(1, THEIRS, 0.0)
    assert not unknown.report(1, THEIRS, SILENCE_S - 0.1)
    assert unknown.report(1, THEIRS.at(1), 0.0)
    assert unknown.report(1, THEIRS, SILENCE_S)


def test_a_flood_of_different_spis_is_bounded() -> None:
    unknown = UnknownSpis()
    assert sum(unknown.report(spi, THEIRS, 0.0) for spi in range(10_000)) == REPORTS
    assert unknown.report(1, THEIRS, SILENCE_S)
