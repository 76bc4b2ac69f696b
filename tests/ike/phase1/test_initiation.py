"""How a phase 1 of ours begins."""

from __future__ import annotations

import pytest

from ikevpn.ike.phase1 import initiation
from ikevpn.model.events.event import Code, Reason
from ikevpn.wire.registry import ExchangeType
from tests.ike.bench import HERE, THERE, Bench, core_of, events, ike_sas, only_sa, tunnel


@pytest.mark.parametrize(
    ("ports", "mapped", "expected"),
    [
        ((500, 4500), False, (500, 500, False)),
        ((1500, 4500), False, (500, 1500, False)),
        ((4500, 4500), False, (4500, 4500, True)),  # the peer has no other port
        ((500, 4500), True, (7777, 8888, True)),  # behind a NAT it can be reached where its mapping is
    ],
)
def test_on_which_ports(ports: tuple[int, int], mapped: bool, expected: tuple[int, int, bool]) -> None:
    ours = tunnel(remote_ike_port=ports[0], remote_natt_port=ports[1])
    core = core_of(Bench(ours).a)
    local, remote, natt = initiation.begins_at(core, ours, HERE.at(7777), THERE.at(8888), mapped=mapped)
    assert (local.port, remote.port, natt) == expected


def test_without_a_secret_nothing_is_sent() -> None:
    bench = Bench(tunnel(psk=None))
    bench.initiate()
    assert [each.reason for each in events(bench.a, Code.PHASE1_FAILED)] == [Reason.NO_SECRET]
    assert not ike_sas(bench.a) and not bench.log


def test_one_that_is_under_way_is_not_renewed() -> None:
    bench = Bench().up()
    for _ in range(2):
        bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
    bench.run(1)
    firsts = [data for data in bench.datagrams("a", ExchangeType.MAIN) if data[8:16] == bytes(8)]
    assert len(firsts) == 2 and not all(sa.superseded for sa in ike_sas(bench.a))


def test_one_of_a_tunnel_that_is_gone_is_not_renewed() -> None:
    bench = Bench().up()
    core_of(bench.a).tunnels.remove("ab")
    initiation.renew(core_of(bench.a), only_sa(bench.a))
    assert not core_of(bench.a).initiating
