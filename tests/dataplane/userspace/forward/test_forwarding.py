from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path
from ikevpn.esp.outbound import Outbound
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Limits
from ikevpn.wire.registry import Protocol
from tests.dataplane.fakes import OURS, PACKET, THEIRS, THERE, Core
from tests.esp.samples import AUTHENTICATED, CBC_SHA1, CBC_SHA256, GCM, ICMP, SPI, algorithms, entropy, ipv4, ipv6, sa

IN, OUT = (message.AddSa(sa(direction)) for direction in Direction)


def test_adding_an_sa_again_does_not_start_its_sequence_numbers_again() -> None:
    core = Core()
    core.policy()
    core.forwarding.add_sa(OUT, 0.0)
    core.leave(PACKET)
    core.forwarding.add_sa(OUT, 1.0)
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, limits=Limits(hard_seconds=9))), 1.0)
    core.leave(PACKET)
    assert [datagram[4:8] for datagram in core.outer.datagrams()] == [b"\0\0\0\1", b"\0\0\0\2"]


def test_adding_an_inbound_sa_again_does_not_open_its_replay_window() -> None:
    core = Core()
    core.policy()
    core.forwarding.add_sa(IN, 0.0)
    (sealed,) = Outbound(sa(Direction.OUT), entropy()).seal([PACKET], 4)
    core.arrive(sealed)
    core.forwarding.add_sa(IN, 1.0)
    core.arrive(sealed)
    assert len(core.devices.written) == 1


def test_new_keys_for_an_spi_replace_the_old_ones() -> None:
    core = Core()
    core.forwarding.add_sa(IN, 0.0)
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN, CBC_SHA1)), 0.0)
    core.policy()
    core.arrive(*Outbound(sa(Direction.OUT, CBC_SHA1), entropy()).seal([PACKET], 4))
    assert len(core.devices.written) == 1
    assert len(list(core.forwarding.uses(0.0))) == 1


def test_an_sa_that_cannot_work_expires_at_once() -> None:
    core = Core()
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, protocol=Protocol.AH)), 0.0)
    assert core.events == [Expire(SPI, Direction.OUT, 1, "paris", ExpireKind.HARD)]
    assert list(core.forwarding.uses(0.0)) == []


def test_deleting_twice_is_deleting_once() -> None:
    core = Core()
    for command in (IN, OUT):
        core.forwarding.add_sa(command, 0.0)
    for direction in (*Direction, *Direction):
        core.forwarding.delete_sa(message.DeleteSa(SPI, direction, None), 0.0)
    assert list(core.forwarding.uses(0.0)) == []
    assert core.forwarding.next_timer() is None


def test_expiry_by_time_comes_from_the_timer() -> None:
    core = Core()
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN, limits=Limits(hard_seconds=60))), 100.0)
    assert core.forwarding.next_timer() == 160.0
    core.forwarding.timer(160.0)
    assert core.events == [Expire(SPI, Direction.IN, 1, "paris", ExpireKind.HARD)]


def test_moved_sas_lead_to_the_new_place() -> None:
    core = Core()
    core.policy()
    core.forwarding.add_sa(OUT, 0.0)
    core.forwarding.move_sas(message.MoveSas((SPI, 99), OURS, THEIRS.at(1234)), 0.0)
    core.leave(PACKET)
    assert core.outer.sent[0][0] == Path(OURS, THEIRS.at(1234), Encapsulation.UDP)


def test_an_spi_that_two_peers_chose_moves_neither() -> None:
    core = Core()
    core.policy()
    core.forwarding.add_sa(OUT, 0.0)
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, CBC_SHA1, reqid=2)), 0.0)
    core.forwarding.move_sas(message.MoveSas((SPI,), OURS, THEIRS.at(1234)), 0.0)
    core.leave(PACKET)
    assert core.outer.sent[0][0] == THERE


def test_ike_leaves_behind_its_marker() -> None:
    core = Core()
    core.forwarding.send_ike(message.SendIke(b"ISAKMP", OURS, THEIRS), 0.0)
    assert core.outer.sent == [(THERE, [b"\0\0\0\0ISAKMP"])]


def test_a_keepalive_is_sent_only_into_silence() -> None:
    core = Core()
    core.policy()
    core.forwarding.add_sa(OUT, 0.0)
    core.forwarding.keepalive(message.Keepalive(OURS, THEIRS, 20), 0.0)
    core.leave(PACKET, now=10.0)
    core.forwarding.send_ike(message.SendIke(b"", OURS, THEIRS), 15.0)
    core.outer.datagrams()
    core.forwarding.timer(core.forwarding.next_timer() or 0.0)
    assert core.outer.sent == []
    assert core.forwarding.next_timer() == 35.0
    core.forwarding.timer(35.0)
    assert core.outer.sent == [(THERE, [b"\xff"])]


def truncating_peer() -> Outbound:
    """Agrees on HMAC-SHA2-256 and cuts it to 96 bits."""
    return Outbound(sa(Direction.OUT, algorithms(CBC_SHA256, integrity_96=True)), entropy())


def test_the_way_back_cuts_hmac_sha256_as_the_peer_does() -> None:
    core = Core()
    core.policy()
    for direction, spi in ((Direction.IN, SPI), (Direction.OUT, 2)):
        core.forwarding.add_sa(message.AddSa(sa(direction, CBC_SHA256, spi=spi)), 0.0)
    core.leave(PACKET)
    core.arrive(*truncating_peer().seal([PACKET] * 3, 4))
    core.leave(PACKET)
    before, after = core.outer.datagrams()
    assert len(before) - len(after) == 4
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, CBC_SHA256, spi=3)), 0.0)
    core.leave(PACKET)
    assert len(core.outer.datagrams()[0]) == len(after)


def busy_core() -> Core:
    core = Core()
    core.policy()
    for index, pair in enumerate(AUTHENTICATED):
        core.forwarding.add_sa(message.AddSa(sa(Direction.IN, pair, spi=SPI + index)), 0.0)
    core.forwarding.add_sa(OUT, 0.0)
    return core


@given(st.lists(st.binary(max_size=120)), st.sampled_from(Encapsulation))
def test_random_datagrams_neither_raise_nor_enter(datagrams: list[bytes], encapsulation: Encapsulation) -> None:
    core = busy_core()
    core.forwarding.from_outside([Arrival(Path(OURS, THEIRS, encapsulation), datagrams)], 0.0)
    assert core.devices.written == []


@given(st.lists(st.binary(max_size=120) | st.binary(max_size=60).map(ipv4) | st.binary(max_size=60).map(ipv6)))
def test_random_packets_do_not_raise(packets: list[bytes]) -> None:
    core = busy_core()
    core.leave(*packets)
    total = core.stats.report().get("packets-out", 0) + sum(core.drops().values())
    assert total == len(packets)


def test_changed_esp_neither_raises_nor_enters() -> None:
    core, random = busy_core(), Random(1)
    peers = [Outbound(sa(Direction.OUT, pair, spi=SPI + n), entropy()) for n, pair in enumerate(AUTHENTICATED)]
    counted = 0
    for _ in range(300):
        for peer in peers:
            (sealed,) = peer.seal([ipv4(random.randbytes(random.randrange(100)), protocol=ICMP)], 4)
            changed = bytearray(sealed)
            changed[random.randrange(4, len(changed))] ^= random.randrange(1, 256)
            # Four octets less would be the same packet from a stack that cuts HMAC-SHA2-256 to 96 bits.
            core.arrive(bytes(changed), sealed[: random.randrange(8, len(sealed) - 4)])
            counted += 2
    assert core.devices.written == []
    assert core.events == []
    assert sum(count for use in core.forwarding.uses(0.0) for _, count in use.drops) == counted


def test_pairs_of_the_samples_include_what_most_peers_use() -> None:
    assert {GCM, CBC_SHA1} <= set(AUTHENTICATED)


def test_an_sa_goes_on_from_the_number_that_is_used_up_to_the_one_that_is_reserved() -> None:
    core = Core()
    core.policy()
    first = sa(Direction.OUT, CBC_SHA1, sequence=1000, limits=Limits(soft_packets=2, hard_packets=3))
    core.forwarding.add_sa(message.AddSa(first), 0.0)
    for _ in range(4):
        core.leave(PACKET)
    assert [int.from_bytes(datagram[4:8]) for datagram in core.outer.datagrams()] == [1001, 1002, 1003]
    kinds = [event.kind for event in core.events if isinstance(event, Expire)]
    assert kinds == [ExpireKind.SOFT, ExpireKind.HARD]


def test_more_numbers_let_an_sa_send_on_even_after_it_has_expired() -> None:
    core = Core()
    core.policy()
    first = sa(Direction.OUT, CBC_SHA1, sequence=10, limits=Limits(hard_packets=2))
    more = sa(Direction.OUT, CBC_SHA1, sequence=12, limits=Limits(soft_packets=1, hard_packets=2))
    core.forwarding.add_sa(message.AddSa(first), 0.0)
    core.leave(PACKET)
    core.leave(PACKET)
    core.forwarding.add_sa(message.AddSa(more), 1.0)
    core.leave(PACKET)
    core.forwarding.add_sa(message.AddSa(first), 2.0)  # late: it takes nothing away
    core.leave(PACKET)
    core.leave(PACKET)
    assert [int.from_bytes(datagram[4:8]) for datagram in core.outer.datagrams()] == [11, 12, 13, 14]
    kinds = [event.kind for event in core.events if isinstance(event, Expire)]
    assert kinds == [ExpireKind.HARD, ExpireKind.SOFT, ExpireKind.HARD]


def test_numbers_that_were_meant_for_another_worker_begin_behind_what_that_one_had() -> None:
    core = Core()
    core.policy()
    more = sa(Direction.OUT, CBC_SHA1, sequence=12, limits=Limits(hard_packets=2))
    core.forwarding.add_sa(message.AddSa(more), 0.0)
    core.leave(PACKET)
    assert [int.from_bytes(datagram[4:8]) for datagram in core.outer.datagrams()] == [13]
