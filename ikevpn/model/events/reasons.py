"""The one table of sentences: for every reason (and in `code_sentences`, every code), in the terms of
`docs/glossary.md`, and what to try.

The command line, the log and `ikevpn explain` all read it; nothing else words an event. Holes are filled by
`model/events/sentence`: a part in square brackets goes when its fact is missing, an advice goes when a fact outside of
brackets is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ikevpn.model.events.certificate_sentences import CERTIFICATE_REASONS
from ikevpn.model.events.code_sentences import CODES, SILENT_PEER
from ikevpn.model.events.event import Event, Fact, Reason
from ikevpn.model.events.sentence import Entry, closest, fill, needs

__all__ = ["CODES", "REASONS", "Entry", "advice", "explain", "sentence", "why"]

_PEER_LOG = "see the peer's log: it has the cause, which the message on the wire does not"

REASONS: Mapping[Reason, Entry] = {
    Reason.NONE: Entry("", "There is nothing to explain."),
    Reason.REQUESTED: Entry("it was taken down on request", "`ikevpn down` was called, or the daemon was stopped."),
    Reason.PEER_DELETED: Entry(
        "{remote} deleted it",
        "The peer sent a Delete: it was taken down there, its lifetime ended, or the peer restarts.",
        ("if this was not expected, " + _PEER_LOG,),
    ),
    Reason.REPLACED: Entry("replaced by a newer one", "It was rekeyed before expiry; traffic uses the newer SA."),
    Reason.EXPIRED: Entry(
        "its lifetime ended before it was rekeyed",
        "SAs have a limited lifetime, in time or in data, and should be rekeyed before it ends.",
        (
            "`ikevpn log` says why rekeying failed",
            "a peer whose lifetime is much shorter may refuse ours: make them equal",
        ),
    ),
    Reason.NO_ANSWER: Entry(
        "no answer from {remote}[ to {message}][ after {tries} tries][ in {seconds} s]",
        "A message was sent several times, and no answer came.",
        SILENT_PEER,
    ),
    Reason.UNREACHABLE: Entry(
        "no answer from {remote}[ to {message}][ after {tries} tries][ in {seconds} s]; {router} says: {meaning}",
        "A message was sent several times, no answer came, and a host or router answered with an ICMP error.",
    ),
    Reason.NO_ANSWER_ENCRYPTED: Entry(
        "no answer from {remote} to our first encrypted message[ ({message})][ after {tries} tries][ in {seconds} s]",
        "Both ends exchanged their Diffie-Hellman values, and then no answer came to our first encrypted message. "
        "Gateways that cannot decrypt it, or do not know the identity in it, often send no answer.",
        (
            "most often the pre-shared keys differ: compare them, letter by letter",
            "tunnel {tunnel} takes its secret from {secret_from}; `ikevpn list -v` shows four digits to compare it by",
            "the peer may expect an identity other than {local_id}: compare with `local_id`",
            _PEER_LOG,
        ),
    ),
    Reason.NO_ANSWER_NATT: Entry(
        "no answer from {remote} after IKE moved to this port because of a NAT[ ({message})][ after {tries} tries]"
        "[ in {seconds} s]",
        "A NAT was detected, so phase 1 continues on UDP 4500 (RFC 3947 §4). Earlier messages were answered on the IKE "
        "port.",
        (
            "is UDP 4500 open on both ends and on the path? The peer's port is set by `remote_natt_port`",
            "if it is, the pre-shared keys may differ: compare them, letter by letter; or the peer does not accept our "
            "certificate",
            "or the peer expects an identity other than {local_id}: compare with `local_id`",
            _PEER_LOG,
        ),
    ),
    Reason.FRAGMENTS_MISSING: Entry(
        "only some fragments of the answer from {remote} arrived[ to {message}]",
        "The answer is sent in IKE fragments, and some of them are lost each time or do not fit together.",
        (
            "a firewall or a NAT on the path may drop some of them: record it with `ikevpn up --capture FILE`",
            "make the peer send smaller fragments or none; `fragmentation = false` asks it not to fragment",
        ),
    ),
    Reason.UNREADABLE_REFUSAL: Entry(
        "{remote} answered our first encrypted message with one that our keys do not decrypt",
        "The answer does not continue phase 1, so it is most likely an error, encrypted with other keys than ours. "
        "It is "
        "not authenticated: any host on the path could have sent it.",
        (
            "most often the pre-shared keys differ: compare them, letter by letter",
            "tunnel {tunnel} takes its secret from {secret_from}; `ikevpn list -v` shows four digits to compare it by",
            _PEER_LOG,
        ),
    ),
    Reason.IDENTITY_REFUSED: Entry(
        "{remote} does not accept our identity[, {local_id}][, and says {notify}]",
        "The peer has no tunnel for an initiator with this identity. If its answer was encrypted, it could decrypt our "
        "identity, so that pre-shared keys are the same.",
        (
            "set `local_id` to what the peer expects, or the peer's remote identity to ours",
            "without `local_id` our identity is our address, {local_address}; behind a NAT that is the inner address",
            _PEER_LOG,
        ),
    ),
    Reason.IN_THE_CLEAR: Entry(
        "{remote} sent a message in the clear that must be encrypted[, {message}]",
        "From message 5 of main mode on every message is encrypted. One in the clear is not authenticated and is "
        "dropped; "
        "it says nothing about the pre-shared keys.",
        ("the peer has a fault, or another host on the path sends under its address; " + _PEER_LOG,),
    ),
    Reason.DEAD_PEER: Entry(
        "{remote} stopped answering[ ({tries} times in {seconds} s)]",
        "Dead peer detection got no answer: the peer restarted, lost its line, or a NAT on the path dropped its "
        "mapping.",
        ("the tunnel is retried until `ikevpn down`; `ikevpn log -f` shows the attempts",),
    ),
    Reason.WRONG_SECRET: Entry(
        "the pre-shared keys differ",
        "Keys are derived from the pre-shared key. In main mode one end could not decrypt the other's first encrypted "
        "message, in aggressive mode the hash does not verify; different pre-shared keys are the only explanation.",
        (
            "compare the secret with the peer's, letter by letter; blanks and line ends count on some gateways",
            "tunnel {tunnel} takes its secret from {secret_from}; `ikevpn list -v` shows four digits to compare it by",
            "a gateway with several peers chooses the secret by address or identity: does it have a secret for "
            "{local_address}?",
        ),
    ),
    Reason.NO_SECRET: Entry(
        "there is no pre-shared key for {remote}",
        "A tunnel matches the peer, but no configured secret matches its identity or address.",
        ('give the tunnel a secret: secret = { file = "NAME.psk" }, or write a psk table that matches the peer',),
    ),
    Reason.UNANSWERED: Entry(
        "the peer could not be authenticated here: {detail}",
        "Whether the peer may connect is decided by something outside of ikevpn, which gave no answer in time.",
        ("check that what is to answer can be reached from this host; the peer may then try again",),
    ),
    Reason.NO_PROPOSAL_PHASE1: Entry(
        "no common proposal in phase 1[: the peer offers {offered}; we accept {accepted}]",
        "Both ends must accept at least one identical combination of cipher, hash, group and authentication.",
        ("{closest}", "add a common one to `ike_proposals` of the tunnel, or on the peer"),
    ),
    Reason.NO_PROPOSAL_PHASE2: Entry(
        "no common proposal in phase 2[: the peer offers {offered}; we accept {accepted}]",
        "Both ends must accept at least one identical combination of ESP cipher, integrity and PFS group.",
        (
            "{closest}",
            "add a common one to `esp_proposals` of the tunnel, or on the peer; the PFS group must be the same too",
        ),
    ),
    Reason.ONLY_COMPRESSED: Entry(
        "the peer offers ESP only with a compression that is not supported[: {offered}]",
        "Every proposal of the peer contains IPComp (RFC 3173). Of its algorithms only DEFLATE is supported.",
        ("disable compression on the peer: `compress=no`, `ipcomp = no`, `comp-no`; or let it offer deflate",),
    ),
    Reason.AH_BEHIND_NAT: Entry(
        "NAT detected, and AH does not pass NAT[: the tunnel has only {accepted}]",
        "AH authenticates the addresses of a packet, and a NAT changes them; unlike ESP, AH has no UDP encapsulation.",
        ("use ESP: add a proposal like `g14-esp-aes128-sha` to `esp_proposals` of the tunnel, or on the peer",),
    ),
    Reason.PEER_REFUSED_PHASE1: Entry(
        "{remote} refuses[ and says {notify}]",
        "The peer answered with an error. Before phase 1 is up such an answer is not authenticated, so it is reported "
        "only when no better one comes.",
        (_PEER_LOG,),
    ),
    Reason.PEER_REFUSED_PHASE2: Entry(
        "{remote} refuses[ and says {notify}]",
        "Phase 1 is up, but the peer does not accept this pair of networks with these algorithms.",
        (_PEER_LOG,),
    ),
    Reason.PROXY_ID_MISMATCH: Entry(
        "the networks differ[: the peer asks for {theirs}][, we have {ours}]",
        "In IKEv1 the pair of networks (proxy-ID) must be the same on both ends, mirrored.",
        (
            "compare with the peer's settings: its local networks are our remote_networks, mask by mask",
            "to accept the peer's networks, set `local_networks` and `remote_networks` to {theirs} (ours first)",
        ),
    ),
    Reason.ADDRESS_TAKEN: Entry(
        "{peer_id} asks for {theirs}, but {held} belongs to {holder}[ at {holder_remote}]",
        "Several peers use this tunnel, and a connected one already has these inner addresses.",
        (
            "give each peer different inner addresses",
            "if the older connection is dead, dead peer detection ends it within a minute, and the next attempt works",
            "a peer that comes back under the same identity replaces its older connection: set its identity",
        ),
    ),
    Reason.NETWORK_CLAIMED: Entry(
        "another tunnel has these networks[: {peer_id} asks for {theirs}, but {held} belongs to {owner}]",
        "This tunnel is for peers at any address. Networks of a tunnel with a configured peer are not given to them, "
        "whether that tunnel is up or down.",
        (
            "give the peer different networks, and set these in its configuration",
            "if the networks are the peer's, remove {held} from `remote_networks` of tunnel {owner}",
        ),
    ),
    Reason.WRONG_PEER_IDENTITY: Entry(
        "the peer's identity is {received}[ ({received_type})][, expected {expected}]",
        "The peer has proved its identity, but it is not the one in the configuration.",
        ('if that is the right peer, write remote_id = "{received}"', "or set the expected identity on the peer"),
    ),
    Reason.AGGRESSIVE_MODE: Entry(
        "{remote} requested aggressive mode, which tunnel {tunnel} does not answer",
        "A responder in aggressive mode sends any initiator a hash from which the pre-shared key can be guessed "
        "offline. "
        "So answering must be enabled in the configuration; initiating it need not.",
        (
            "use main mode on both ends where you can",
            "else write `answer_aggressive = true` for tunnel {tunnel}, and use a long random secret",
        ),
    ),
    Reason.NO_MATCHING_TUNNEL: Entry(
        "no tunnel matches {remote}[ in {mode} mode][ ({peer_id})][; for that address there is {candidates}]",
        "The message came from an address or identity that no configured tunnel accepts.",
        (
            "set `remote` (or `remote_id`) of the tunnel that should match",
            "if the modes differ, set the same `mode` on both ends[: ours is {candidates}]",
        ),
    ),
    Reason.ALREADY_CONNECTED: Entry(
        "{identity} is already connected from {connected}",
        'The tunnel has `unique = "refuse"`: of two connections with one identity the first is kept.',
        (
            "if the older connection is dead, dead peer detection ends it within a minute, and the next attempt works",
            'if several machines share this identity, write unique = "keep"; if one of them moves, unique = "replace"',
        ),
    ),
    Reason.TUNNEL_DOWN: Entry(
        "it was for {tunnel}, which was down on this host",
        "The peer requested a tunnel that `ikevpn down` has taken down, or that has not been started yet.",
        ("ikevpn up {tunnel}",),
    ),
    Reason.INITIATOR_ONLY: Entry(
        "tunnel {tunnel} only initiates and does not respond (initiator_only)",
        "The peer requested phase 1, and the configuration allows only this host to initiate it.",
        ("to respond to it, remove `initiator_only` from the tunnel",),
    ),
    Reason.MALFORMED: Entry(
        "a message does not parse[: {detail}]",
        "The octets are not a valid ISAKMP message, or a required payload is missing.",
        ("record it with `ikevpn up --capture FILE` and look at it with Wireshark",),
    ),
    Reason.BAD_HASH: Entry(
        "a hash does not verify[: {detail}]",
        "The message decrypts with our keys, so the pre-shared keys are the same; but its hash is not the one computed "
        "here. It was altered on the path, or the peer computes the hash in another way.",
        (_PEER_LOG, "record it with `ikevpn up --capture FILE` and look at it with Wireshark"),
    ),
    Reason.BAD_KEY_EXCHANGE: Entry(
        "the Diffie-Hellman value of {remote} cannot be used[: {detail}]",
        "A public value is out of range or of the wrong length for the agreed group.",
        ("try another group; if the error stays, the peer has a fault or the message is altered on the path",),
    ),
    Reason.UNEXPECTED_MESSAGE: Entry(
        "unexpected message[: {detail}]",
        "The message does not belong to this step of the exchange.",
    ),
    Reason.UNKNOWN_COOKIE: Entry(
        "the message is for an IKE SA that does not exist",
        "After a restart of one end the other still uses the old SA for a while, until dead peer detection deletes it.",
    ),
    Reason.UNKNOWN_EXCHANGE: Entry(
        "the exchange type is unknown[: {detail}]",
        "Supported are main mode, aggressive mode, quick mode and informational.",
    ),
    Reason.UNSUPPORTED: Entry("not supported[: {detail}]", "The peer asks for a feature that ikevpn does not have."),
    Reason.DUPLICATE: Entry("duplicate message", "A retransmission of a message that was already processed; harmless."),
    Reason.TOO_MANY_HALF_OPEN: Entry(
        "too many unfinished negotiations at once",
        "Half-open negotiations are limited, so that a flood of first messages cannot use up memory.",
    ),
    Reason.LIMIT: Entry("a limit was reached[: {detail}]", "Everything that a peer can cause to be stored is limited."),
    Reason.PEER_RESTARTED: Entry("{remote} restarted", "The peer set up a new phase 1 and no longer has the old one."),
    Reason.WRONG_VERSION: Entry(
        "{remote} uses IKEv{version}, and ikevpn supports only IKEv1",
        "The peer's messages are of another version of IKE.",
        ("set the peer to IKEv1 (`version = 1`, `keyexchange=ikev1`), or use an IKEv2 implementation for it",),
    ),
    Reason.CONFIGURATION_CHANGED: Entry(
        "its configuration changed", "A reload found other settings; the tunnel is negotiated again."
    ),
    Reason.DATA_PLANE_RESTARTED: Entry(
        "the data plane was restarted and has lost its keys",
        "The process that carries the traffic ended. Nothing leaves in the clear, and its tunnels are negotiated "
        "again.",
    ),
    Reason.PATH_CHANGED: Entry(
        "our address or the peer's changed", "It is negotiated again between the new addresses."
    ),
    Reason.ANOTHER_WON: Entry(
        "both ends started at the same time, and the other negotiation is kept", "Harmless: one of the two is enough."
    ),
    Reason.NAME_NOT_FOUND: Entry(
        "{detail}",
        "The peer is configured by a DNS name, and DNS gives no address for it.",
        ("{fix}",),
    ),
    Reason.NO_ROUTE: Entry(
        "{detail}",
        "The kernel has no route to the peer.",
        ("{fix}",),
    ),
    Reason.TIMEOUT: Entry(
        "it was not up within {seconds} s[; the last step was: {last}]",
        "The time given on the command line passed before the negotiation was complete.",
        ("allow more time: `--timeout SECONDS`, or leave `--timeout` out",),
    ),
    **CERTIFICATE_REASONS,
}


_NOTIFIES: Mapping[tuple[Reason, str], tuple[str, ...]] = {
    (Reason.PEER_REFUSED_PHASE1, "no-proposal-chosen"): (
        "compare cipher, hash, group and authentication with the peer's phase 1 settings[: we offered {offered}]",
        "is there a phase 1 for our address {local_address} on the peer?",
    ),
    (Reason.PEER_REFUSED_PHASE1, "invalid-id-information"): (
        "the peer expects another identity: compare its settings with `local_id`[, which is {local_id}]",
        "without `local_id` our identity is our address, {local_address}",
    ),
    (Reason.IDENTITY_REFUSED, "authentication-failed"): (
        "strongSwan sends this encrypted when no connection matches our identity[ {local_id}] and our address",
    ),
    (Reason.PEER_REFUSED_PHASE1, "authentication-failed"): (
        "compare the secrets on both ends, letter by letter",
        "does the peer have a secret for our address {local_address} or identity[ {local_id}]?",
        "strongSwan also sends this when it does not know our identity, or expects the other mode, main or aggressive",
    ),
    (Reason.PEER_REFUSED_PHASE1, "invalid-key-information"): (
        "strongSwan sends this when it has no pre-shared key for us: does it have one for {local_address}?",
    ),
    (Reason.PEER_REFUSED_PHASE1, "invalid-hash-information"): (
        "in aggressive mode this means that the pre-shared keys differ; in main mode they are the same, and the hash "
        "is "
        "computed in another way",
    ),
    (Reason.UNREACHABLE, "port-unreachable"): (
        "start the peer's IKE service: no program listens on that port of {router}",
        "is {remote_address} the right address? It is set by `remote`",
        "a peer whose IKE listens on a port other than 500 needs `remote_ike_port`",
    ),
    (Reason.UNREACHABLE, "host-unreachable"): (
        "is the peer switched on, and {remote_address} its address? The error came from {router}",
    ),
    (Reason.UNREACHABLE, "net-unreachable"): (
        "{router} has no route to {remote_address}: is the peer's line up, and `remote` right?",
    ),
    (Reason.UNREACHABLE, "admin-prohibited"): (
        "a firewall at {router} rejects it: allow UDP 500 and 4500, and ESP, to {remote_address} there",
    ),
    (Reason.PEER_REFUSED_PHASE2, "no-proposal-chosen"): (
        "compare ESP algorithms and PFS group with the peer's phase 2 settings[: we offered {offered}]",
        "some gateways send this when the networks differ: they must mirror each other exactly[; we asked for {ours}]",
    ),
}
"""What to try when a peer refuses with a certain notify, or a router says a certain thing; the general advice of the
reason comes after it.
"""


def sentence(event: Event) -> str:
    """What happened, in one line without a full stop: the code's sentence and, where there is one, the reason's."""
    facts = _facts(event)
    what = fill(CODES[event.code].what, facts)
    why = fill(REASONS[event.reason].what, facts)
    return f"{what}: {why}" if why else what


def why(event: Event) -> str:
    """Only the reason, for those who know what failed; the whole sentence where there is no reason."""
    return fill(REASONS[event.reason].what, _facts(event)) or sentence(event)


def advice(event: Event) -> tuple[str, ...]:
    """What to try, most promising first; empty after good news."""
    facts = _facts(event)
    entry = REASONS[event.reason] if event.reason is not Reason.NONE else CODES[event.code]
    if facts.get("unanswered"):
        entry = replace(entry, advice=(*_no_answer(facts), *entry.advice))
    chosen = _NOTIFIES.get((event.reason, str(facts.get("notify", facts.get("icmp", "")))), ()) + entry.advice
    lines = (fill(line, facts) for line in chosen if needs(line) <= facts.keys())
    return tuple(line for line in lines if line)


def _no_answer(facts: Mapping[str, Fact]) -> tuple[str, ...]:
    """Advice at a timeout of the command: the same as after the last retransmission, or for the peer's refusal."""
    if "notify" in facts:
        return _NOTIFIES.get((Reason.PEER_REFUSED_PHASE1, str(facts["notify"])), ())
    said = _NOTIFIES.get((Reason.UNREACHABLE, str(facts.get("icmp", ""))))
    return said or SILENT_PEER


def _facts(event: Event) -> dict[str, Fact]:
    """The event's facts, and what follows from them: the tunnel's name, addresses without ports, the nearest pair of
    proposals.
    """
    facts = {"tunnel": event.tunnel, **event.facts}
    for side in ("local", "remote"):
        endpoint = str(facts.get(side, ""))
        if endpoint:
            facts[f"{side}_address"] = endpoint.rpartition(":")[0].strip("[]") or endpoint
    facts |= _nat(facts)
    expected = facts.get("expected")
    if isinstance(expected, tuple):
        facts["expected"] = tuple(each.removeprefix(f"{event.tunnel}: ") for each in expected)
    offered, accepted = facts.get("offered"), facts.get("accepted")
    if isinstance(offered, tuple) and isinstance(accepted, tuple):
        facts.setdefault("closest", closest(offered, accepted))
    return facts


_BEHIND: Mapping[Fact, str] = {("we",): "this host is", ("peer",): "the peer is", ("we", "peer"): "both ends are"}


def _nat(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """Where the NAT is and by which text it was detected, as the sentence says it."""
    told = {
        "behind": _BEHIND.get(facts.get("behind", "")),
        "draft": "RFC 3947" if facts.get("draft") == "rfc3947" else None,
    }
    return {name: words for name, words in told.items() if words}


def explain(code: str) -> Entry | None:
    """The entry of a code or reason by its stable name, or None where there is no such name."""
    for table in (CODES, REASONS):
        for key, entry in table.items():
            if key.value == code:
                return entry
    return None
