"""What main and aggressive mode have in common: offers, keys, proofs and identities (RFC 2409 §5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from ikevpn.crypto import ciphers, groups, keys
from ikevpn.crypto.groups import BadPublicValue, KeyPair
from ikevpn.crypto.iv import phase1_iv
from ikevpn.errors import Refused
from ikevpn.ike.auth import methods, rights
from ikevpn.ike.auth.method import Method
from ikevpn.ike.auth.methods import METHODS
from ikevpn.ike.auth.transcript import Transcript
from ikevpn.ike.offers import select
from ikevpn.ike.offers.select import IkeChoice
from ikevpn.ike.phase1 import natt, quota
from ikevpn.ike.runner.exchange import Rejected
from ikevpn.ike.state import state_changes
from ikevpn.ike.state.callers import told
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.effects import ExportKeys
from ikevpn.ike.state.sa import Exchange, IkeSa, Keys, Lacking, Peer, Role, Waiting
from ikevpn.ike.upkeep import informational
from ikevpn.ike.values.credential import Credential
from ikevpn.model.address import Address
from ikevpn.model.events.event import Code, Fact, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal, Lifetime
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode, Tunnel, Unique
from ikevpn.wire import message, vendor
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import (
    SA,
    SIT_IDENTITY_ONLY,
    Identification,
    KeyExchange,
    Nonce,
    Notify,
    Payload,
    VendorId,
)
from ikevpn.wire.registry import Doi, IdType, NotifyType, Protocol

_NONCE_SIZE = 32
_MOST_ASKING = 16  # tunnels whose authorities we name to somebody who may mean any of them


@dataclass(slots=True)
class Phase1(Transcript):
    """What a phase 1 must remember until its keys are proved."""

    group_index: int = 0  # which of the tunnel's groups this attempt offers
    offered: tuple[IkeProposal, ...] = ()
    pair: KeyPair | None = None
    trials: tuple[Keys, ...] = ()
    answer: SA | None = None  # the responder's choice, until it is sent
    own: list[Payload] = field(default_factory=list)  # the responder's KE and nonce, until they are sent
    told: Lifetime = Lifetime()  # in the transform that was chosen
    initial_contact: bool = False  # the peer, authenticated, says that it remembers nothing of us

    def without_keys(self) -> Phase1:
        """What is needed of it once its keys are proved: no private exponent, no nonces, no candidate keys."""
        return Phase1(group_index=self.group_index, told=self.told, initial_contact=self.initial_contact)


# The offer


def offered_in_attempt(tunnel: Tunnel, index: int) -> tuple[IkeProposal, ...]:
    """What the nth attempt offers: everything at once in main mode, one group at a time in aggressive mode."""
    if tunnel.mode is Phase1Mode.MAIN:
        return tunnel.ike_proposals if index == 0 else ()
    found = list(dict.fromkeys(each.group for each in tunnel.ike_proposals))[index : index + 1]
    return tuple(each for each in tunnel.ike_proposals if each.group in found)


def build_offer(exchange: Exchange, tunnel: Tunnel) -> SA:
    """The initiator's SA payload; its body goes into both hashes."""
    state = Phase1.of(exchange)
    state.offered = offered_in_attempt(tunnel, state.group_index)
    offer = select.offer_ike(state.offered, tunnel.ike_lifetime)
    state.sa_body = message.body_of(offer)
    return offer


def take_offer(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> SA:
    """Choose from what the initiator offers, among the tunnels that it may mean; returns the answer.

    Raises Rejected with what was offered and what we would have accepted.
    """
    state = Phase1.of(exchange)
    offer = chain.first(SA)
    assert offer is not None
    if offer.doi != Doi.IPSEC or offer.situation != SIT_IDENTITY_ONLY:
        notify = NotifyType.SITUATION_NOT_SUPPORTED if offer.doi == Doi.IPSEC else NotifyType.DOI_NOT_SUPPORTED
        raise Rejected(f"DOI {offer.doi}, situation {offer.situation}", notify, Reason.UNSUPPORTED)
    read = select.read_offer(offer)
    assert sa.callers is not None
    for tunnel in sa.callers.tastes():
        choice = select.choose_ike(read, tunnel.ike_proposals, tunnel.proposal_order)
        if choice is not None:
            state.sa_body = chain.body(SA) or b""
            sa.callers = sa.callers.agreeing(choice.proposal)
            take_choice(core, sa, state, tunnel, choice)
            return choice.payload
    accepted = dict.fromkeys(str(each) for tunnel in sa.callers.tastes() for each in tunnel.ike_proposals)
    facts = {"offered": select.names_ike(read), "accepted": tuple(accepted)}
    raise Rejected("no proposal that we accept", NotifyType.NO_PROPOSAL_CHOSEN, Reason.NO_PROPOSAL_PHASE1, facts)


def read_answer(exchange: Exchange, chain: Chain) -> IkeChoice:
    """The initiator reads what the responder chose; changes nothing. Raises Rejected where that was not offered."""
    answer = chain.first(SA)
    assert answer is not None
    choice = select.check_ike(answer, Phase1.of(exchange).offered)
    if choice is None:
        facts = {
            "offered": tuple(map(str, Phase1.of(exchange).offered)),
            "chosen": select.names_ike(select.read_offer(answer)),
        }
        raise Rejected(
            "the peer chose what we did not offer", NotifyType.BAD_PROPOSAL_SYNTAX, Reason.PEER_REFUSED_PHASE1, facts
        )
    return choice


def take_choice(core: Core, sa: IkeSa, state: Phase1, tunnel: Tunnel, choice: IkeChoice) -> None:
    """Both sides know now what is agreed on."""
    state.told = choice.lifetime
    core.mean(sa, tunnel)
    sa.proposal = choice.proposal
    sa.lifetime = tunnel.ike_lifetime.shorter(choice.lifetime)
    core.report(Code.PROPOSAL_CHOSEN, sa, chosen=str(choice.proposal))


# Vendor ids


def build_vendor_ids(sa: IkeSa, tunnel: Tunnel) -> list[Payload]:
    """What we can do. A responder names only the text of NAT traversal that it will use."""
    natt_ids = natt.announce(tunnel) if sa.role is Role.INITIATOR else natt.answer(sa)
    ids: list[Payload] = [*natt_ids, VendorId(vendor.DPD)]
    if tunnel.fragment_size:
        ids.append(VendorId(vendor.FRAGMENTATION))
    return ids + [VendorId(data) for data in tunnel.vendor_ids]


def take_vendor_ids(sa: IkeSa, chain: Chain) -> None:
    """Those of the first pair of messages also decide which text of NAT traversal is spoken from then on."""
    note_vendor_ids(sa, chain)
    if sa.tunnel is not None:
        natt.settle(sa, sa.tunnel)


def note_vendor_ids(sa: IkeSa, chain: Chain) -> None:
    """Remember what the peer can do and, for people, what it is. Cisco announces DPD only with its last messages."""
    for payload in chain.all(VendorId):
        row = vendor.recognise(payload.data)
        if row is not None:
            sa.capabilities |= row.capability
            if row.product and row.name not in sa.peer_products:
                sa.peer_products += (row.name,)


# Key exchange


def build_key_exchange(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """Our public value and nonce."""
    state = Phase1.of(exchange)
    assert sa.proposal is not None
    state.pair = groups.generate(sa.proposal.group, core.entropy)
    nonce = core.entropy(_NONCE_SIZE)
    state.set_public(exchange.role, state.pair.public)
    state.set_nonce(exchange.role, nonce)
    return [KeyExchange(state.pair.public), Nonce(nonce)]


def take_key_exchange(exchange: Exchange, chain: Chain) -> None:
    """The peer's public value and nonce, as they came."""
    state = Phase1.of(exchange)
    public, nonce = chain.first(KeyExchange), chain.first(Nonce)
    assert public is not None and nonce is not None
    state.set_public(exchange.role.other, public.data)
    state.set_nonce(exchange.role.other, nonce.data)


def share(exchange: Exchange) -> None:
    """Compute g^xy once both public values are known. Raises Rejected for a bad public value."""
    state = Phase1.of(exchange)
    assert state.pair is not None
    theirs = state.public_r if exchange.role is Role.INITIATOR else state.public_i
    try:
        if theirs == state.pair.public:
            raise BadPublicValue("the peer's public value is our own, played back")
        state.shared = groups.shared(state.pair, theirs)
    except Refused as error:
        facts = {"detail": str(error)}
        raise Rejected(str(error), NotifyType.INVALID_KEY_INFORMATION, Reason.BAD_KEY_EXCHANGE, facts) from error


def derive(sa: IkeSa, exchange: Exchange, proposal: IkeProposal, credential: Credential) -> Keys:
    """All keys of phase 1 with one credential (RFC 2409 §5, appendix B)."""
    state = Phase1.of(exchange)
    skeyid = METHODS[credential.auth].skeyid(credential, proposal.hash, state)
    skeyids = keys.derive(proposal.hash, skeyid, state.shared, sa.cky_i, sa.cky_r)
    size = ciphers.key_size(proposal.cipher, proposal.key_bits)
    iv = phase1_iv(proposal.hash, state.public_i, state.public_r, ciphers.block_size(proposal.cipher))
    return Keys(credential, proposal, skeyids, Secret(keys.encryption_key(proposal.hash, skeyids.e, size)), iv)


def expected_identity(tunnel: Tunnel, remote: Address) -> Identity | None:
    """Who must be on the other side when we initiate; None: anybody."""
    if tunnel.remote_id is not None or tunnel.remote_pattern or tunnel.any_remote or tunnel.any_remote_id:
        return tunnel.remote_id
    return Identity.of_address(remote)


def credential_of(
    core: Core, proposal: IkeProposal, tunnel: Tunnel, remote: Address, identity: Identity | None
) -> Credential:
    """What proves a peer under a proposal; without an identity, the likeliest. Raises Rejected where there is none."""
    method = METHODS[proposal.auth]
    found = method.credential(core, tunnel, remote, identity)
    if found is None:
        raise without_credential(method, {"tunnel": tunnel.name, "remote": str(remote)})
    return found


def without_credential(method: Method, facts: dict[str, Fact]) -> Rejected:
    """Nobody could prove itself to us so."""
    return Rejected(f"no credential for {method.auth.label}", NotifyType.AUTHENTICATION_FAILED, method.missing, facts)


# Identity and proof


def build_identity(sa: IkeSa, exchange: Exchange, tunnel: Tunnel) -> Identification:
    """Who we are: as configured, as our certificate says, or our address. Raises Rejected where no key fits."""
    state = Phase1.of(exchange)
    own = tunnel.local_id or methods.agreed(sa).identity(sa, state)
    sa.local_id = own or Identity.of_address(sa.local.address)
    payload = Identification(sa.local_id.type, 0, 0, sa.local_id.data)
    state.set_id(exchange.role, message.body_of(payload))
    return payload


def read_identity(exchange: Exchange, chain: Chain) -> Identity:
    """Who the peer says it is; its body goes into the hash as it came."""
    payload = chain.first(Identification)
    assert payload is not None
    Phase1.of(exchange).set_id(exchange.role.other, chain.body(Identification) or b"")
    return Identity(payload.id_type, payload.data)


def identity_in(body: bytes) -> Identity:
    """The identity in the body of an identification payload that has been read before."""
    return Identity(IdType(body[0]), body[4:])


def proof(sa: IkeSa, exchange: Exchange) -> list[Payload] | Lacking:
    """What proves us, in the way that was agreed on, and the certificates for it."""
    assert sa.keys is not None
    method, state = methods.agreed(sa), Phase1.of(exchange)
    found = method.prove(sa, state, sa.keys, exchange.role)
    return found if isinstance(found, Lacking) else [*method.certificates(sa, state), found]


def check_proof(sa: IkeSa, exchange: Exchange, chain: Chain, used: Keys) -> Keys | Waiting:
    """The keys with what the peer has proved itself with. Raises NotAuthentic where that is wrong, Malformed where it
    is none for this method, Rejected where it is right and not believed.
    """
    return METHODS[used.proposal.auth].check(sa, Phase1.of(exchange), used, exchange.role.other, chain)


def certificate_requests(tunnels: Iterable[Tunnel], proposals: Iterable[IkeProposal]) -> list[Payload]:
    """What we ask for, so that the peer can prove itself in one of these ways."""
    asked, each_auth = list(islice(tunnels, _MOST_ASKING)), dict.fromkeys(each.auth for each in proposals)
    return list(dict.fromkeys(request for auth in each_auth for request in METHODS[auth].requests(asked)))


def settle_identity(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain, identity: Identity) -> None:
    """Choose the tunnel that the authenticated peer means, as all are configured now.

    Raises Rejected with every candidate and what it expects, or where its credential is not the one for this identity.
    """
    assert sa.keys is not None
    sa.peer_id, sa.proved_from = identity, sa.remote.address
    note_vendor_ids(sa, chain)
    # What came in clear (messages 2 and 3 of aggressive mode) is not covered by the hash: anybody may have added it.
    Phase1.of(exchange).initial_contact = bool(exchange.iv) and asks_initial_contact(chain)
    fitting = rights.expecting(core, sa)
    granted = [each for each in fitting if rights.proved(core, sa, each)]
    if not granted:
        raise _unwelcome(sa, identity, known=bool(fitting))
    peers = tuple(Peer.of(each, identity, sa.proved_from, sa.keys.credential) for each in granted)
    _check_unique(core, sa, granted[0], peers[0])
    core.mean(sa, granted[0])
    sa.candidates, sa.callers, sa.peers = tuple(granted), None, peers
    sa.lifetime = granted[0].ike_lifetime.shorter(Phase1.of(exchange).told)
    quota.check(core, sa, granted[0])
    facts = {"identity": str(identity), "identity_type": identity.type.label}
    state_changes.authenticated(core, sa, product=sa.peer_products, **facts)
    core.emit(ExportKeys(sa.cky_i, sa.keys.encryption_key.reveal()))


def _check_unique(core: Core, sa: IkeSa, tunnel: Tunnel, peer: Peer) -> None:
    """Where a tunnel wants that, who is connected from another address stays, and is asked whether it still lives.

    From the same address a phase 1 may always come: it renews what is there. Raises Rejected.
    """
    if tunnel.unique is not Unique.REFUSE or sa.role is Role.INITIATOR:
        return
    there = (each for each in core.established.of(peer) if each.remote.address != sa.remote.address)
    older = next((each for each in there if not each.superseded), None)
    if older is None:
        return
    informational.suspect(core, older)
    facts: dict[str, Fact] = {"identity": str(peer.identity), "connected": str(older.remote)}
    raise Rejected("connected already", NotifyType.AUTHENTICATION_FAILED, Reason.ALREADY_CONNECTED, facts)


def _unwelcome(sa: IkeSa, identity: Identity, *, known: bool) -> Rejected:
    """A peer with a credential of ours: either nobody is called what it says, or who is has another one."""
    facts: dict[str, Fact] = {"received": str(identity), "received_type": identity.type.label}
    if known:
        foreign = methods.agreed(sa).foreign
        return Rejected("a credential of another peer", NotifyType.AUTHENTICATION_FAILED, foreign, facts)
    facts["expected"] = expected_peers(sa)
    sentence = f"the peer's identity is {identity}"
    return Rejected(sentence, NotifyType.INVALID_ID_INFORMATION, Reason.WRONG_PEER_IDENTITY, facts)


def expected_peers(sa: IkeSa) -> tuple[str, ...]:
    """For an event: whom the tunnels expect that may be meant."""
    return told(
        f"{each.name}: {each.remote_id or each.remote_pattern or sa.remote.address}"
        for each in sa.callers or sa.candidates
    )


def initial_contact(core: Core, sa: IkeSa, tunnel: Tunnel) -> list[Payload]:
    """INITIAL-CONTACT where we have nothing else with this peer (RFC 2407 §4.6.3.3)."""
    if core.neighbours[sa.remote.address] or not tunnel.initial_contact:
        return []
    return [Notify(Doi.IPSEC, Protocol.ISAKMP, sa.cookies, NotifyType.INITIAL_CONTACT)]


def asks_initial_contact(chain: Chain) -> bool:
    return any(notify.type == NotifyType.INITIAL_CONTACT for notify in chain.all(Notify))
