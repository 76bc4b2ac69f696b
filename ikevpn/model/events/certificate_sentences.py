"""The sentences for authentication with signatures and certificates: the part of the table of reasons that `reasons`
includes.
"""

from __future__ import annotations

from collections.abc import Mapping

from ikevpn.model.events.event import Reason
from ikevpn.model.events.sentence import Entry

_PEER_LOG = "see the peer's log: it has the cause, which the message on the wire does not"

CERTIFICATE_REASONS: Mapping[Reason, Entry] = {
    Reason.NO_ANSWER_SIGNED: Entry(
        "no answer from {remote} to our first encrypted message[ ({message})][ after {tries} tries][ in {seconds} s]",
        "Both ends exchanged their Diffie-Hellman values, and then no answer came to the message with our identity, "
        "certificate and signature. Gateways that do not accept them often send no answer.",
        (
            "the peer may not know the authority of our certificate, or not expect the identity {local_id}",
            "with a certificate the message is large: a firewall or a NAT on the path may drop its IP fragments; "
            "`fragmentation = true` sends IKE fragments where the peer supports them",
            _PEER_LOG,
        ),
    ),
    Reason.NO_KEY: Entry(
        "tunnel {tunnel} has no private key[ for {method}]",
        "Both ends agreed to authenticate by signatures of this kind, and the tunnel has no key that makes them.",
        ("write `certificate` and `private_key` for tunnel {tunnel}, or remove the proposal from `ike_proposals`",),
    ),
    Reason.SEVERAL_KEYS: Entry(
        "several certificates of tunnel {tunnel} fit[: {keys}]",
        "More than one certificate can answer this peer, and the configuration does not say which.",
        ("keep one of them in `certificate` of tunnel {tunnel}", "or let the peer request one by its authority"),
    ),
    Reason.CANNOT_SIGN: Entry(
        "our private key gives no signature[: {detail}]",
        "This host authenticates itself with a signature, and the private key could not be used.",
        ("check `private_key` of tunnel {tunnel}: `ikevpn check`",),
    ),
    Reason.NO_TRUST: Entry(
        "tunnel {tunnel} does not say whose certificates it accepts",
        "A peer's signature proves that it has a private key. Whose key that is must be said by the configuration: the "
        "authorities that issue the peer's certificate, or that certificate itself.",
        ('write authorities = [{ file = "ca.pem" }] or remote_certificate = { file = "peer.pem" }',),
    ),
    Reason.NO_CERTIFICATE: Entry(
        "{remote} sent no certificate, and tunnel {tunnel} has none of it",
        "The signature of a peer is checked with its certificate, which it sends or the configuration names.",
        (
            "make the peer send its certificate: `leftsendcert=always`, `send_cert = always`",
            'or write remote_certificate = { file = "peer.pem" } for tunnel {tunnel}',
        ),
    ),
    Reason.BAD_CERTIFICATE: Entry(
        "the certificate of {remote} cannot be used[: {detail}]",
        "It does not parse, or its key is of a kind that IKEv1 has no signature for.",
        ("issue a new certificate for the peer, with an RSA, DSA or ECDSA key",),
    ),
    Reason.BAD_SIGNATURE: Entry(
        "the signature of {remote} does not verify[: {detail}]",
        "The message decrypts, but its signature was not made with the private key of the certificate.",
        (
            "does the peer use the private key that belongs to its certificate?",
            "with `remote_certificate`, is that the certificate the peer uses now?",
            _PEER_LOG,
        ),
    ),
    Reason.UNTRUSTED_KEY: Entry(
        "the key with which {received} authenticated is not one that this tunnel accepts",
        "The signature is right, but the key is not that of `remote_certificate`, and its certificate is issued by "
        "none of the `authorities` of the tunnel for this identity.",
        (
            "if that is the right peer, add the authority of its certificate to `authorities`, or its certificate to "
            "`remote_certificate`",
        ),
    ),
    Reason.UNTRUSTED_CERTIFICATE: Entry(
        "the certificate of {remote} is not accepted: {detail}",
        "The signature is right, but the certificate breaks a rule of RFC 5280, is revoked, or is issued by none of "
        "the authorities that may vouch for this peer.",
        ("look at the certificates on both ends: `ikevpn pki show FILE`",),
    ),
    Reason.IDENTITY_NOT_CERTIFIED: Entry(
        "the peer's identity is {received}[ ({received_type})], which its certificate does not have[: that is for "
        "{certified}]",
        "An address, a domain name or an e-mail address must be in the subjectAltName of the certificate, a "
        "distinguished name must be its subject (RFC 4945 §3.1).",
        (
            "set the peer's identity to one that its certificate has[: {certified}]",
            "or issue a certificate for the peer that has {received}",
        ),
    ),
}
