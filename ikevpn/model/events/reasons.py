"""The one table of sentences: for every reason (and in `code_sentences`, every code), in plain words, and what to try.

The command line, the log and `ikevpn explain` all read it; nothing else words an event. Holes are filled by
`model/events/sentence`: a part in square brackets goes when its fact is missing, an advice goes when a fact outside of
brackets is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ikevpn.model.events.code_sentences import CODES, SILENT_PEER
from ikevpn.model.events.event import Event, Fact, Reason
from ikevpn.model.events.sentence import Entry, closest, fill, needs

__all__ = ["CODES", "REASONS", "Entry", "advice", "explain", "sentence", "why"]

_PEER_LOG = "look into the peer's log: it knows why, the message on the wire does not say"

REASONS: Mapping[Reason, Entry] = {
    Reason.NONE: Entry("", "There is nothing to explain."),
    Reason.REQUESTED: Entry(
        "it was taken down on request", "Somebody asked for it, by `ikevpn down` or by ending the daemon."
    ),
    Reason.PEER_DELETED: Entry(
        "{remote} deleted it",
        "The peer sent a Delete: it was told to, its lifetime ended or it restarts.",
        ("if this was not expected, " + _PEER_LOG,),
    ),
    Reason.REPLACED: Entry("a newer one took its place", "Renewal before expiry; traffic goes on over the newer SA."),
    Reason.EXPIRED: Entry(
        "its lifetime ended before a new one was agreed on",
        "SAs live for a limited time or amount of data and should be renewed before.",
        (
            "see in the log why the renewal failed",
            "a peer whose lifetime is much shorter may refuse ours: make them equal",
        ),
    ),
    Reason.NO_ANSWER: Entry(
        "no answer from {remote}[ to {message}][ after {tries} tries][ in {seconds} s]",
        "We sent a message several times and nothing came back.",
        SILENT_PEER,
    ),
    Reason.UNREACHABLE: Entry(
        "no answer from {remote}[ to {message}][ after {tries} tries][ in {seconds} s]; {router} says: {meaning}",
        "We sent a message several times, nothing came back, and a host or router answered with an ICMP error.",
    ),
    Reason.NO_ANSWER_ENCRYPTED: Entry(
        "no answer from {remote} to our first encrypted message[ ({message})][ after {tries} tries][ in {seconds} s]",
        "Both have exchanged their Diffie-Hellman values, and then nothing came back to our first encrypted message. "
        "Gateways that cannot read it, or do not know the identity in it, often say nothing.",
        (
            "most often the pre-shared keys differ: compare them, letter by letter",
            "tunnel {tunnel} takes its secret from {secret_from}; `ikevpn list -v` shows four digits to compare it by",
            "the peer may expect another identity than {local_id}: compare with `local_id`",
            _PEER_LOG,
        ),
    ),
    Reason.NO_ANSWER_NATT: Entry(
        "no answer from {remote} after IKE moved to this port because of a NAT[ ({message})][ after {tries} tries]"
        "[ in {seconds} s]",
        "A NAT was detected, so phase 1 goes on from UDP 4500 to UDP 4500 (RFC 3947 §4). What came before was answered "
        "on the IKE port.",
        (
            "is UDP 4500 open on both sides and on the way? The peer's port is set by `remote_natt_port`",
            "if it is, the pre-shared keys may differ: compare them, letter by letter",
            "or the peer expects another identity than {local_id}: compare with `local_id`",
            _PEER_LOG,
        ),
    ),
    Reason.FRAGMENTS_MISSING: Entry(
        "only a part of what {remote} answered has come[ to {message}]",
        "The answer is cut into IKE fragments, and some of them are lost each time, or do not fit together.",
        (
            "a firewall or a NAT on the way may drop some of them: record it with `ikevpn up --capture FILE`",
            "let the peer cut its messages smaller, or not at all; `fragment_size = 0` says that we do not want any",
        ),
    ),
    Reason.UNREADABLE_REFUSAL: Entry(
        "{remote} answered our first encrypted message with something that our keys do not open",
        "It is no answer that goes on with phase 1, so most likely a refusal, encrypted with keys that we do not have. "
        "It proves nothing, and anybody on the way could have sent it.",
        (
            "most often the pre-shared keys differ: compare them, letter by letter",
            "tunnel {tunnel} takes its secret from {secret_from}; `ikevpn list -v` shows four digits to compare it by",
            _PEER_LOG,
        ),
    ),
    Reason.IDENTITY_REFUSED: Entry(
        "{remote} does not accept our identity[, {local_id}][, and says {notify}]",
        "The peer knows no tunnel for a caller of this name. Where it says so encrypted, the pre-shared keys are the "
        "same: it could not have read our identity otherwise.",
        (
            "set `local_id` to what the peer expects, or the peer's remote identity to ours",
            "without `local_id` we call ourselves by our address, {local_address}; behind a NAT that is the inner one",
            _PEER_LOG,
        ),
    ),
    Reason.IN_THE_CLEAR: Entry(
        "{remote} sent unencrypted what must be encrypted[, {message}]",
        "From message 5 of main mode on everything is encrypted. What comes in the clear proves nothing and is not "
        "used; it says nothing about the pre-shared keys.",
        ("the peer is broken, or somebody on the way sends in its name; " + _PEER_LOG,),
    ),
    Reason.DEAD_PEER: Entry(
        "{remote} stopped answering[ ({tries} times in {seconds} s)]",
        "Dead peer detection got no answer: the peer restarted, lost its line, or a NAT on the way forgot us.",
        ("the tunnel is tried again for as long as it is wanted; `ikevpn log -f` shows the attempts",),
    ),
    Reason.WRONG_SECRET: Entry(
        "the pre-shared keys differ",
        "Keys are derived from the pre-shared key. In main mode one end could not read the other's first encrypted "
        "message, in aggressive mode the proof does not verify; nothing else explains that.",
        (
            "compare the secret with the peer's, letter by letter; blanks and line ends count on some gateways",
            "tunnel {tunnel} takes its secret from {secret_from}; `ikevpn list -v` shows four digits to compare it by",
            "a gateway with several peers picks by our address or identity: does it have a secret for {local_address}?",
        ),
    ),
    Reason.NO_SECRET: Entry(
        "there is no pre-shared key for {remote}",
        "A tunnel matches the peer, but none of the configured secrets is for its identity or address.",
        ('give the tunnel a secret: secret = { file = "NAME.psk" }, or write a psk table that fits the peer',),
    ),
    Reason.UNANSWERED: Entry(
        "the peer could not be authenticated here: {detail}",
        "Whether the peer may connect is decided by something outside of ikevpn, which gave no answer in time.",
        ("check that what is to answer can be reached from this host; the peer may then try again",),
    ),
    Reason.NO_PROPOSAL_PHASE1: Entry(
        "no common proposal in phase 1[: the peer offers {offered}; we accept {accepted}]",
        "Both ends must accept at least one identical combination of cipher, hash, group and authentication.",
        ("{closest}", "add one that both have to `ike_proposals` of the tunnel, or to the peer"),
    ),
    Reason.NO_PROPOSAL_PHASE2: Entry(
        "no common proposal in phase 2[: the peer offers {offered}; we accept {accepted}]",
        "Both ends must accept at least one identical combination of ESP cipher, integrity and PFS group.",
        (
            "{closest}",
            "add one that both have to `esp_proposals` of the tunnel, or to the peer; the PFS group counts too",
        ),
    ),
    Reason.ONLY_COMPRESSED: Entry(
        "the peer wants ESP only with a compression that we do not know[: it offers {offered}]",
        "Every proposal of the peer contains IPComp (RFC 3173). Of its algorithms we know DEFLATE.",
        ("switch compression off on the peer: `compress=no`, `ipcomp = no`, `comp-no`; or let it offer deflate",),
    ),
    Reason.AH_BEHIND_NAT: Entry(
        "a NAT is on the way, and AH does not pass one[: the tunnel has only {accepted}]",
        "AH authenticates the addresses of a packet, and a NAT changes them; unlike ESP it cannot travel in UDP.",
        ("use ESP: add a proposal like `g14-esp-aes128-sha` to `esp_proposals` of the tunnel, or to the peer",),
    ),
    Reason.PEER_REFUSED_PHASE1: Entry(
        "{remote} refuses[ and says {notify}]",
        "The peer answered our first messages with an error. Before phase 1 is up such an answer proves nothing, "
        "so it is believed only when no better one comes.",
        (_PEER_LOG,),
    ),
    Reason.PEER_REFUSED_PHASE2: Entry(
        "{remote} refuses[ and says {notify}]",
        "Phase 1 is up, but the peer does not want this pair of networks with these algorithms.",
        (_PEER_LOG,),
    ),
    Reason.PROXY_ID_MISMATCH: Entry(
        "the networks differ[: the peer asks for {theirs}][, we have {ours}]",
        "In IKEv1 the pair of networks (proxy-id) must be the same on both ends, mirrored.",
        (
            "compare with the peer's settings: its local networks are our remote_networks, mask by mask",
            "to take what the peer wants, make `local_networks` and `remote_networks` say {theirs} (ours first)",
        ),
    ),
    Reason.ADDRESS_TAKEN: Entry(
        "{peer_id} asks for {theirs}, but {held} belongs to {holder}[ at {holder_remote}]",
        "Several peers use this tunnel, and another one has these inner addresses: they are not taken away from it.",
        (
            "give every peer inner addresses of its own",
            "if the older connection is dead, dead peer detection ends it within a minute, and the next attempt works",
            "a peer that comes back under the same identity replaces its older connection: set its identity",
        ),
    ),
    Reason.NETWORK_CLAIMED: Entry(
        "a tunnel with a named peer has these networks[: {peer_id} asks for {theirs}, but {held} belongs to {owner}]",
        "This tunnel is for peers at any address, and what belongs to a tunnel with a named peer is not given to them, "
        "whether that tunnel is up or down.",
        (
            "give the peer networks of its own, and name these in its configuration",
            "if the networks are the peer's, take {held} out of `remote_networks` of tunnel {owner}",
        ),
    ),
    Reason.WRONG_PEER_IDENTITY: Entry(
        "the peer calls itself {received}[ ({received_type})][, and we expect {expected}]",
        "The peer proved that it knows the secret, but under another name than the configuration says.",
        ('if that is the right peer, write remote_id = "{received}"', "or let the peer send the expected identity"),
    ),
    Reason.AGGRESSIVE_MODE: Entry(
        "{remote} calls in aggressive mode, which tunnel {tunnel} does not answer",
        "Who answers in aggressive mode gives whoever calls a hash from which the pre-shared key can be guessed at "
        "leisure. So that takes a word in the configuration; calls of our own do not.",
        (
            "use main mode on both ends where you can",
            "else write `answer_aggressive = true` for tunnel {tunnel}, and have a long random secret",
        ),
    ),
    Reason.NO_MATCHING_TUNNEL: Entry(
        "no tunnel is for {remote}[ in {mode} mode][ ({peer_id})][; for that address there is {candidates}]",
        "A message came from an address or identity that no configured tunnel accepts.",
        (
            "set `remote` (or `remote_id`) of the tunnel that should take it",
            "where the mode is another one, make `mode` the same on both ends[: ours is {candidates}]",
        ),
    ),
    Reason.ALREADY_CONNECTED: Entry(
        "{identity} is connected from {connected} already",
        'The tunnel has `unique = "refuse"`: of two connections of one identity the first one stays.',
        (
            "if the older connection is dead, dead peer detection ends it within a minute, and the next attempt works",
            'if several machines share this identity, write unique = "keep"; if one of them moves, unique = "replace"',
        ),
    ),
    Reason.TUNNEL_DOWN: Entry(
        "it was for {tunnel}, which was down on this host",
        "The peer tried to start a tunnel that `ikevpn down` has taken down, or that nobody has started yet.",
        ("ikevpn up {tunnel}",),
    ),
    Reason.INITIATOR_ONLY: Entry(
        "tunnel {tunnel} only calls and does not answer calls (initiator_only)",
        "The peer tried to start phase 1, and the configuration says that only we start it.",
        ("to answer it, take `initiator_only` out of the tunnel",),
    ),
    Reason.MALFORMED: Entry(
        "a message does not parse[: {detail}]",
        "The octets are not a valid ISAKMP message, or lack what belongs into it.",
        ("record it with `ikevpn up --capture FILE` and look at it with Wireshark",),
    ),
    Reason.BAD_HASH: Entry(
        "a hash does not verify[: {detail}]",
        "The message opens with our keys, so the pre-shared keys are the same; but the hash in it is another than that "
        "of what was said. It was altered on the way, or the peer computes it in another way.",
        (_PEER_LOG, "record it with `ikevpn up --capture FILE` and look at it with Wireshark"),
    ),
    Reason.BAD_KEY_EXCHANGE: Entry(
        "the Diffie-Hellman value of {remote} cannot be used[: {detail}]",
        "A public value is out of range or of the wrong length for the agreed group.",
        ("try another group; if it stays, the peer is broken or somebody is in between",),
    ),
    Reason.UNEXPECTED_MESSAGE: Entry(
        "a message came that does not belong here[: {detail}]",
        "The peer is at another point of the exchange than we.",
    ),
    Reason.UNKNOWN_COOKIE: Entry(
        "the message is for an IKE SA that does not exist",
        "After a restart of one end the other goes on with the old SA for a while; dead peer detection ends that.",
    ),
    Reason.UNKNOWN_EXCHANGE: Entry(
        "the exchange type is unknown[: {detail}]", "We speak main, aggressive, quick and informational."
    ),
    Reason.UNSUPPORTED: Entry(
        "it asks for something we do not support[: {detail}]", "The peer wants a feature we lack."
    ),
    Reason.DUPLICATE: Entry("it came before", "A repetition of a message that was already taken; harmless."),
    Reason.TOO_MANY_HALF_OPEN: Entry(
        "too many unfinished negotiations at once",
        "Half-open negotiations are limited, so that a flood of first messages cannot fill the memory.",
    ),
    Reason.LIMIT: Entry("a limit was reached[: {detail}]", "Everything that a peer can make grow has a limit."),
    Reason.PEER_RESTARTED: Entry("{remote} restarted", "The peer set up a new phase 1 and has forgotten the old one."),
    Reason.WRONG_VERSION: Entry(
        "{remote} speaks IKEv{version}, and ikevpn speaks IKEv1 only",
        "The peer's messages are of another version of IKE. ikevpn speaks IKEv1 only.",
        ("set the peer to IKEv1 (`version = 1`, `keyexchange=ikev1`), or use an IKEv2 implementation for it",),
    ),
    Reason.CONFIGURATION_CHANGED: Entry(
        "its configuration changed", "A reload found other settings; the tunnel starts afresh."
    ),
    Reason.DATA_PLANE_RESTARTED: Entry(
        "the data plane was started again and has lost its keys",
        "The process that carries the traffic ended. Nothing leaves in clear; tunnels that are wanted come up again.",
    ),
    Reason.PATH_CHANGED: Entry("our address or the peer's changed", "It begins anew between the new addresses."),
    Reason.ANOTHER_WON: Entry(
        "both ends started at once and the other negotiation won", "Harmless: one of two is kept."
    ),
    Reason.NAME_NOT_FOUND: Entry(
        "{detail}",
        "The peer is configured by a DNS name, and DNS gives no address for it.",
        ("{fix}",),
    ),
    Reason.NO_ROUTE: Entry(
        "{detail}",
        "The kernel does not know where to send packets for the peer.",
        ("{fix}",),
    ),
    Reason.TIMEOUT: Entry(
        "it was not up within {seconds} s[; the last step was: {last}]",
        "The time given on the command line passed while the negotiation went on.",
        ("give it longer: `--timeout SECONDS`, or leave `--timeout` out",),
    ),
}


_NOTIFIES: Mapping[tuple[Reason, str], tuple[str, ...]] = {
    (Reason.PEER_REFUSED_PHASE1, "no-proposal-chosen"): (
        "compare cipher, hash, group and authentication with the peer's phase 1 settings[: we offered {offered}]",
        "is there a phase 1 for our address {local_address} on the peer?",
    ),
    (Reason.PEER_REFUSED_PHASE1, "invalid-id-information"): (
        "the peer knows us by another identity: compare its settings with `local_id`[, which is {local_id}]",
        "without `local_id` we call ourselves by our address, {local_address}",
    ),
    (Reason.IDENTITY_REFUSED, "authentication-failed"): (
        "strongSwan says this encrypted where no connection of its fits our identity[ {local_id}] and our address",
    ),
    (Reason.PEER_REFUSED_PHASE1, "authentication-failed"): (
        "compare the secrets on both ends, letter by letter",
        "does the peer have a secret for our address {local_address} or identity[ {local_id}]?",
        "strongSwan says this too where it knows no such identity, or wants the other mode, main or aggressive",
    ),
    (Reason.PEER_REFUSED_PHASE1, "invalid-key-information"): (
        "strongSwan says this where it has no pre-shared key for us: does it have one for {local_address}?",
    ),
    (Reason.PEER_REFUSED_PHASE1, "invalid-hash-information"): (
        "in aggressive mode the pre-shared keys differ then; in main mode they are the same, and the hash is computed "
        "in another way",
    ),
    (Reason.UNREACHABLE, "port-unreachable"): (
        "start the peer's IKE service: no program listens on that port of {router}",
        "is {remote_address} the right address? `remote` says so",
        "a peer whose IKE listens on another port than 500 is not reached",
    ),
    (Reason.UNREACHABLE, "host-unreachable"): (
        "is the peer switched on, and {remote_address} its address? {router} is the last that knows the way",
    ),
    (Reason.UNREACHABLE, "net-unreachable"): (
        "{router} has no route to {remote_address}: is the line of the peer up, and `remote` right?",
    ),
    (Reason.UNREACHABLE, "admin-prohibited"): (
        "a firewall at {router} rejects it: open UDP 500 and 4500, and ESP, to {remote_address} there",
    ),
    (Reason.PEER_REFUSED_PHASE2, "no-proposal-chosen"): (
        "compare ESP algorithms and PFS group with the peer's phase 2 settings[: we offered {offered}]",
        "some gateways say this when the networks differ: they must mirror each other exactly[; we asked for {ours}]",
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
    """Advice for somebody who stops waiting: the same as where nobody answered to the end, or the peer refused."""
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
    expected = facts.get("expected")
    if isinstance(expected, tuple):
        facts["expected"] = tuple(each.removeprefix(f"{event.tunnel}: ") for each in expected)
    offered, accepted = facts.get("offered"), facts.get("accepted")
    if isinstance(offered, tuple) and isinstance(accepted, tuple):
        facts.setdefault("closest", closest(offered, accepted))
    return facts


def explain(code: str) -> Entry | None:
    """The entry of a code or reason by its stable name, or None where there is no such name."""
    for table in (CODES, REASONS):
        for key, entry in table.items():
            if key.value == code:
                return entry
    return None
