"""Every code and every reason has its sentence, and the sentences of the common failures say what a user needs."""

from __future__ import annotations

import re
from itertools import product

import pytest

from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event, Reason

PAIR = "10.1.1.0/24 === 10.2.2.0/24"


def test_the_table_is_complete() -> None:
    assert set(reasons.CODES) == set(Code)
    assert set(reasons.REASONS) == set(Reason)


@pytest.mark.parametrize(
    "entry", [*reasons.CODES.values(), *reasons.REASONS.values()], ids=lambda entry: entry.what[:40]
)
def test_every_entry_explains_itself(entry: reasons.Entry) -> None:
    assert entry.meaning.endswith("."), entry
    assert all(not line.endswith(".") for line in (entry.what, *entry.advice))


@pytest.mark.parametrize(("code", "reason"), list(product(Code, Reason)))
def test_no_facts_are_no_reason_to_fail(code: Code, reason: Reason) -> None:
    event = Event(code, reason=reason)
    for text in (reasons.sentence(event), reasons.why(event), *reasons.advice(event)):
        assert text and not re.search(r"\{\w+\}|[\[\]]", text), text


def fail(reason: Reason, code: Code = Code.PHASE1_FAILED, **facts: object) -> Event:
    return Event(code, "paris", reason, {"remote": "203.0.113.2:500", "local": "192.0.2.1:500", **facts})  # type: ignore[arg-type]


def test_unreachable() -> None:
    event = fail(Reason.NO_ANSWER, message="main mode message 1", tries=6, seconds=60)
    assert reasons.sentence(event) == (
        "phase 1 with 203.0.113.2:500 failed: "
        "no answer from 203.0.113.2:500 to main mode message 1 after 6 tries in 60 s"
    )
    assert reasons.advice(event)[0].startswith("does the peer run at 203.0.113.2?")
    assert any("UDP 500" in line for line in reasons.advice(event))


def test_wrong_secret_names_the_place_of_the_secret_and_who_is_meant() -> None:
    advice = reasons.advice(fail(Reason.WRONG_SECRET, secret_from="/etc/ikevpn/paris.psk"))
    place = "tunnel paris takes its secret from /etc/ikevpn/paris.psk"
    assert f"{place}; `ikevpn list -v` shows four digits to compare it by" in advice
    assert any(line.endswith("does it have a secret for 192.0.2.1?") for line in advice)


def test_no_common_proposal_shows_both_sides_and_the_nearest() -> None:
    event = fail(Reason.NO_PROPOSAL_PHASE1, offered=("pre-g2-aes128-sha",), accepted=("pre-g14-aes128-sha",))
    assert reasons.why(event) == (
        "no common proposal in phase 1: the peer offers pre-g2-aes128-sha; we accept pre-g14-aes128-sha"
    )
    assert reasons.advice(event)[0] == "pre-g2-aes128-sha differs from pre-g14-aes128-sha only in g2 vs g14"


def test_a_refusal_by_the_peer_leads_to_the_advice_for_its_notify() -> None:
    event = fail(Reason.PEER_REFUSED_PHASE1, notify="no-proposal-chosen", offered=("pre-g2-3des-sha",))
    assert reasons.why(event) == "203.0.113.2:500 refuses and says no-proposal-chosen"
    assert reasons.advice(event)[0].endswith("we offered pre-g2-3des-sha")
    other = fail(Reason.PEER_REFUSED_PHASE1, notify="invalid-id-information")
    assert "local_id" in reasons.advice(other)[0]


def test_proxy_ids_stand_side_by_side() -> None:
    event = fail(Reason.PROXY_ID_MISMATCH, Code.PHASE2_FAILED, theirs="10.1.0.0/16 === 10.2.2.0/24", ours=(PAIR,))
    assert reasons.why(event) == f"the networks differ: the peer asks for 10.1.0.0/16 === 10.2.2.0/24, we have {PAIR}"
    assert any("10.1.0.0/16 === 10.2.2.0/24" in line for line in reasons.advice(event))


def test_a_wrong_identity_shows_what_came_and_what_was_expected() -> None:
    event = fail(
        Reason.WRONG_PEER_IDENTITY, received="fw.example.net", received_type="fqdn", expected=("paris: 203.0.113.2",)
    )
    assert reasons.why(event) == "the peer's identity is fw.example.net (fqdn), expected 203.0.113.2"
    assert 'remote_id = "fw.example.net"' in reasons.advice(event)[0]


@pytest.mark.parametrize(
    ("behind", "draft", "sentence"),
    [
        (("we",), "rfc3947", "NAT detected: this host is behind NAT (RFC 3947)"),
        (("peer",), "draft-02n", "NAT detected: the peer is behind NAT (draft-02n)"),
        (("we", "peer"), "rfc3947", "NAT detected: both ends are behind NAT (RFC 3947)"),
    ],
)
def test_a_nat_is_told_in_the_terms_of_its_rfc(behind: tuple[str, ...], draft: str, sentence: str) -> None:
    assert reasons.sentence(Event(Code.NAT_DETECTED, "t", facts={"behind": behind, "draft": draft})) == sentence


def test_ipv6_endpoints_lose_their_port_too() -> None:
    event = Event(Code.PHASE1_FAILED, "t", Reason.NO_ANSWER, {"remote": "[2001:db8::1]:500"})
    assert reasons.advice(event)[0].startswith("does the peer run at 2001:db8::1?")


def test_explain_knows_codes_and_reasons_and_nothing_else() -> None:
    assert reasons.explain("child-up") is reasons.CODES[Code.CHILD_UP]
    assert reasons.explain("wrong-secret") is reasons.REASONS[Reason.WRONG_SECRET]
    assert reasons.explain("no such thing") is None
