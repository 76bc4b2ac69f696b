"""For every code of an event, what happened in plain words; why it did stands in `reasons`."""

from __future__ import annotations

from collections.abc import Mapping

from ikevpn.model.events.event import Code
from ikevpn.model.events.sentence import Entry

SILENT_PEER = (
    "does the peer run at {remote_address}? `ping` shows whether it can be reached at all",
    "is UDP 500 (and 4500) open on both sides and on the way?",
    "some gateways stay silent when they dislike a proposal, an identity or a secret: look into the peer's log",
)

CODES: Mapping[Code, Entry] = {
    Code.PHASE1_STARTED: Entry(
        "phase 1 with {remote}: we start[, {mode} mode][, offering {offered}]",
        "We sent the first message of phase 1, in which two peers agree on algorithms and prove who they are.",
    ),
    Code.PHASE1_RESPONDING: Entry(
        "phase 1 with {remote}: it starts[, {mode} mode]",
        "A peer sent the first message of phase 1, and a tunnel of ours is for it.",
    ),
    Code.PROPOSAL_CHOSEN: Entry(
        "agreed on {chosen}[ for {child}]",
        "Both ends accept the same combination of algorithms.",
    ),
    Code.NAT_DETECTED: Entry(
        "address translation on the way: {behind} behind it[, {draft}]",
        "The hashes of addresses and ports in phase 1 differ from what arrived, so a NAT rewrites them (RFC 3947).",
    ),
    Code.NO_NAT: Entry(
        "no address translation on the way",
        "The hashes of addresses and ports in phase 1 match: nothing rewrites our packets, ESP is IP protocol 50.",
    ),
    Code.KEYS_DERIVED: Entry(
        "keys derived[ by Diffie-Hellman {group}]",
        "Both public values were exchanged; from here on messages are encrypted.",
    ),
    Code.PEER_AUTHENTICATED: Entry(
        "the peer proved to be {identity}[ ({product})]",
        "The peer's hash verifies: it knows the same secret as we do.",
    ),
    Code.IKE_UP: Entry(
        "phase 1 is up with {remote}[ ({peer_id})][, {proposal}][, for {seconds} s]",
        "The IKE SA stands; phase 2 can be negotiated under its protection.",
    ),
    Code.PHASE2_STARTED: Entry(
        "phase 2 for {selector}: we start[, offering {offered}]",
        "We asked for a pair of ESP SAs for one pair of networks (quick mode).",
    ),
    Code.PHASE2_RESPONDING: Entry(
        "phase 2 for {selector}: the peer starts[; IPComp {compression}]",
        "The peer asks for a pair of ESP SAs for one pair of networks (quick mode).",
    ),
    Code.CHILD_UP: Entry(
        "phase 2 is up[ for {selector}][, {proposal}][, SPI in {spi_in}][ out {spi_out}]",
        "ESP SAs for this pair of networks are installed in both directions; traffic can flow.",
    ),
    Code.CHILD_REKEYED: Entry(
        "new keys[ for {selector}][, {proposal}][, SPI in {spi_in}][ out {spi_out}]",
        "New ESP SAs replace older ones before these expire; traffic goes on.",
    ),
    Code.IKE_REKEYED: Entry(
        "phase 1 with {remote} renewed",
        "A new IKE SA replaces the older one before that expires; ESP SAs are untouched.",
    ),
    Code.MANUAL_UP: Entry(
        "manual keys are in use[ for {selector}][, {proposal}][, SPI in {spi_in}][ out {spi_out}]",
        "The keys stand in the configuration, so nothing is negotiated. Whether the peer has the same shows in the "
        "first packets only.",
    ),
    Code.MANUAL_DOWN: Entry(
        "manual keys[ for {selector}] are in use no more", "The security associations of the tunnel are gone."
    ),
    Code.SEQUENCE_LOW: Entry(
        "{percent} % of the sequence numbers[ of SPI {spi_out}] are used, and when all are, the tunnel stops",
        "Sequence numbers under manual keys go on for ever, over restarts too, and there are 4294967295 of them.",
        ("agree with the peer on another SPI or other keys before",),
    ),
    Code.NAME_RESOLVED: Entry(
        "{name} is {addresses}", "The peer's name was looked up; every address is tried in turn."
    ),
    Code.RETRY_LATER: Entry(
        "next attempt in {seconds} s",
        "A tunnel that is wanted up is tried again for ever; the pauses grow to a minute and vary at random.",
    ),
    Code.HOST_REFUSED: Entry("{detail}", "This host does not let us do what the tunnel needs.", ("{fix}",)),
    Code.NETWORK_REFUSED: Entry(
        "{network}, which the peer names, is not routed to it: {detail}",
        "A peer that may be anywhere gets routes to what it asks for, but none that would take over this host's own.",
        ("name the networks that peers may have in remote_networks",),
    ),
    Code.ROUTE_COMPETES: Entry(
        "{network} leaves in the clear by another route of this host: {route}",
        "A route or a rule goes before the tunnel's. Nothing drops what follows it, whether the tunnel is up or down.",
        (
            "take that route or rule away, or give the rule a preference from 58 on",
            "strict_routes = true lets the tunnel's routes go before those of the main table",
        ),
    ),
    Code.HOST_RESTORED: Entry(
        "deleted by another program and restored: {what}[ and {more} more]",
        "Routes, rules or the nftables table of ikevpn were gone. Until they were back, some milliseconds, traffic may "
        "have left or come in the clear.",
        (
            "systemd-networkd deletes rules and routes of others when it starts: write ManageForeignRoutes=no and "
            "ManageForeignRoutingPolicyRules=no in /etc/systemd/networkd.conf",
            "`nft flush ruleset`, with which many firewall scripts begin, deletes the tables of others: flush your own",
        ),
    ),
    Code.DATA_PLANE_CRASHED: Entry(
        "the data plane ended unexpectedly and is started again[ in {seconds} s][: {detail}]",
        "The process that carries the traffic is gone. Nothing leaves in clear; tunnels that are wanted come up again.",
    ),
    Code.INTERNAL_ERROR: Entry(
        "we made a mistake[: {detail}]",
        "Something went wrong in this program itself. It costs one attempt; the next one comes by itself.",
        ("report it with what the daemon's log says",),
    ),
    Code.RELOADED: Entry(
        "configuration read again[, added {added}][, changed {changed}][, removed {removed}]",
        "Tunnels whose settings did not change were not touched.",
    ),
    Code.NOT_RELOADED: Entry(
        "not reloaded: {detail}",
        "The configuration has an error, so nothing has changed.",
        ("`ikevpn check` shows all errors; then `ikevpn reload`",),
    ),
    Code.DAEMON_STARTED: Entry(
        "ikevpn {version} starts: process {pid}, configuration {configuration} with {tunnels}, control socket {socket}",
        "The daemon has read its configuration and begins.",
    ),
    Code.LISTENING: Entry(
        "listening on UDP {addresses}[, NAT traversal on UDP {natt}]",
        "The sockets of IKE are open; peers can call.",
    ),
    Code.ADDRESSES_CHANGED: Entry(
        "this host's addresses changed[, gone: {gone}][, new: {new}]",
        "What used an address that is gone begins anew at once, from another one.",
    ),
    Code.DAEMON_STOPPING: Entry(
        "ikevpn stops: {detail}", "The daemon tells the peers, withdraws routes and devices, and ends."
    ),
    Code.RETRANSMITTED: Entry(
        "no answer from {remote} yet, sent {message} again[ ({tries} of {of})]",
        "An expected answer did not come in time. IKE runs over UDP, so a lost packet is sent again.",
        SILENT_PEER,
    ),
    Code.PEER_NOTIFY: Entry(
        "{remote} says: {notify}[ ({detail})]",
        "The peer sent a notification. Where it is not authenticated, it is shown and not believed.",
    ),
    Code.ICMP_ERROR: Entry(
        "{router} answers with ICMP {icmp}: {meaning}",
        "A host or router says that our datagram did not arrive. Anybody can send such a message, so it is shown and "
        "not believed; it is the most probable reason where no answer comes.",
    ),
    Code.LIFETIME_SHORTENED: Entry(
        "{remote} has a shorter lifetime, {seconds} s[ and {kilobytes} kB], and we follow",
        "Ends may have different lifetimes; both use the smaller one.",
    ),
    Code.PEER_MOVED: Entry(
        "{peer_id} moved to {remote}",
        "An authenticated packet came from another address or port, as happens when a NAT forgets; we follow it.",
    ),
    Code.DPD_SENT: Entry("asked {remote} whether it is alive", "Dead peer detection, R-U-THERE (RFC 3706)."),
    Code.DPD_ANSWERED: Entry("{remote} is alive", "The peer answered our R-U-THERE (RFC 3706)."),
    Code.INITIAL_CONTACT: Entry(
        "{remote} starts afresh, so what we had with it is dropped",
        "The peer sent INITIAL-CONTACT: it remembers no SA with us.",
    ),
    Code.DEVIATION: Entry(
        "{remote} deviates from the standard and we cope[: {detail}]",
        "The peer does something that the RFCs do not allow, but which is harmless and known.",
    ),
    Code.CHILD_DOWN: Entry("phase 2 for {selector} is down", "The ESP SAs of one pair of networks are gone."),
    Code.IKE_DOWN: Entry(
        "phase 1 with {remote} is down",
        "The IKE SA is gone. Where the peer has ended it, the ESP SAs live on until their own end (RFC 2409 §5.5).",
    ),
    Code.PHASE1_FAILED: Entry("phase 1 with {remote} failed", "No IKE SA came about."),
    Code.PHASE2_FAILED: Entry("phase 2[ for {selector}] failed", "No ESP SAs came about for this pair of networks."),
    Code.DATAGRAM_DROPPED: Entry(
        "did not use a datagram from {remote}[, {message}][ ({detail})]",
        "A datagram was not used; it changed nothing.",
    ),
    Code.CALL_REFUSED: Entry(
        "refused a call from {remote}",
        "Somebody sent the first message of a negotiation, and no tunnel of ours is for it.",
    ),
}
