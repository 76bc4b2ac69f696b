"""What an exchange must know before it goes on, and only the world outside can tell; and how that is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Ticket(NamedTuple):
    """Which exchange has asked; `number` is new with each question, so that an answer fits one question only."""

    ike_sa: int
    message_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Question:
    """Each kind of question is a class of its own, by which those who can answer it are found."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is what the kind of question wants; `trouble` says in words why there is no answer."""

    value: object = None
    trouble: str = ""
