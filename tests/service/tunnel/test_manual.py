"""Manual keys: what is installed, which numbers it may use, and what becomes of it when they run out or are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ikevpn.config.load import load
from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.errors import HostError
from ikevpn.ike.state.effects import AddSa, DeleteSa, Effect, Keepalive, Report
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind
from ikevpn.service.tunnel.keeper import PeerPath
from ikevpn.service.tunnel.manual import ManualKeying
from ikevpn.service.tunnel.manual_numbers import FIRST_BLOCK, LARGEST_BLOCK
from ikevpn.service.tunnel.sequences import LAST, SendingKey, Sequences

WAY = PeerPath(Endpoint.of("192.0.2.1", 500), Endpoint.of("192.0.2.2", 500))
TUNNEL = """
[tunnel.paris]
remote = "192.0.2.2"
local_networks = ["10.1.0.0/16", "10.11.0.0/16"]
remote_networks = ["10.2.0.0/16"]
{more}
[tunnel.paris.manual]
local_spi = "3020"
remote_spi = "3030"
proposal = "{proposal}"
encryption_key = {{ text = "000102030405060708090a0b0c0d0e0f" }}
integrity_key = {{ text = "000102030405060708090a0b0c0d0e0f10111213" }}
{keys}
"""


class Made:
    """One tunnel over a real folder; `effects` is what was done for it."""

    def __init__(self, folder: Path, *, more: str = "", keys: str = "", proposal: str = "esp-aes128-sha") -> None:
        file = folder / "ikevpn.toml"
        file.touch(0o600)
        file.write_text(TUNNEL.format(more=more, keys=keys, proposal=proposal))
        config = load(file).tunnels["paris"]
        assert config.manual is not None
        self.effects: list[Effect] = []
        driver: Any = SimpleNamespace(now=5.0, perform=self.perform)
        self.sequences = Sequences(folder / "sequences")
        self.key = SendingKey("paris", config.manual.proposal.protocol, 0x3030, config.manual.outbound)
        self.keying = ManualKeying(config, config.manual, (7, 7), driver, self.sequences, 4500)

    def perform(self, effects: Iterable[Effect]) -> None:
        self.effects += effects

    async def begin(self) -> None:
        await self.keying.prepare()
        self.keying.begin(WAY, ("a", "b"))

    async def expire(self, kind: ExpireKind = ExpireKind.SOFT, spi: int = 0x3030) -> None:
        assert self.keying.expired(Expire(spi, Direction.OUT, 7, "paris", kind))
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def reserved(self) -> list[tuple[int, int]]:
        """The numbers that each outbound SA was given: the last one before, and how many."""
        out = [
            effect.sa for effect in self.effects if isinstance(effect, AddSa) and effect.sa.direction is Direction.OUT
        ]
        return [(sa.sequence, sa.limits.hard_packets) for sa in out]

    def events(self) -> list[tuple[Code, Reason]]:
        return [(each.event.code, each.event.reason) for each in self.effects if isinstance(each, Report)]


def test_both_directions_are_installed_for_all_networks_and_go_again(tmp_path: Path) -> None:
    async def life() -> Made:
        made = Made(tmp_path)
        await made.begin()
        made.keying.end(Reason.REQUESTED)
        made.keying.end(Reason.REQUESTED)
        return made

    made = asyncio.run(life())
    inbound, outbound = (effect.sa for effect in made.effects if isinstance(effect, AddSa))
    assert (inbound.direction, inbound.spi, outbound.direction, outbound.spi) == ("in", 0x3020, "out", 0x3030)
    assert inbound.reqid == outbound.reqid == 7
    assert len(inbound.selectors) == 2 and inbound.encapsulation is Encapsulation.NONE
    assert (inbound.sequence, inbound.limits.hard_packets) == (0, 0)
    deleted = [(effect.spi, effect.direction) for effect in made.effects if isinstance(effect, DeleteSa)]
    assert deleted == [(0x3020, Direction.IN), (0x3030, Direction.OUT)]
    up, down = (Code.MANUAL_UP, Reason.NONE), (Code.MANUAL_DOWN, Reason.REQUESTED)
    assert made.events() == [up, up, down, down]


def test_in_udp_it_speaks_from_the_natt_port_and_keeps_a_mapping_open(tmp_path: Path) -> None:
    made = Made(tmp_path, more="keepalive_s = 9", keys='encapsulation = "udp"\nremote_port = 4511')
    asyncio.run(made.begin())
    made.keying.end(Reason.REQUESTED)
    sa = next(effect.sa for effect in made.effects if isinstance(effect, AddSa))
    assert (str(sa.local), str(sa.remote)) == ("192.0.2.1:4500", "192.0.2.2:4511")
    assert [each.interval_s for each in made.effects if isinstance(each, Keepalive)] == [9.0, 0]


def test_numbers_go_on_where_the_last_life_could_have_been(tmp_path: Path) -> None:
    async def life() -> list[tuple[int, int]]:
        made = Made(tmp_path)
        await made.begin()
        await made.expire()
        await made.expire(ExpireKind.HARD)
        return made.reserved()

    first, second = asyncio.run(life()), asyncio.run(life())
    assert first == [(0, FIRST_BLOCK), (FIRST_BLOCK, 2 * FIRST_BLOCK), (3 * FIRST_BLOCK, 4 * FIRST_BLOCK)]
    assert second[0] == (7 * FIRST_BLOCK, FIRST_BLOCK)


def test_blocks_grow_to_a_bound(tmp_path: Path) -> None:
    async def life() -> list[tuple[int, int]]:
        made = Made(tmp_path)
        await made.begin()
        for _ in range(8):
            await made.expire()
        return made.reserved()

    assert asyncio.run(life())[-1][1] == LARGEST_BLOCK


def test_without_state_it_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.sequences.reserve(made.key, 1)
    (tmp_path / "sequences" / "numbers").unlink()
    with pytest.raises(HostError, match="numbers has lost them"):
        asyncio.run(made.begin())
    assert made.effects == []


def test_when_all_numbers_are_used_it_ends_and_says_so(tmp_path: Path) -> None:
    async def life() -> Made:
        made = Made(tmp_path)
        made.sequences.reserve(made.key, LAST - FIRST_BLOCK)
        await made.begin()
        await made.expire()
        assert not any(isinstance(effect, DeleteSa) for effect in made.effects), "half of the last are left"
        await made.expire(ExpireKind.HARD)
        return made

    made = asyncio.run(life())
    assert made.events() == [
        (Code.SEQUENCE_LOW, Reason.NONE),
        *[(Code.MANUAL_UP, Reason.NONE)] * 2,
        *[(Code.HOST_REFUSED, Reason.NONE)] * 2,
        *[(Code.MANUAL_DOWN, Reason.EXPIRED)] * 2,
    ]


def test_without_numbers_on_disk_they_begin_again(tmp_path: Path) -> None:
    made = Made(tmp_path, more="replay_window = 0", keys="keep_sequence = false")
    asyncio.run(made.begin())
    assert made.reserved() == [(0, 0)]
    assert not (tmp_path / "sequences").exists()


def test_when_the_data_plane_gives_up_the_inbound_sa_all_begins_again(tmp_path: Path) -> None:
    made = Made(tmp_path)
    asyncio.run(made.begin())
    made.keying.expired(Expire(0x3020, Direction.IN, 7, "paris", ExpireKind.HARD))
    assert made.events()[-1] == (Code.MANUAL_DOWN, Reason.EXPIRED)
    assert made.keying.children(9.0) == ()


def test_what_others_and_the_inbound_sa_use_up_is_no_business_of_ours(tmp_path: Path) -> None:
    async def life() -> Made:
        made = Made(tmp_path)
        await made.begin()
        made.keying.expired(Expire(0x3020, Direction.IN, 7, "paris", ExpireKind.SOFT))
        made.keying.expired(Expire(0x3031, Direction.OUT, 7, "paris", ExpireKind.SOFT))
        assert len(asyncio.all_tasks()) == 1
        return made

    assert len(asyncio.run(life()).reserved()) == 1


AH = f'ah_local_spi = "3021"\nah_remote_spi = "3031"\nah_key = {{ text = "{"33" * 20}" }}'


def bundle(folder: Path) -> Made:
    return Made(folder, keys=AH, proposal="esp-aes128-sha+ah-sha")


def test_a_bundle_is_four_sas_and_one_tunnel(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    asyncio.run(made.begin())
    status, _ = made.keying.children(9.0)
    made.keying.end(Reason.REQUESTED)
    sas = [effect.sa for effect in made.effects if isinstance(effect, AddSa)]
    found = [(sa.direction, sa.protocol.name, sa.spi, sa.wraps, sa.wrapped) for sa in sas]
    assert found == [
        ("in", "ESP", 0x3020, 0, True),
        ("in", "AH", 0x3021, 0x3020, False),
        ("out", "ESP", 0x3030, 0, True),
        ("out", "AH", 0x3031, 0x3030, False),
    ]
    deleted = {(effect.spi, effect.direction) for effect in made.effects if isinstance(effect, DeleteSa)}
    assert deleted == {(sa.spi, sa.direction) for sa in sas}
    assert (status.spi_in, status.spi_out, status.ah_spi_in, status.ah_spi_out) == (0x3020, 0x3030, 0x3021, 0x3031)
    assert made.events() == [(Code.MANUAL_UP, Reason.NONE)] * 2 + [(Code.MANUAL_DOWN, Reason.REQUESTED)] * 2


def test_ah_and_esp_have_numbers_of_their_own(tmp_path: Path) -> None:
    async def life() -> Made:
        made = bundle(tmp_path)
        await made.begin()
        await made.expire(spi=0x3031)
        return made

    first, second = asyncio.run(life()), asyncio.run(life())
    assert first.reserved() == [(0, FIRST_BLOCK), (0, FIRST_BLOCK), (FIRST_BLOCK, 2 * FIRST_BLOCK)]
    assert second.reserved()[:2] == [(FIRST_BLOCK, FIRST_BLOCK), (3 * FIRST_BLOCK, FIRST_BLOCK)]
    extended = [effect.sa for effect in first.effects if isinstance(effect, AddSa)][-1]
    assert (extended.spi, extended.wraps) == (0x3031, 0x3030)


def test_a_bundle_ends_with_either_inbound_sa(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    asyncio.run(made.begin())
    made.keying.expired(Expire(0x3021, Direction.IN, 7, "paris", ExpireKind.HARD))
    assert made.keying.children(9.0) == ()
    assert len([effect for effect in made.effects if isinstance(effect, DeleteSa)]) == 4
