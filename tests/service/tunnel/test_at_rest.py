"""Calls for tunnels that are down are told as such."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ikevpn.model.address import AddressRange
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.service.tunnel.at_rest import AtRest


def call(remote: str, reason: Reason = Reason.NO_MATCHING_TUNNEL, tunnel: str = "") -> Event:
    return Event(Code.CALL_REFUSED, tunnel, reason, facts={"remote": remote, "role": "responder", "mode": "main"})


@pytest.mark.parametrize("remote", ["192.0.2.2:500", "[2001:db8::2]:4500"])
def test_a_call_for_a_tunnel_that_is_down(remote: str) -> None:
    rest = AtRest()
    rest.add("paris", [AddressRange.of("192.0.2.2"), AddressRange.of("2001:db8::2")])
    event = rest.explain(call(remote))
    assert (event.tunnel, event.reason) == ("paris", Reason.TUNNEL_DOWN)
    assert reasons.why(event) == "it was for paris, which was down on this host"
    assert reasons.advice(event) == ("ikevpn up paris",)
    rest.discard("paris")
    assert rest.explain(call(remote)) == call(remote)


def test_one_that_anybody_may_call_comes_after_one_for_the_address() -> None:
    rest = AtRest()
    rest.add("branches", [AddressRange.everything(4)])
    rest.add("paris", [AddressRange.of("192.0.2.2")])
    assert rest.tunnel_for(ip_address("192.0.2.2")) == "paris"
    assert rest.tunnel_for(ip_address("192.0.2.3")) == "branches"
    assert rest.tunnel_for(ip_address("2001:db8::3")) == ""
    rest.add("paris", [AddressRange.of("192.0.2.3")])
    assert rest.tunnel_for(ip_address("192.0.2.2")) == "branches"


def test_what_is_not_about_it_stays_as_it_is() -> None:
    rest = AtRest()
    rest.add("paris", [AddressRange.of("192.0.2.2")])
    for event in (
        call("192.0.2.2:500", tunnel="rome"),  # another one takes calls from there
        call("192.0.2.2:500", Reason.INITIATOR_ONLY),
        call("somewhere"),
    ):
        assert rest.explain(event) == event
