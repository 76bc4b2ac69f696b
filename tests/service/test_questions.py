"""Questions of the engine find who answers them, and each answer its way back, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import Ask, Effect, Report, Send
from ikevpn.ike.values.question import Answer, Question, Ticket
from ikevpn.model.events.event import Code, Reason
from ikevpn.service.questions import Answerer, Questions
from tests.ike.asking import PHASE1, MayPass, asking
from tests.ike.pair import HERE, THERE, other_side, tunnel
from tests.service.virtual import run

TICKET = Ticket(1, 0, 7)


@dataclass(frozen=True, slots=True)
class Color(Question):
    of: str


def ask(answerers: Mapping[type[Question], Answerer], seconds: float = 10.0) -> list[tuple[float, Ticket, Answer]]:
    """What comes back of one question within a minute, and when."""
    told: list[tuple[float, Ticket, Answer]] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        questions = Questions(answerers, lambda ticket, answer: told.append((loop.time(), ticket, answer)))
        questions.ask(Ask(TICKET, Color("grass"), loop.time() + seconds))
        assert told == [], "an answer never comes while the effects of one input are carried out"
        await asyncio.sleep(60)
        await questions.close()

    run(scenario())
    return told


async def _green(question: Color) -> Answer:
    await asyncio.sleep(3)
    return Answer(f"{question.of}: green")


async def _never(question: Color) -> Answer:
    await asyncio.sleep(1e6)
    raise AssertionError("nobody waits that long")


async def _broken(question: Color) -> Answer:
    raise RuntimeError("out of paint")


def test_an_answer_finds_its_way_back() -> None:
    assert ask({Color: _green}) == [(pytest.approx(3), TICKET, Answer("grass: green"))]


def test_nobody_answers_this_kind() -> None:
    ((_, ticket, answer),) = ask({})
    assert ticket == TICKET and answer.trouble == "nothing on this host answers a question of the kind Color"


def test_work_on_an_answer_ends_with_the_deadline() -> None:
    assert ask({Color: _never}, seconds=2.0) == []


def test_a_mistake_in_an_answerer_is_logged_and_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    ((_, _, answer),) = ask({Color: _broken})
    assert answer.trouble.startswith("internal error") and "out of paint" in caplog.text


def test_a_stop_ends_what_is_under_way() -> None:
    async def scenario() -> None:
        told: list[Answer] = []
        questions = Questions({Color: _never}, lambda ticket, answer: told.append(answer))
        questions.ask(Ask(TICKET, Color("sky"), 1e9))
        await asyncio.sleep(0)
        await questions.close()
        assert told == [] and len(asyncio.all_tasks()) == 1

    run(scenario())


@pytest.mark.parametrize("answered", [True, False])
def test_a_peer_is_let_in_by_what_the_world_says(answered: bool) -> None:
    """Both engines with a real answerer between question and answer; without one the reason names the kind."""
    events: list[tuple[Code, Reason]] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        engines = {
            HERE: Engine(EngineSettings(), random.Random("a").randbytes),
            THERE: Engine(EngineSettings(), random.Random("b").randbytes, asking(PHASE1)),
        }
        ours = tunnel()
        engines[HERE].add_tunnel(ours)
        engines[THERE].add_tunnel(other_side(ours))

        async def _yes(question: MayPass) -> Answer:
            await asyncio.sleep(0.5)
            return Answer(True)

        def tell(ticket: Ticket, answer: Answer) -> None:
            perform(engines[THERE].answer(ticket, answer, loop.time()))

        def perform(effects: list[Effect]) -> None:
            for effect in effects:
                match effect:
                    case Send():
                        loop.call_soon(deliver, effect)
                    case Ask():
                        questions.ask(effect)
                    case Report():
                        events.append((effect.event.code, effect.event.reason))

        def deliver(sent: Send) -> None:
            perform(engines[sent.remote].datagram(sent.data, sent.remote, sent.local, loop.time(), sent.natt))

        questions = Questions({MayPass: _yes} if answered else {}, tell)
        perform(engines[HERE].initiate(ours.name, HERE, THERE, loop.time()))
        await asyncio.sleep(1)
        await questions.close()

    run(scenario())
    assert ((Code.IKE_UP, Reason.NONE) in events) is answered
    assert ((Code.PHASE1_FAILED, Reason.UNANSWERED) in events) is not answered
