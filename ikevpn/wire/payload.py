"""All payloads under one roof: the union type, and the table that says who reads which payload type.

To add a payload: write its frozen dataclass with `payload_type`, `read` and `write` in a room of its own, then give it
a line in `Payload` and one in `_READ`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads.certificate import Certificate, CertificateRequest
from ikevpn.wire.payloads.configuration import Configuration
from ikevpn.wire.payloads.fragment import Fragment
from ikevpn.wire.payloads.ident import Identification
from ikevpn.wire.payloads.nat import NatD, NatOa
from ikevpn.wire.payloads.notify import Delete, Notify
from ikevpn.wire.payloads.opaque import HashPayload, KeyExchange, Nonce, Signature, Unknown, VendorId
from ikevpn.wire.payloads.proposal import SA, SIT_IDENTITY_ONLY, Proposal, Transform
from ikevpn.wire.registry import PayloadType

__all__ = [
    "SA",
    "SIT_IDENTITY_ONLY",
    "Certificate",
    "CertificateRequest",
    "Configuration",
    "Delete",
    "Fragment",
    "HashPayload",
    "Identification",
    "KeyExchange",
    "NatD",
    "NatOa",
    "Nonce",
    "Notify",
    "Payload",
    "Proposal",
    "Signature",
    "Transform",
    "Unknown",
    "VendorId",
    "read",
]

Payload = (
    SA
    | KeyExchange
    | Identification
    | Certificate
    | CertificateRequest
    | HashPayload
    | Signature
    | Nonce
    | Notify
    | Delete
    | VendorId
    | Configuration
    | NatD
    | NatOa
    | Fragment
    | Unknown
)


def _misplaced(reader: Reader) -> Payload:
    raise reader.error("a proposal or transform outside of an SA payload")


_READ: Mapping[PayloadType, Callable[[Reader], Payload]] = {
    PayloadType.SA: SA.read,
    PayloadType.PROPOSAL: _misplaced,
    PayloadType.TRANSFORM: _misplaced,
    PayloadType.KEY_EXCHANGE: KeyExchange.read,
    PayloadType.IDENTIFICATION: Identification.read,
    PayloadType.CERTIFICATE: Certificate.read,
    PayloadType.CERTIFICATE_REQUEST: CertificateRequest.read,
    PayloadType.HASH: HashPayload.read,
    PayloadType.SIGNATURE: Signature.read,
    PayloadType.NONCE: Nonce.read,
    PayloadType.NOTIFICATION: Notify.read,
    PayloadType.DELETE: Delete.read,
    PayloadType.VENDOR_ID: VendorId.read,
    PayloadType.ATTRIBUTES: Configuration.read,
    PayloadType.FRAGMENT: Fragment.read,
    **{
        kind: partial(NatD.read, payload_type=kind)
        for kind in (PayloadType.NAT_D, PayloadType.NAT_D_DRAFT, PayloadType.NAT_D_DRAFT_04)
    },
    **{
        kind: partial(NatOa.read, payload_type=kind)
        for kind in (PayloadType.NAT_OA, PayloadType.NAT_OA_DRAFT, PayloadType.NAT_OA_DRAFT_04)
    },
}


def read(kind: PayloadType, reader: Reader) -> Payload:
    """The payload of type `kind` whose body `reader` holds, to its last octet. Raises `Malformed` only."""
    how = _READ.get(kind)
    if how is None:
        return Unknown(kind, reader.rest())
    found = how(reader)
    reader.finish(f"{kind.label} payload")
    return found
