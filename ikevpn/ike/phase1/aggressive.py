"""Aggressive mode: three messages, identities in clear (RFC 2409 §5).

`build_n` and `take_n` are message n.
"""

from __future__ import annotations

from ikevpn.errors import NotAuthentic
from ikevpn.ike.auth import methods
from ikevpn.ike.phase1 import common, natt
from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.runner.exchange import Rejected
from ikevpn.ike.state.callers import Callers
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Exchange, Hint, IkeSa, Keys, Lacking, Waiting
from ikevpn.ike.values.credential import Credential
from ikevpn.model.events.event import Code, Fact, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Payload


def build_1(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """SA, KE, Ni, IDii, CERTREQ, vendor ids. The public value fixes the group: only proposals of one can be offered."""
    tunnel = _tunnel(sa)
    offer = common.build_offer(exchange, tunnel)
    sa.proposal = Phase1.of(exchange).offered[0]
    key_exchange = common.build_key_exchange(core, sa, exchange)
    identity = common.build_identity(sa, exchange, tunnel)
    requests = common.certificate_requests([tunnel], Phase1.of(exchange).offered)
    return [offer, *key_exchange, identity, *requests, *common.build_vendor_ids(sa, tunnel)]


def take_1(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The responder knows at once who is meant, though not yet whether it is true, and has all keys."""
    Phase1.of(exchange).take_requests(chain)
    state = Phase1.of(exchange)
    identity = common.read_identity(exchange, chain)
    common.take_key_exchange(exchange, chain)
    everybody = sa.callers
    assert everybody is not None
    fitting = _expecting(everybody, identity)
    if fitting is None:
        sa.decoy = _nobody(sa, identity)
    sa.callers = fitting or everybody
    try:
        state.answer = common.take_offer(core, sa, exchange, chain)
    except Rejected as error:
        if fitting is None:
            raise
        sa.decoy, sa.callers = Hint(error.why, error.facts), everybody
        state.answer = common.take_offer(core, sa, exchange, chain)
    common.take_vendor_ids(sa, chain)
    credential = _credential(core, sa, identity)
    state.own = common.build_key_exchange(core, sa, exchange)
    common.share(exchange)
    assert sa.proposal is not None
    sa.keys = common.derive(sa, exchange, sa.proposal, credential)


def _expecting(callers: Callers, identity: Identity) -> Callers | None:
    """The tunnels that may be meant: those for this very identity, or else those for anybody; None: there are none."""
    return next((each for each in (callers.named(identity), callers.for_anybody(identity)) if each.first()), None)


def _nobody(sa: IkeSa, identity: Identity) -> Hint:
    facts: dict[str, Fact] = {"received": str(identity), "received_type": identity.type.label}
    facts["expected"] = common.expected_peers(sa)
    return Hint(Reason.WRONG_PEER_IDENTITY, facts)


def _credential(core: Core, sa: IkeSa, identity: Identity) -> Credential:
    """The credential of the peer; where there is none, one that nobody knows.

    An answer that were another for a name which nobody here has would tell everybody who asks which names there are
    (CVE-2010-4354). So all are answered alike, and who is not meant fails when it has to prove itself.
    """
    tunnel, remote = _tunnel(sa), sa.remote.address
    method = methods.agreed(sa)
    found = None if sa.decoy else method.credential(core, tunnel, remote, identity)
    if found is None:
        sa.decoy = sa.decoy or Hint(method.missing, {"tunnel": tunnel.name, "remote": str(remote)})
        return method.unknown(core)
    return found


def build_2(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload] | Lacking:
    """SA, KE, Nr, IDir, CERT, HASH_R or SIG_R, CERTREQ, vendor ids, NAT-D."""
    state = Phase1.of(exchange)
    tunnel = _tunnel(sa)
    assert state.answer is not None and sa.proposal is not None and sa.keys is not None
    identity = common.build_identity(sa, exchange, tunnel)
    proof = common.proof(sa, exchange)
    if isinstance(proof, Lacking):
        return proof
    core.report(Code.KEYS_DERIVED, sa)
    asked = common.certificate_requests(sa.callers or (), [sa.proposal]) + common.build_vendor_ids(sa, tunnel)
    return [state.answer, *state.own, identity, *proof, *asked, *natt.detection(core, sa, sa.proposal.hash)]


def verify_2(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain, keys: Keys | None) -> Keys | Waiting:
    """The responder's proof needs all that message 2 brings. Raises NotAuthentic, Malformed, or Rejected for what we
    did not offer.
    """
    tunnel = _tunnel(sa)
    choice = common.read_answer(exchange, chain)
    common.take_key_exchange(exchange, chain)
    common.share(exchange)
    identity = common.read_identity(exchange, chain)
    credential = common.credential_of(core, choice.proposal, tunnel, sa.remote.address, identity)
    return common.check_proof(sa, exchange, chain, common.derive(sa, exchange, choice.proposal, credential))


def take_2(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The responder has proved itself; the initiator moves to port 4500 where there is a NAT."""
    Phase1.of(exchange).take_requests(chain)
    common.take_choice(core, sa, Phase1.of(exchange), _tunnel(sa), common.read_answer(exchange, chain))
    assert sa.proposal is not None
    core.report(Code.KEYS_DERIVED, sa)
    common.take_vendor_ids(sa, chain)
    natt.detect(core, sa, sa.proposal.hash, chain)
    common.settle_identity(core, sa, exchange, chain, common.read_identity(exchange, chain))
    natt.move(core, sa)


def build_3(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload] | Lacking:
    """CERT, HASH_I or SIG_I, NAT-D, INITIAL-CONTACT; encrypted."""
    assert sa.proposal is not None
    proof = common.proof(sa, exchange)
    if isinstance(proof, Lacking):
        return proof
    return [*proof, *natt.detection(core, sa, sa.proposal.hash), *common.initial_contact(core, sa, _tunnel(sa))]


def verify_3(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain, keys: Keys | None) -> Keys | Waiting:
    """HASH_I or SIG_I. Raises NotAuthentic, Malformed, Rejected."""
    if keys is None:
        raise NotAuthentic("no keys yet")
    return common.check_proof(sa, exchange, chain, keys)


def take_3(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The initiator has proved itself."""
    state = Phase1.of(exchange)
    assert sa.proposal is not None and sa.keys is not None
    natt.detect(core, sa, sa.proposal.hash, chain)
    common.settle_identity(core, sa, exchange, chain, common.identity_in(state.id_body_i))


def _tunnel(sa: IkeSa) -> Tunnel:
    assert sa.tunnel is not None
    return sa.tunnel
