"""Every reason has its sentence and its own word."""

from __future__ import annotations

from ikevpn.esp.packet.drops import SENTENCES, Drop


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Drop)
    assert all(reason.sentence and not reason.sentence.endswith(".") for reason in Drop)
    assert len({reason.sentence for reason in Drop}) == len(Drop)


def test_the_value_is_the_counter() -> None:
    assert f"{Drop.BAD_ICV}" == "bad-icv"
    assert Drop("replay") is Drop.REPLAY
