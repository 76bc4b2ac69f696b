from ikevpn.dataplane.userspace.forward.tally import merge
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.model.sa import Direction, Total
from tests.dataplane.fakes import Core, packets
from tests.dataplane.userspace.forward.test_inward import Peer
from tests.esp.samples import SPI, sa


def test_what_sas_have_done_is_not_forgotten_with_them() -> None:
    core, peer = Core(), Peer()
    core.policy()
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN)), 0.0)
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, spi=2)), 0.0)
    sealed = peer.seal(*packets(3))
    core.arrive(*sealed, sealed[0])
    core.leave(*packets(2))
    totals = [
        Total("paris", Direction.IN, 63, 3, (("replay", 1),)),
        Total("paris", Direction.OUT, 42, 2),
    ]
    assert list(core.forwarding.totals(1.0)) == totals
    core.forwarding.delete_sa(message.DeleteSa(SPI, Direction.IN, 1), 1.0)
    core.forwarding.delete_sa(message.DeleteSa(SPI, Direction.IN, 1), 1.0)
    assert list(core.forwarding.totals(1.0)) == totals
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN, spi=77)), 2.0)
    core.arrive(*Peer(spi=77).seal(*packets(1)))
    assert next(core.forwarding.totals(3.0)) == Total("paris", Direction.IN, 84, 4, (("replay", 1),))


def test_sums_of_several_workers_are_one() -> None:
    one = Total("paris", Direction.IN, 10, 1, (("replay", 2),))
    two = Total("paris", Direction.IN, 5, 2, (("replay", 1), ("selector", 1)))
    other = Total("rome", Direction.IN, 7, 7)
    assert merge([one, other, two]) == [Total("paris", Direction.IN, 15, 3, (("replay", 3), ("selector", 1))), other]
