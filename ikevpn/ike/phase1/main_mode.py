"""Main mode: six messages, identities encrypted (RFC 2409 §5).

`build_n` and `take_n` are message n.
"""

from __future__ import annotations

from ikevpn.errors import NotAuthentic
from ikevpn.ike.auth import methods
from ikevpn.ike.phase1 import common, natt
from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Exchange, IkeSa, Keys, Lacking, Waiting
from ikevpn.model.events.event import Code
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Payload


def build_1(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """SA, vendor ids."""
    tunnel = _tunnel(sa)
    return [common.build_offer(exchange, tunnel), *common.build_vendor_ids(sa, tunnel)]


def take_1(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The responder chooses a proposal; message 2 will carry it."""
    Phase1.of(exchange).take_requests(chain)
    Phase1.of(exchange).answer = common.take_offer(core, sa, exchange, chain)
    common.take_vendor_ids(sa, chain)


def build_2(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """The chosen SA, vendor ids."""
    answer = Phase1.of(exchange).answer
    assert answer is not None
    return [answer, *common.build_vendor_ids(sa, _tunnel(sa))]


def take_2(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The initiator learns what was chosen."""
    Phase1.of(exchange).take_requests(chain)
    common.take_choice(core, sa, Phase1.of(exchange), _tunnel(sa), common.read_answer(exchange, chain))
    common.take_vendor_ids(sa, chain)


def build_3(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """KE, Ni, CERTREQ, NAT-D."""
    assert sa.proposal is not None
    requests = common.certificate_requests([_tunnel(sa)], [sa.proposal])
    return [*common.build_key_exchange(core, sa, exchange), *requests, *natt.detection(core, sa, sa.proposal.hash)]


def take_3(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The responder has both halves. Which credential is right shows with message 5: all that may be are made ready.

    Raises Rejected for a bad public value or without any credential, before the exchange moves on.
    """
    Phase1.of(exchange).take_requests(chain)
    assert sa.proposal is not None
    common.note_vendor_ids(sa, chain)
    common.take_key_exchange(exchange, chain)
    state = Phase1.of(exchange)
    state.own = common.build_key_exchange(core, sa, exchange)
    common.share(exchange)
    state.trials = _trials(core, sa, exchange)
    natt.detect(core, sa, sa.proposal.hash, chain)


def build_4(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """KE, Nr, CERTREQ, NAT-D."""
    assert sa.proposal is not None
    core.report(Code.KEYS_DERIVED, sa)
    requests = common.certificate_requests(sa.callers or (), [sa.proposal])
    return [*Phase1.of(exchange).own, *requests, *natt.detection(core, sa, sa.proposal.hash)]


def take_4(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The initiator has all keys and moves to port 4500 where there is a NAT."""
    Phase1.of(exchange).take_requests(chain)
    tunnel = _tunnel(sa)
    assert sa.proposal is not None
    common.note_vendor_ids(sa, chain)
    common.take_key_exchange(exchange, chain)
    common.share(exchange)
    remote = sa.remote.address
    expected = common.expected_identity(tunnel, remote)
    credential = common.credential_of(core, sa.proposal, tunnel, remote, expected)
    sa.keys = common.derive(sa, exchange, sa.proposal, credential)
    core.report(Code.KEYS_DERIVED, sa)
    natt.detect(core, sa, sa.proposal.hash, chain)
    natt.move(core, sa)


def build_proof(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload] | Lacking:
    """Messages 5 and 6: identity, CERT, proof, INITIAL-CONTACT; encrypted."""
    tunnel = _tunnel(sa)
    identity = common.build_identity(sa, exchange, tunnel)
    proof = common.proof(sa, exchange)
    return proof if isinstance(proof, Lacking) else [identity, *proof, *common.initial_contact(core, sa, tunnel)]


def take_5(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The initiator has proved itself with some credential; which of our tunnels it means follows from who it is.

    Raises Rejected where the credential is somebody else's: all that may be were tried before there was an identity.
    """
    Phase1.of(exchange).take_requests(chain)
    common.settle_identity(core, sa, exchange, chain, common.read_identity(exchange, chain))


def take_6(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The responder has proved itself."""
    common.settle_identity(core, sa, exchange, chain, common.read_identity(exchange, chain))


def trials(sa: IkeSa, exchange: Exchange) -> tuple[Keys, ...]:
    """The keys with which to open a message: those that are proved, or all candidates."""
    if sa.keys is not None:
        return (sa.keys,)
    found = Phase1.of(exchange).trials
    return found


def _trials(core: Core, sa: IkeSa, exchange: Exchange) -> tuple[Keys, ...]:
    assert sa.proposal is not None
    method, proposal = methods.agreed(sa), sa.proposal
    found = method.candidates(core, sa)
    if not found:
        raise common.without_credential(method, {"remote": str(sa.remote.address)})
    return tuple(common.derive(sa, exchange, proposal, credential) for credential in found)


def verify(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain, keys: Keys | None) -> Keys | Waiting:
    """Messages 5 and 6: the proof over everything that was said. Raises NotAuthentic, Malformed, Rejected."""
    if keys is None:
        raise NotAuthentic("no keys yet")
    common.read_identity(exchange, chain)
    return common.check_proof(sa, exchange, chain, keys)


def _tunnel(sa: IkeSa) -> Tunnel:
    assert sa.tunnel is not None
    return sa.tunnel
