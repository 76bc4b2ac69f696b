from ikevpn.dataplane.userspace.forward.unknown_spi import REPORTS, SILENCE_S, Strangers
from tests.dataplane.fakes import THEIRS


def test_one_report_a_sender_and_spi_until_silence_is_over() -> None:
    strangers = Strangers()
    assert strangers.report(1, THEIRS, 0.0)
    assert not strangers.report(1, THEIRS, SILENCE_S - 0.1)
    assert strangers.report(1, THEIRS.at(1), 0.0)
    assert strangers.report(1, THEIRS, SILENCE_S)


def test_a_flood_of_different_spis_is_bounded() -> None:
    strangers = Strangers()
    assert sum(strangers.report(spi, THEIRS, 0.0) for spi in range(10_000)) == REPORTS
    assert strangers.report(1, THEIRS, SILENCE_S)
