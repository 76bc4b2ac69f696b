"""Exchanges between phase 1 and an established IKE SA, and those that the peer begins in the middle of others.

The script is one of this test: a question and an answer, as XAUTH and mode config have them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest

from ikevpn.ike import association
from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.phase1 import ending
from ikevpn.ike.runner import settle
from ikevpn.ike.runner.exchange import Rejected
from ikevpn.ike.runner.life import Life
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.script import SCRIPTS, Protection, Row, Script
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Exchange, Hint, IkeSa, IkeState, Role, State
from ikevpn.ike.upkeep import informational
from ikevpn.model.events.event import Code, Fact, Reason
from ikevpn.model.proposal import Lifetime
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import HashPayload, Notify, Payload
from ikevpn.wire.registry import Doi, ExchangeType, NotifyType, Protocol
from tests.ike.bench import Bench, Side, children, core_of, events, ike_sas, losing, only_sa, other_side, tunnel

TRANSACTION, QUICK = ExchangeType.TRANSACTION, ExchangeType.QUICK
WORD = NotifyType(40001)
MODES = {"main": tunnel(), "aggressive": tunnel(mode=Phase1Mode.AGGRESSIVE)}
UNTIL_PROVED = {"main": 6, "aggressive": 3}


@dataclass(slots=True)
class Words(State):
    """What is asked and answered."""

    heard: bytes = b""


@dataclass
class Stage:
    """One side's idea of the stage: who begins it (None: no IKE SA waits for it), and what it makes of a word."""

    begins: Role | None
    word: bytes = b"word"
    kind: ExchangeType = TRANSACTION
    done: dict[bytes, bytes] = field(default_factory=dict)
    gone_wrong: list[str] = field(default_factory=list)

    def script(self) -> Script:
        rows = (
            self._row("question", Role.INITIATOR),
            self._row("answer", Role.RESPONDER),
        )
        life = Life(Words, self.finished, self.rejected, self.given_up, refused=self.refused, due=self.due)
        return Script("transaction", self.kind, rows, life)

    def _row(self, name: str, sender: Role) -> Row:
        return Row(
            name,
            sender,
            (HashPayload, Notify),
            (),
            self.build,
            self.take,
            protection=Protection.ENCRYPTED,
            hash=HashKind.FIRST,
            authenticates=True,
        )

    def due(self, core: Core, sa: IkeSa) -> Role | None:
        return None if sa.cookies in self.done else self.begins

    def build(self, core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
        return [Notify(Doi.IPSEC, Protocol.ISAKMP, b"", WORD, self.word)]

    def take(self, core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
        notify = chain.first(Notify)
        assert notify is not None
        if notify.data == b"wrong":
            raise Rejected("a wrong word", NotifyType.AUTHENTICATION_FAILED, Reason.WRONG_SECRET)
        Words.of(exchange).heard = notify.data

    def finished(self, core: Core, sa: IkeSa, exchange: Exchange) -> None:
        self.done[sa.cookies] = Words.of(exchange).heard
        if sa.state is not IkeState.ESTABLISHED:
            association.proceed(core, sa)

    def rejected(self, core: Core, sa: IkeSa, exchange: Exchange, notify: NotifyType, why: Hint) -> None:
        self.gone_wrong.append("rejected")
        informational.send(core, sa, [Notify(Doi.IPSEC, Protocol.ISAKMP, b"", notify)])
        informational.delete_ike(core, sa)  # whoever said the last word believes to be done
        ending.failed(core, sa, why)

    def given_up(self, core: Core, sa: IkeSa, exchange: Exchange, facts: dict[str, Fact]) -> None:
        self.gone_wrong.append("given up")
        ending.failed(core, sa, Hint(Reason.NO_ANSWER, facts))

    def refused(self, core: Core, sa: IkeSa, exchange: Exchange, notify: NotifyType) -> None:
        self.gone_wrong.append("refused")
        ending.failed(core, sa, Hint(Reason.IDENTITY_REFUSED, {"notify": notify.label}))


SETTINGS = EngineSettings(switch_first_s=0, switch_s=0)


def staged(
    a: Stage | None, b: Stage | None, ours: Tunnel = MODES["main"], settings: EngineSettings = SETTINGS
) -> Bench:
    """Two engines that know the script, or one of them."""
    bench = Bench(ours)
    for side, stage in ((bench.a, a), (bench.b, b)):
        knows(side, settings, *([stage.script()] if stage is not None else []))
    return bench


def knows(side: Side, settings: EngineSettings, *scripts: Script) -> None:
    side.engine = Engine(settings, random.Random(side.name).randbytes, (*SCRIPTS, *scripts))
    side.engine.add_tunnel(side.tunnel)


def kinds(bench: Bench) -> list[int]:
    return [sent.datagram.data[18] for sent in bench.log]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("begins", [Role.RESPONDER, Role.INITIATOR])
def test_phase_1_is_established_after_its_stage(mode: str, begins: Role) -> None:
    a, b = Stage(begins, b"from a"), Stage(begins, b"from b")
    bench = staged(a, b, MODES[mode])
    bench.initiate()
    for _ in range(UNTIL_PROVED[mode]):
        bench.step()
    assert all(sa.state is IkeState.NEGOTIATING for side in (bench.a, bench.b) for sa in ike_sas(side))
    assert len(only_sa(bench.a).waiting) == 1
    bench.run(0.1)
    assert bench.matched()
    assert kinds(bench)[UNTIL_PROVED[mode] :] == [TRANSACTION] * 2 + [QUICK] * 3
    assert [*a.done.values()] == [b"from b"] and [*b.done.values()] == [b"from a"]
    for side in (bench.a, bench.b):
        assert side.codes().count(Code.IKE_UP) == 1 and only_sa(side).stage is None
        assert side.codes().index(Code.PEER_AUTHENTICATED) < side.codes().index(Code.IKE_UP)


def test_several_stages_come_one_after_the_other() -> None:
    bench = Bench()
    for side in (bench.a, bench.b):
        second = Stage(Role.INITIATOR, kind=ExchangeType(243))
        knows(side, SETTINGS, Stage(Role.RESPONDER).script(), second.script())
    bench.up()
    assert bench.matched() and kinds(bench)[6:] == [TRANSACTION] * 2 + [243] * 2 + [QUICK] * 3


@pytest.mark.parametrize("sender", ["a", "b"])
@pytest.mark.parametrize("begins", [Role.RESPONDER, Role.INITIATOR])
def test_a_datagram_of_a_stage_may_be_lost(sender: str, begins: Role) -> None:
    bench = staged(Stage(begins), Stage(begins))
    bench.tamper = losing(0, sender=sender, exchange=TRANSACTION)
    bench.initiate()
    bench.run(30)
    assert bench.matched() and not events(bench.a, Code.PHASE1_FAILED)


@pytest.mark.parametrize(("sender", "begins"), [("b", Role.RESPONDER), ("a", Role.INITIATOR)])
def test_phase_1_is_remembered_as_long_as_its_stage_takes(sender: str, begins: Role) -> None:
    """The question comes when nobody would ask phase 1 for duplicates any more."""
    bench = staged(Stage(begins), Stage(begins), settings=replace(SETTINGS, linger_s=0.5))
    bench.tamper = losing(0, sender=sender, exchange=TRANSACTION)
    bench.initiate()
    bench.run(1)
    assert all(0 in only_sa(side).exchanges for side in (bench.a, bench.b))
    bench.run(30)
    assert bench.matched() and not any(0 in only_sa(side).exchanges for side in (bench.a, bench.b))


@pytest.mark.parametrize("begins", [Role.RESPONDER, Role.INITIATOR])
@pytest.mark.parametrize("wrong", ["a", "b"])
def test_a_stage_that_is_refused(begins: Role, wrong: str) -> None:
    stages = {name: Stage(begins, b"wrong" if name == wrong else b"word") for name in "ab"}
    bench = staged(stages["a"], stages["b"])
    bench.initiate()
    bench.run(5)
    assert not ike_sas(bench.a) and not ike_sas(bench.b) and not bench.a.sas and not bench.b.sas
    assert stages["b" if wrong == "a" else "a"].gone_wrong == ["rejected"]
    waited = (begins is Role.INITIATOR) == (wrong == "a")  # for the answer that is a refusal now
    assert stages[wrong].gone_wrong == (["refused"] if waited else [])
    refuses = bench.b if wrong == "a" else bench.a
    assert not events(refuses, Code.IKE_UP)


def test_nobody_answers_a_stage() -> None:
    a, b = Stage(Role.RESPONDER), Stage(Role.RESPONDER)
    bench = staged(a, b, tunnel(retransmit_s=1, retransmit_factor=1, retransmit_tries=3))
    bench.tamper = lambda sent: [] if sent.datagram.data[18] == TRANSACTION else [sent]
    bench.initiate()
    bench.run(300)
    assert b.gone_wrong == ["given up"] and a.gone_wrong == []
    assert not ike_sas(bench.a) and not ike_sas(bench.b)
    assert events(bench.a, Code.PHASE1_FAILED)[0].reason is Reason.NO_ANSWER


def test_a_stage_that_the_peer_does_not_begin_has_an_end() -> None:
    """It waits for its first question as long as any half-open SA."""
    bench = staged(Stage(Role.RESPONDER), None)
    bench.initiate()
    bench.run(70)
    assert events(bench.a, Code.PHASE1_FAILED)[0].facts["half_open"] and not ike_sas(bench.a)


def test_taken_down_in_the_middle_of_a_stage() -> None:
    """Both have keys by then, so the peer is told."""
    bench = staged(Stage(Role.RESPONDER), Stage(Role.RESPONDER))
    bench.tamper = lambda sent: [] if sent.datagram.data[18] == TRANSACTION else [sent]
    bench.initiate()
    bench.run(1)
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.run(1)
    assert not ike_sas(bench.a) and not ike_sas(bench.b)


def test_a_question_in_the_middle_of_quick_mode() -> None:
    """The initiator knows of no stage and goes on; the responder asks first, and takes its quick mode then."""
    asked = Stage(None)
    bench = staged(asked, Stage(Role.RESPONDER))
    bench.up()
    assert bench.matched() and len(asked.done) == 1
    assert kinds(bench)[6:8] in ([TRANSACTION, QUICK], [QUICK, TRANSACTION])
    assert not events(bench.b, Code.DATAGRAM_DROPPED) and len(children(bench.b)) == 1


@pytest.mark.parametrize("steps", range(6, 9))
@pytest.mark.parametrize("name", ["a", "b"])
def test_an_exchange_under_way_does_not_disturb_another(steps: int, name: str) -> None:
    stages = {"a": Stage(None, b"from a"), "b": Stage(None, b"from b")}
    bench = staged(stages["a"], stages["b"])
    bench.initiate()
    for _ in range(steps):
        assert bench.step()
    side = bench.side(name)
    core, sa = core_of(side), only_sa(side)
    if sa.state is IkeState.ESTABLISHED:
        settle.start(core, sa, core.scripts[TRANSACTION], Words())
        bench.perform(side, side.engine._out())
    bench.run(1)
    assert bench.matched()
    assert [*stages["a"].done.values()] == [b"from b"] and [*stages["b"].done.values()] == [b"from a"]


def test_an_engine_that_does_not_know_the_exchange_says_so() -> None:
    bench = staged(Stage(None), None).up()
    core, sa = core_of(bench.a), only_sa(bench.a)
    settle.start(core, sa, core.scripts[TRANSACTION], Words())
    bench.perform(bench.a, bench.a.engine._out())
    bench.run(1)
    assert bench.b.reasons(Code.DATAGRAM_DROPPED) == [Reason.UNKNOWN_EXCHANGE]


def test_what_is_agreed_in_phase_1_counts_after_a_stage_too() -> None:
    """RESPONDER-LIFETIME is said when the IKE SA is established."""
    ours = tunnel(ike_lifetime=Lifetime(7200))
    bench = Bench(ours, other_side(replace(ours, ike_lifetime=Lifetime(600))))
    for side in (bench.a, bench.b):
        knows(side, SETTINGS, Stage(Role.RESPONDER).script())
    bench.up()
    assert only_sa(bench.a).lifetime == Lifetime(600)
