import pytest

from ikevpn.dataplane.userspace.packet.stats import Loss, Stats
from ikevpn.esp.packet.drops import Drop


def test_losses_and_totals_are_told_apart() -> None:
    stats = Stats()
    stats.lose(Drop.NO_POLICY)
    stats.lose(Drop.NO_POLICY, 2)
    stats.lose(Loss.UNKNOWN_SPI)
    stats.add("packets-out", 5)
    assert stats.report() == {"drop-no-policy": 3, "drop-unknown-spi": 1, "packets-out": 5}


@pytest.mark.parametrize("loss", Loss)
def test_every_loss_has_its_sentence_and_a_name_of_its_own(loss: Loss) -> None:
    assert loss.sentence
    assert loss.value not in {drop.value for drop in Drop}
