"""Hypothesis strategies for every value that can stand on the wire."""

from __future__ import annotations

from hypothesis import strategies as st

from ikevpn.wire.octets import limits
from ikevpn.wire.payload import (
    SA,
    Certificate,
    CertificateRequest,
    Configuration,
    Delete,
    Fragment,
    HashPayload,
    Identification,
    KeyExchange,
    NatD,
    NatOa,
    Nonce,
    Notify,
    Payload,
    Proposal,
    Signature,
    Transform,
    Unknown,
    VendorId,
)
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import (
    CertificateEncoding,
    CfgType,
    Doi,
    ExchangeType,
    Flag,
    IdType,
    NotifyType,
    PayloadType,
    Protocol,
)

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
octets = st.binary(max_size=40)
cookies = st.binary(min_size=8, max_size=8)
exchanges = u8.map(ExchangeType)
flags = u8.map(Flag)
dois = u32.map(Doi)
protocols = u8.map(Protocol)

_ASSIGNED = [kind for kind in PayloadType if kind != PayloadType.NONE]
_NAT_D = [PayloadType.NAT_D, PayloadType.NAT_D_DRAFT, PayloadType.NAT_D_DRAFT_04]
_NAT_OA = [PayloadType.NAT_OA, PayloadType.NAT_OA_DRAFT, PayloadType.NAT_OA_DRAFT_04]

attributes = st.one_of(
    st.builds(Attribute, st.integers(0, 0x7FFF), st.binary(min_size=2, max_size=2), st.just(True)),
    st.builds(Attribute, st.integers(0, 0x7FFF), octets, st.just(False)),
)
attribute_lists = st.lists(attributes, max_size=6).map(tuple)
transforms = st.builds(Transform, u8, u8, attribute_lists)
proposals = st.builds(
    Proposal, u8, protocols, st.binary(max_size=16), st.lists(transforms, min_size=1, max_size=4).map(tuple)
)
security_associations = st.builds(SA, dois, u32, st.lists(proposals, min_size=1, max_size=3).map(tuple))
identifications = st.builds(Identification, u8.map(IdType), u8, u16, octets)
notifications = st.builds(Notify, dois, protocols, octets, u16.map(NotifyType), octets)
deletes = st.builds(
    Delete,
    dois,
    protocols,
    st.integers(0, 20).flatmap(lambda n: st.lists(st.binary(min_size=n, max_size=n), max_size=5).map(tuple)),
)
original_addresses = st.one_of(
    st.builds(NatOa, st.just(IdType.IPV4_ADDRESS), st.binary(min_size=4, max_size=4), st.sampled_from(_NAT_OA)),
    st.builds(NatOa, st.just(IdType.IPV6_ADDRESS), st.binary(min_size=16, max_size=16), st.sampled_from(_NAT_OA)),
)
fragments = st.builds(
    Fragment, u16, st.integers(1, limits.FRAGMENTS), st.booleans(), st.binary(min_size=1, max_size=40)
)
unknowns = st.builds(Unknown, st.integers(1, 0xFF).map(PayloadType).filter(lambda kind: kind not in _ASSIGNED), octets)

payloads: st.SearchStrategy[Payload] = st.one_of(
    security_associations,
    st.builds(KeyExchange, octets),
    identifications,
    st.builds(Certificate, u8.map(CertificateEncoding), octets),
    st.builds(CertificateRequest, u8.map(CertificateEncoding), octets),
    st.builds(HashPayload, octets),
    st.builds(Signature, octets),
    st.builds(Nonce, st.binary(min_size=8, max_size=256)),
    notifications,
    deletes,
    st.builds(VendorId, octets),
    st.builds(Configuration, u8.map(CfgType), u16, attribute_lists),
    st.builds(NatD, octets, st.sampled_from(_NAT_D)),
    original_addresses,
    fragments,
    unknowns,
)
chains = st.lists(payloads, max_size=6)
