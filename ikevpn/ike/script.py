"""IKEv1 as a table: every message of every exchange, who sends it, what must and may be in it, how it is protected, and
what the exchange leads to.

Both roles read the same row from their own end. The diagrams in the documentation are drawn from these rows.
"""

from __future__ import annotations

from ikevpn.ike import association, news
from ikevpn.ike.auth.methods import PROOF
from ikevpn.ike.phase1 import aggressive, doubts, main_mode
from ikevpn.ike.phase1 import ending as phase1_ending
from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.phase2 import ending, quick
from ikevpn.ike.runner.life import Life
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.runner.script import Protection, Row, Script
from ikevpn.ike.state.sa import Role
from ikevpn.ike.upkeep import informational
from ikevpn.wire.payload import (
    SA,
    Certificate,
    CertificateRequest,
    Delete,
    HashPayload,
    Identification,
    KeyExchange,
    NatD,
    NatOa,
    Nonce,
    Notify,
    VendorId,
)
from ikevpn.wire.registry import ExchangeType

_I, _R = Role.INITIATOR, Role.RESPONDER
_CLEAR, _ENCRYPTED, _EITHER = Protection.CLEAR, Protection.ENCRYPTED, Protection.EITHER
_CERTIFICATES = (Certificate, CertificateRequest)

_PHASE1 = Life(
    Phase1,
    association.phase1_finished,
    phase1_ending.rejected,
    phase1_ending.given_up,
    phase1_ending.doubted,
    phase1=True,
    cause=doubts.cause,
)

# RFC 2409 §5.4; NAT-D from RFC 3947 §3.2
MAIN = Script(
    "main mode",
    ExchangeType.MAIN,
    (
        Row("main mode message 1", _I, (SA,), (VendorId, CertificateRequest), main_mode.build_1, main_mode.take_1),
        Row("main mode message 2", _R, (SA,), (VendorId, CertificateRequest), main_mode.build_2, main_mode.take_2),
        Row(
            "main mode message 3",
            _I,
            (KeyExchange, Nonce),
            (NatD, VendorId, *_CERTIFICATES),
            main_mode.build_3,
            main_mode.take_3,
        ),
        Row(
            "main mode message 4",
            _R,
            (KeyExchange, Nonce),
            (NatD, VendorId, *_CERTIFICATES),
            main_mode.build_4,
            main_mode.take_4,
        ),
        Row(
            "main mode message 5",
            _I,
            (Identification, PROOF),
            (VendorId, Notify, *_CERTIFICATES),
            main_mode.build_proof,
            main_mode.take_5,
            main_mode.verify,
            _ENCRYPTED,
            authenticates=True,
        ),
        Row(
            "main mode message 6",
            _R,
            (Identification, PROOF),
            (VendorId, Notify, *_CERTIFICATES),
            main_mode.build_proof,
            main_mode.take_6,
            main_mode.verify,
            _ENCRYPTED,
            authenticates=True,
        ),
    ),
    _PHASE1,
    trials=main_mode.trials,
)

# RFC 2409 §5.4; NAT-D from RFC 3947 §3.2
AGGRESSIVE = Script(
    "aggressive mode",
    ExchangeType.AGGRESSIVE,
    (
        Row(
            "aggressive mode message 1",
            _I,
            (SA, KeyExchange, Nonce, Identification),
            (VendorId, CertificateRequest),
            aggressive.build_1,
            aggressive.take_1,
        ),
        Row(
            "aggressive mode message 2",
            _R,
            (SA, KeyExchange, Nonce, Identification, PROOF),
            (NatD, VendorId, *_CERTIFICATES),
            aggressive.build_2,
            aggressive.take_2,
            aggressive.verify_2,
            authenticates=True,
        ),
        Row(
            "aggressive mode message 3",
            _I,
            (PROOF,),
            (NatD, VendorId, Notify, Identification, *_CERTIFICATES),
            aggressive.build_3,
            aggressive.take_3,
            aggressive.verify_3,
            _EITHER,
            authenticates=True,
        ),
    ),
    _PHASE1,
)

# RFC 2409 §5.5; NAT-OA from RFC 3947 §5.2
QUICK = Script(
    "quick mode",
    ExchangeType.QUICK,
    (
        Row(
            "quick mode message 1",
            _I,
            (HashPayload, SA, Nonce),
            (KeyExchange, Identification, NatOa, Notify),
            quick.build_1,
            quick.take_1,
            protection=_ENCRYPTED,
            hash=HashKind.FIRST,
            authenticates=True,
        ),
        Row(
            "quick mode message 2",
            _R,
            (HashPayload, SA, Nonce),
            (KeyExchange, Identification, NatOa, Notify),
            quick.build_2,
            quick.take_2,
            protection=_ENCRYPTED,
            hash=HashKind.SECOND,
            authenticates=True,
        ),
        Row(
            "quick mode message 3",
            _I,
            (HashPayload,),
            (Notify,),
            quick.build_3,
            quick.take_3,
            protection=_ENCRYPTED,
            hash=HashKind.THIRD,
            authenticates=True,
        ),
    ),
    ending.LIFE,
)

# RFC 2409 §5.7: one message
INFORMATIONAL = Script(
    "informational",
    ExchangeType.INFORMATIONAL,
    (
        Row(
            "informational",
            _I,
            (HashPayload,),
            (Notify, Delete),
            news.build,
            news.take,
            informational.not_our_own,
            protection=_ENCRYPTED,
            hash=HashKind.FIRST,
            authenticates=True,
        ),
    ),
    news.LIFE,
)

SCRIPTS = (MAIN, AGGRESSIVE, QUICK, INFORMATIONAL)
