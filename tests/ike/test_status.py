"""The snapshot for people and metrics."""

from __future__ import annotations

from ikevpn.model.address import AddressRange, Endpoint
from tests.ike.bench import HERE, THERE, Bench, children, core_of, only_sa, tunnel


def test_an_established_tunnel() -> None:
    bench = Bench().up()
    bench.run(60)
    status = bench.a.engine.status(bench.now)
    (sa,), (child,) = status.ike_sas, status.children
    assert (sa.tunnel, sa.state, sa.role, sa.superseded) == ("ab", "established", "initiator", False)
    assert (sa.local, sa.remote) == (str(HERE), str(THERE))
    assert (sa.local_id, sa.peer_id) == ("192.0.2.1", "198.51.100.1")
    assert sa.proposal == "pre-g1-aes128-sha" and sa.natt == "" and sa.behind_nat == ()
    assert 59 < sa.age_s < 61 and 59 < sa.heard_s < 61 and 28739 < sa.remaining_s < 28741
    assert (child.child, child.reqid, child.proposal) == ("net", 1, "nopfs-esp-aes128-sha")
    assert child.selector == "10.1.0.0/24 === 10.2.0.0/24" and 3538 < child.remaining_s < 3541
    assert child.outbound and not child.superseded
    (there,) = bench.b.engine.status(bench.now).children
    assert (there.spi_in, there.spi_out) == (child.spi_out, child.spi_in)


def test_behind_a_nat() -> None:
    outside = Endpoint.of("192.0.2.1", 1024)
    bench = Bench(nat={HERE: outside, HERE.at(4500): outside.at(1025)}).up()
    (sa,) = bench.b.engine.status(bench.now).ike_sas
    assert sa.natt == "rfc3947" and sa.behind_nat == ("peer",) and sa.remote == "192.0.2.1:1025"


def test_under_way() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    bench.give("b", bench.datagrams("a")[0])
    for side, half_open in ((bench.a, 0), (bench.b, 1)):
        status = side.engine.status(bench.now + 5)
        (sa,) = status.ike_sas
        assert (sa.state, sa.remaining_s, sa.heard_s, sa.age_s) == ("negotiating", 0, 0, 5)
        assert status.half_open == half_open and status.timers == 1 and not status.children


def test_time_may_begin_at_zero() -> None:
    bench = Bench()
    bench.now = 0.0
    bench.up()
    (sa,) = bench.a.engine.status(5.0).ike_sas
    assert (sa.age_s, sa.heard_s) == (5.0, 5.0) and sa.remaining_s == 28795


def test_no_secret_is_shown() -> None:
    bench = Bench(tunnel()).up()
    keys = only_sa(bench.a).keys
    assert keys is not None
    secrets = [keys.skeyids.d, keys.skeyids.a, keys.skeyids.e, keys.encryption_key.reveal(), b"swordfish"]
    secrets += [
        each.reveal()
        for child in children(bench.a)
        for algorithms in child.algorithms.values()
        for each in (algorithms.encryption_key, algorithms.integrity_key)
    ]
    shown = [
        repr(bench.a.engine.status(bench.now)),
        repr(core_of(bench.a).ike_sas),
        repr(core_of(bench.a).children),
        *(repr(effect) for effect in bench.effects["a"]),
        *(str(event) for event in bench.a.events),
    ]
    for secret in secrets:
        for text in shown:
            assert repr(secret)[2:-1] not in text and secret.hex() not in text


def test_of_one_tunnel_it_tells_nothing_of_the_others() -> None:
    bench = Bench().up()
    other = tunnel(name="other", remotes=(AddressRange.of("203.0.113.1/32"),))
    bench.a.engine.add_tunnel(other)
    bench.perform(bench.a, bench.a.engine.initiate("other", HERE, Endpoint.of("203.0.113.1", 500), bench.now))
    one, rest = (bench.a.engine.status(bench.now, name) for name in ("ab", "other"))
    assert ([each.tunnel for each in one.ike_sas], [each.tunnel for each in one.children]) == (["ab"], ["ab"])
    assert ([each.state for each in rest.ike_sas], rest.children) == (["negotiating"], ())
