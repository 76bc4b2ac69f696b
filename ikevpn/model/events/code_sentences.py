"""For every code of an event, what happened, in the terms of `docs/glossary.md`; why it did is in `reasons`."""

from __future__ import annotations

from collections.abc import Mapping

from ikevpn.model.events.event import Code
from ikevpn.model.events.sentence import Entry

SILENT_PEER = (
    "does the peer run at {remote_address}? `ping` shows whether it can be reached at all",
    "is UDP 500 (and 4500) open on both ends and on the path?",
    "some gateways send no answer when they reject a proposal, an identity or a secret: see the peer's log",
)
_RENEW = (
    "renew it: `ikevpn pki scep NAME --renew`, or request and import a new one; then `ikevpn reload`",
    "`ikevpn pki show FILE` says what a certificate is for and until when",
)

CODES: Mapping[Code, Entry] = {
    Code.PHASE1_STARTED: Entry(
        "phase 1 started with {remote}[, {mode} mode][, offering {offered}]",
        "We sent the first message of phase 1, in which both ends agree on algorithms and authenticate each other.",
    ),
    Code.PHASE1_RESPONDING: Entry(
        "phase 1 requested by {remote}[, {mode} mode]",
        "A peer sent the first message of phase 1, and a configured tunnel matches it.",
    ),
    Code.PROPOSAL_CHOSEN: Entry(
        "agreed on {chosen}[ for {child}]",
        "Both ends accept the same combination of algorithms.",
    ),
    Code.NAT_DETECTED: Entry(
        "NAT detected[: {behind} behind NAT][ ({draft})]",
        "The hashes of addresses and ports in phase 1 differ from what arrived, so a NAT rewrites them (RFC 3947 "
        "§3.2).",
    ),
    Code.NO_NAT: Entry(
        "no NAT detected",
        "The hashes of addresses and ports in phase 1 match, so ESP is sent as IP protocol 50.",
    ),
    Code.KEYS_DERIVED: Entry(
        "keys derived[ by Diffie-Hellman {group}]",
        "Both public values were exchanged; from here on messages are encrypted.",
    ),
    Code.PEER_AUTHENTICATED: Entry(
        "peer authenticated as {identity}[ ({product})]",
        "The peer's hash verifies, so both ends have the same pre-shared key.",
    ),
    Code.IKE_UP: Entry(
        "phase 1 is up with {remote}[ ({peer_id})][, {proposal}][, for {seconds} s]",
        "The IKE SA is established; phase 2 is negotiated under its protection.",
    ),
    Code.PHASE2_STARTED: Entry(
        "phase 2 started for {selector}[, offering {offered}]",
        "We asked for a pair of ESP SAs for one pair of networks (quick mode).",
    ),
    Code.PHASE2_RESPONDING: Entry(
        "phase 2 requested by the peer for {selector}[; IPComp {compression}]",
        "The peer asks for a pair of ESP SAs for one pair of networks (quick mode).",
    ),
    Code.CHILD_UP: Entry(
        "phase 2 is up[ for {selector}][, {proposal}][, SPI in {spi_in}][ out {spi_out}]",
        "ESP SAs for this pair of networks are installed in both directions; traffic can flow.",
    ),
    Code.CHILD_REKEYED: Entry(
        "phase 2 rekeyed[ for {selector}][, {proposal}][, SPI in {spi_in}][ out {spi_out}]",
        "New ESP SAs replace the older ones before these expire; traffic is not interrupted.",
    ),
    Code.IKE_REKEYED: Entry(
        "phase 1 with {remote} rekeyed",
        "A new IKE SA replaces the older one before that expires; ESP SAs are untouched.",
    ),
    Code.MANUAL_UP: Entry(
        "manual keys are in use[ for {selector}][, {proposal}][, SPI in {spi_in}][ out {spi_out}]",
        "The keys are in the configuration, so nothing is negotiated. Only the first packets show whether the peer has "
        "the same keys.",
    ),
    Code.MANUAL_DOWN: Entry(
        "manual keys[ for {selector}] are no longer in use", "The security associations of the tunnel are removed."
    ),
    Code.SEQUENCE_LOW: Entry(
        "{percent} % of the sequence numbers[ of SPI {spi_out}] are used; the tunnel stops when all are used",
        "Sequence numbers under manual keys never restart at 1, and there are 4294967295 of them.",
        ("agree with the peer on another SPI or other keys before that",),
    ),
    Code.CERTIFICATE_EXPIRES: Entry(
        "the certificate {certificate} expires on {until}[, in {left}][; tunnels: {tunnels}]",
        "With an expired certificate of ours, or of an authority above it, no peer accepts us. It is said 30, 7 and 1 "
        "days before.",
        _RENEW,
    ),
    Code.CERTIFICATE_EXPIRED: Entry(
        "the certificate {certificate} expired on {until}[; tunnels: {tunnels}]",
        "Peers refuse an expired certificate: what is up stays up until phase 1 is negotiated again.",
        (*_RENEW, "if it has not expired, the clock of this host is wrong"),
    ),
    Code.NAME_RESOLVED: Entry(
        "{name} is {addresses}", "The peer's name was looked up; every address is tried in turn."
    ),
    Code.RETRY_LATER: Entry(
        "next attempt in {seconds} s",
        "A tunnel that should be up is retried without limit; the pauses grow to a minute and vary at random.",
    ),
    Code.HOST_REFUSED: Entry("{detail}", "This host does not allow what the tunnel needs.", ("{fix}",)),
    Code.NETWORK_REFUSED: Entry(
        "no route to the peer for {network}, which it asked for: {detail}",
        "A peer at any address gets routes to the networks that it asks for, but none that would replace this host's "
        "own.",
        ("list the networks that peers may have in remote_networks",),
    ),
    Code.ROUTE_COMPETES: Entry(
        "{network} leaves in the clear by another route of this host: {route}",
        "A route or a rule takes precedence over the tunnel's. Traffic that follows it leaves in the clear, whether "
        "the "
        "tunnel is up or down.",
        (
            "remove that route or rule, or give the rule a preference of 58 or more",
            "strict_routes = true gives the tunnel's routes precedence over those of the main table",
        ),
    ),
    Code.HOST_RESTORED: Entry(
        "deleted by another program and restored: {what}[ and {more} more]",
        "Routes, rules or the nftables table of ikevpn were deleted. Until they were restored, some milliseconds "
        "later, "
        "traffic may have passed in the clear.",
        (
            "systemd-networkd deletes rules and routes of others when it starts: write ManageForeignRoutes=no and "
            "ManageForeignRoutingPolicyRules=no in /etc/systemd/networkd.conf",
            "`nft flush ruleset`, with which many firewall scripts begin, deletes the tables of others: flush your own",
        ),
    ),
    Code.DATA_PLANE_CRASHED: Entry(
        "the data plane ended unexpectedly and is restarted[ in {seconds} s][: {detail}]",
        "The process that carries the traffic ended. Nothing leaves in the clear, and its tunnels are negotiated "
        "again.",
    ),
    Code.INTERNAL_ERROR: Entry(
        "internal error[: {detail}]",
        "A fault of ikevpn itself ended this attempt; the next one follows automatically.",
        ("report it with what the daemon's log says",),
    ),
    Code.RELOADED: Entry(
        "configuration reloaded[, added {added}][, changed {changed}][, removed {removed}]",
        "Tunnels whose settings did not change were not touched.",
    ),
    Code.NOT_RELOADED: Entry(
        "not reloaded: {detail}",
        "The configuration has an error, so nothing has changed.",
        ("`ikevpn check` shows all errors; then `ikevpn reload`",),
    ),
    Code.DAEMON_STARTED: Entry(
        "ikevpn {version} starts: process {pid}, configuration {configuration} with {tunnels}, control socket {socket}",
        "The daemon has read its configuration and starts its tunnels.",
    ),
    Code.LISTENING: Entry(
        "listening on UDP {addresses}[, NAT traversal on UDP {natt}]",
        "The IKE sockets are open, and peers can connect.",
    ),
    Code.ADDRESSES_CHANGED: Entry(
        "this host's addresses changed[, gone: {gone}][, new: {new}]",
        "Tunnels that used a removed address are negotiated again at once, from another address.",
    ),
    Code.DAEMON_STOPPING: Entry(
        "ikevpn stops: {detail}", "The daemon notifies the peers, removes routes and devices, and ends."
    ),
    Code.RETRANSMITTED: Entry(
        "no answer from {remote} yet, {message} retransmitted[ ({tries} of {of})]",
        "An expected answer did not come in time. IKE runs over UDP, so a lost packet is sent again.",
        SILENT_PEER,
    ),
    Code.PEER_NOTIFY: Entry(
        "{remote} says: {notify}[ ({detail})]",
        "The peer sent a notification. An unauthenticated one is shown but not acted on.",
    ),
    Code.ICMP_ERROR: Entry(
        "{router} answers with ICMP {icmp}: {meaning}",
        "A host or router reports that our datagram did not arrive. ICMP is not authenticated, so it is shown but not "
        "acted on; where no answer comes, it is the most probable cause.",
    ),
    Code.LIFETIME_SHORTENED: Entry(
        "{remote} has a shorter lifetime, which is used: {seconds} s[ and {kilobytes} kB]",
        "The ends may have different lifetimes; both use the shorter one.",
    ),
    Code.PEER_MOVED: Entry(
        "{peer_id} moved to {remote}",
        "An authenticated packet came from another address or port, for instance after a NAT dropped its mapping; "
        "packets "
        "to the peer are sent there from now on.",
    ),
    Code.DPD_SENT: Entry(
        "DPD R-U-THERE sent to {remote}", "Dead peer detection asks the peer for an answer (RFC 3706)."
    ),
    Code.DPD_ANSWERED: Entry("DPD R-U-THERE-ACK from {remote}", "The peer answered dead peer detection (RFC 3706)."),
    Code.INITIAL_CONTACT: Entry(
        "{remote} sent INITIAL-CONTACT, so its older SAs are deleted",
        "The peer has no older SAs with this host, for instance after a restart (RFC 2407 §4.6.3.3).",
    ),
    Code.DEVIATION: Entry(
        "{remote} deviates from the RFCs, which is tolerated[: we asked for {asked}, it agrees only to {agreed}]",
        "The peer does something that the RFCs do not allow, but that is known and harmless.",
    ),
    Code.CHILD_DOWN: Entry("phase 2 for {selector} is down", "The ESP SAs of one pair of networks are deleted."),
    Code.IKE_DOWN: Entry(
        "phase 1 with {remote} is down",
        "The IKE SA is deleted. If the peer deleted it, the ESP SAs stay up until they expire (RFC 2409 §5.5).",
    ),
    Code.PHASE1_FAILED: Entry("phase 1 with {remote} failed", "No IKE SA was established."),
    Code.PHASE2_FAILED: Entry(
        "phase 2[ for {selector}] failed", "No ESP SAs were established for this pair of networks."
    ),
    Code.DATAGRAM_DROPPED: Entry(
        "dropped a datagram from {remote}[, {message}][ ({detail})]",
        "A datagram was dropped and changed nothing.",
    ),
    Code.CALL_REFUSED: Entry(
        "phase 1 request from {remote} refused",
        "A peer asked for phase 1, and the configuration or a limit does not allow it.",
    ),
}
