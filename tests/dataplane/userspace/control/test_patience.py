from __future__ import annotations

import os
import socket

from ikevpn.dataplane.userspace.control.patience import (
    ANSWER_WITHIN_S,
    CHECK_EVERY_S,
    TOO_LONG_S,
    Patience,
    Progress,
    waited_s,
)
from ikevpn.dataplane.userspace.ipc import channel, message

STEPS = int(ANSWER_WITHIN_S / CHECK_EVERY_S)


def verdicts(looks: list[Progress], every_s: float = CHECK_EVERY_S) -> list[bool]:
    patience = Patience(-every_s)
    assert not patience.ends(Progress(1000, 0, 0.0), 0.0)
    return [patience.ends(each, every_s * (number + 1)) for number, each in enumerate(looks)]


def test_one_that_does_nothing_is_given_up() -> None:
    assert verdicts([Progress(1000, 0, 0.0)] * STEPS) == [False] * (STEPS - 1) + [True]


def test_to_be_sent_more_is_no_sign_of_life() -> None:
    assert verdicts([Progress(1000 + number, 0, 0.0) for number in range(STEPS)])[-1]


def test_one_that_takes_commands_or_says_something_is_busy_and_not_dead() -> None:
    assert not any(verdicts([Progress(1000 - number, 0, 0.0) for number in range(5 * STEPS)]))
    assert not any(verdicts([Progress(0, number, 0.0) for number in range(5 * STEPS)]))


def test_an_answer_that_never_comes_is_not_waited_for_for_ever() -> None:
    looks = int(TOO_LONG_S / CHECK_EVERY_S) - 1
    assert verdicts([Progress(0, number, 0.0) for number in range(looks)])[-2:] == [False, True]


def test_time_without_a_processor_does_not_count() -> None:
    starved = [Progress(1000, 0, CHECK_EVERY_S * (number + 1)) for number in range(5 * STEPS)]
    assert not any(verdicts(starved))


def test_time_in_which_we_did_not_look_counts_little() -> None:
    assert verdicts([Progress(1000, 0, 0.0)] * 3, every_s=60.0) == [False] * 3


def test_the_kernel_tells_what_the_other_end_has_not_taken() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        assert channel.untaken(ours) == 0
        channel.send(ours, message.Count())
        once = channel.untaken(ours)
        channel.send(ours, message.Count())
        assert channel.untaken(ours) == 2 * once > 0
        channel.receive(theirs)
        assert channel.untaken(ours) == once


def test_the_kernel_tells_how_long_a_process_waited() -> None:
    assert waited_s(os.getpid()) >= 0.0
    assert waited_s(2**22 + 1) == 0.0
