"""What an exchange must know before it goes on, and only the world outside can tell; and how that is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ikevpn.model.certificates import Authority
from ikevpn.wire.registry import Auth


class Ticket(NamedTuple):
    """Which exchange has asked; `number` is new with each question, so that an answer fits one question only."""

    ike_sa: int
    message_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Question:
    """Each kind of question is a class of its own, by which those who can answer it are found."""


@dataclass(frozen=True, slots=True)
class Sign(Question):
    """A signature by one of our private keys, over HASH_I or HASH_R: the body of the payload."""

    key: str
    auth: Auth
    hashed: bytes


@dataclass(frozen=True, slots=True)
class Validate(Question):
    """Who vouches for a peer whose signature is right: which of these authorities, by a path that is valid now.

    The answer is a set of their `trust`, not empty, or a `Distrust`. `presented` and `crls` are what the peer has
    sent, all DER.
    """

    certificate: bytes
    presented: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    authorities: frozenset[Authority]


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why nobody vouches for a certificate: the rule that it breaks, and a sentence."""

    rule: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is what the kind of question wants; `trouble` says in words why there is no answer."""

    value: object = None
    trouble: str = ""
