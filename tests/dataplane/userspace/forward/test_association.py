import pytest

from ikevpn.dataplane.userspace.forward.association import InboundSa, OutboundSa
from ikevpn.errors import UsageError
from ikevpn.esp.outbound import Outbound
from ikevpn.model.sa import Direction, Encapsulation, SaUse
from ikevpn.wire.registry import EspCipher, Integrity, Protocol
from tests.esp.samples import SPI, algorithms, entropy, ipv4, sa


def test_use_of_an_outbound_sa() -> None:
    association = OutboundSa(sa(Direction.OUT), entropy(), 0.0)
    assert association.use(5.0) == SaUse(SPI, Direction.OUT, reqid=1)
    association.state.seal([ipv4(b"data")], 4)
    association.used_at = 6.0
    assert association.use(8.0) == SaUse(SPI, Direction.OUT, bytes=24, packets=1, idle_s=2.0, reqid=1)


def test_use_of_an_inbound_sa_names_its_drops() -> None:
    association = InboundSa(sa(Direction.IN), 0.0)
    sealed = Outbound(sa(Direction.OUT), entropy()).seal([ipv4(b"data")], 4)
    association.state.open([*sealed, *sealed], 3.0)
    assert association.use(4.0) == SaUse(
        SPI, Direction.IN, bytes=24, packets=1, idle_s=1.0, drops=(("replay", 1),), reqid=1
    )


def test_ports_do_not_count_where_nothing_encapsulates() -> None:
    association = OutboundSa(sa(Direction.OUT, encapsulation=Encapsulation.NONE), entropy(), 0.0)
    assert (association.path.local.port, association.path.remote.port) == (0, 0)


@pytest.mark.parametrize(
    ("sequences", "answers"),
    [
        ([1, 2, 3], [True, True, True]),
        ([5, 3, 5, 6], [True, False, False, True]),
        ([0x80000001, 0x90000000, 0xFFFFFFF0], [True, True, True]),  # we were started after the peer
        ([0x7FFFFFFF, 0xFFFFFFF0, 3], [True, True, True]),  # extended sequence numbers go on past the low half
    ],
)
def test_only_later_packets_advance(sequences: list[int], answers: list[bool]) -> None:
    association = InboundSa(sa(Direction.IN), 0.0)
    assert [association.advance(sequence) for sequence in sequences] == answers


@pytest.mark.parametrize(
    "change", [{"protocol": Protocol.AH}, {"algorithms": algorithms((EspCipher.NULL, 0, Integrity.NONE))}]
)
def test_what_is_not_spoken_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        OutboundSa(sa(Direction.OUT, **change), entropy(), 0.0)
    with pytest.raises(UsageError):
        InboundSa(sa(Direction.IN, **change), 0.0)
