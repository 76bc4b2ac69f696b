"""IPComp beside ESP: never offered, left out where the peer gives the choice, and taken where it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.ike.offers import suite
from ikevpn.ike.state.effects import AddSa
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.events.reasons import sentence
from ikevpn.model.proposal import Lifetime
from ikevpn.model.sa import Direction, Encapsulation, SaMode
from ikevpn.model.tunnel import ProposalOrder
from ikevpn.wire.payload import SA, Delete, Proposal, Transform
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import Doi, IpcompTransform, Ipsec, Mode, Protocol
from tests.ike.bench import Bench, children, events, facts, says
from tests.ike.offers.test_suite import ESP, OWN
from tests.manners import bend

DEFLATE, LZS = IpcompTransform.DEFLATE, IpcompTransform.LZS
PLAIN = suite.propose([ESP], Lifetime(3600), OWN, Mode.TUNNEL)


def ipcomp(number: int, *kinds: IpcompTransform, cpi: bytes = b"\x12\x34", mode: Mode = Mode.TUNNEL) -> Proposal:
    transforms = tuple(Transform(n, kind, (Attribute.of(Ipsec.MODE, mode),)) for n, kind in enumerate(kinds, 1))
    return Proposal(number, Protocol.IPCOMP, cpi, transforms)


def offer(*proposals: Proposal) -> SA:
    return SA(Doi.IPSEC, 1, proposals)


def esp(number: int, mode: Mode = Mode.TUNNEL) -> Proposal:
    (proposal,) = suite.propose([ESP], Lifetime(3600), OWN, mode).proposals
    return replace(proposal, number=number)


def chosen(said: SA, order: ProposalOrder = ProposalOrder.THEIRS) -> suite.Choice | None:
    return suite.choose(said, [ESP], order, SaMode.TUNNEL, Encapsulation.NONE)


@pytest.mark.parametrize("order", ProposalOrder)
def test_who_offers_both_gets_the_one_without(order: ProposalOrder) -> None:
    choice = chosen(offer(esp(1), ipcomp(1, DEFLATE), esp(2)), order)
    assert choice is not None and not choice.compressed and choice.number == 2
    assert [each.protocol for each in choice.payload(OWN).proposals] == [Protocol.ESP]


@pytest.mark.parametrize("cpi", [b"\x12\x34", b"\0\0\x12\x34"])
@pytest.mark.parametrize("first", [True, False])
def test_who_offers_nothing_else_gets_both_as_they_came(cpi: bytes, first: bool) -> None:
    pair = (ipcomp(3, LZS, DEFLATE, cpi=cpi), esp(3))
    choice = chosen(offer(*(pair if first else reversed(pair))))
    assert choice is not None and choice.compressed and choice.proposal == ESP
    answer = choice.payload(OWN).proposals
    assert [each.protocol for each in answer] == [each.protocol for each in (pair if first else reversed(pair))]
    (compression,) = (each for each in answer if each.protocol is Protocol.IPCOMP)
    assert {each.number for each in answer} == {3} and [each.number for each in compression.transforms] == [2]
    assert len(compression.spi) == len(cpi) and 256 <= int.from_bytes(compression.spi, "big") <= 61439


def test_esp_of_linux_is_in_transport_mode_beside_it_and_only_there() -> None:
    assert chosen(offer(esp(1, Mode.TRANSPORT), ipcomp(1, DEFLATE))) is not None
    assert chosen(offer(esp(1, Mode.TRANSPORT))) is None
    assert chosen(offer(esp(1), ipcomp(1, DEFLATE, mode=Mode.TRANSPORT))) is None


@pytest.mark.parametrize(
    "said",
    [
        offer(esp(1), ipcomp(1, LZS)),
        offer(esp(1), ipcomp(1, DEFLATE, cpi=b"\1")),
        offer(ipcomp(1, DEFLATE)),
        offer(esp(1), ipcomp(1, DEFLATE), ipcomp(1, DEFLATE)),
    ],
)
def test_what_is_not_taken(said: SA) -> None:
    assert chosen(said) is None


def test_names_and_what_is_only_compressed() -> None:
    assert suite.names(offer(esp(1), ipcomp(1, LZS, DEFLATE))) == (f"{ESP}+ipcomp-lzs/deflate",)
    assert suite.only_compressed(offer(esp(1), ipcomp(1, LZS)))
    assert not suite.only_compressed(offer(esp(1), ipcomp(1, LZS), esp(2)))
    assert not suite.only_compressed(offer(esp(1), ipcomp(1, DEFLATE)))
    assert not suite.only_compressed(PLAIN)


def test_an_answer_with_it_is_none_to_our_offer() -> None:
    said = offer(*PLAIN.proposals, ipcomp(PLAIN.proposals[0].number, DEFLATE))
    assert suite.check(said, [ESP], SaMode.TUNNEL, Encapsulation.NONE) is None


def asking(*compressions: IpcompTransform, also_plain: bool = False) -> Bench:
    """ "a" is bent to offer ESP together with IPComp; "b" answers. "a" does not know its own offer again."""
    bench = Bench()

    def with_compression(payloads: list[object]) -> list[object]:
        changed: list[object] = []
        for each in payloads:
            if isinstance(each, SA):
                (one,) = each.proposals
                more = (replace(one, number=2),) if also_plain else ()
                each = replace(each, proposals=(one, ipcomp(1, *compressions), *more))
            changed.append(each)
        return changed

    with bend.payloads(bench.a, "quick mode message 1", with_compression):
        bench.up()
    return bench


def test_a_peer_that_wants_it_gets_an_sa_that_expands() -> None:
    bench = asking(DEFLATE)
    installed = [effect.sa for effect in bench.effects["b"] if isinstance(effect, AddSa)]
    assert [(sa.direction, sa.expands) for sa in installed] == [(Direction.IN, True)]
    assert facts(bench.b, Code.PHASE2_RESPONDING)["compression"] == "for what it sends"
    assert sentence(events(bench.b, Code.PHASE2_RESPONDING)[0]).endswith("; IPComp for what it sends")


def test_a_peer_that_offers_both_gets_none_and_it_is_said() -> None:
    bench = asking(DEFLATE, also_plain=True)
    (child,) = children(bench.b)
    assert not child.expands and bench.matched()
    assert sentence(events(bench.b, Code.PHASE2_RESPONDING)[0]).endswith("; IPComp is left out")


def test_a_peer_with_another_compression_is_refused_in_words_of_its_own() -> None:
    bench = asking(LZS)
    assert not children(bench.b)
    (failed,) = events(bench.b, Code.PHASE2_FAILED)
    assert failed.reason is Reason.ONLY_COMPRESSED
    assert "the peer offers ESP only with a compression that is not supported:" in sentence(failed)


def test_nothing_is_said_where_nobody_compresses() -> None:
    bench = Bench().up()
    assert "IPComp" not in sentence(events(bench.b, Code.PHASE2_RESPONDING)[0])


def test_the_end_of_an_index_is_not_that_of_an_sa() -> None:
    bench = Bench().up()
    (child,) = children(bench.b)
    says(bench, "a", Delete(Doi.IPSEC, Protocol.IPCOMP, (child.spi_out.to_bytes(4, "big"),)))
    assert children(bench.b) == [child]
