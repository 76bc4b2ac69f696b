from __future__ import annotations

import os
import pwd
from types import SimpleNamespace

import pytest

from ikevpn.dataplane.confinement import own_user
from ikevpn.dataplane.confinement.own_user import NUMBERS, OwnUser, free


def test_the_system_user_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", {"ikevpn": SimpleNamespace(pw_uid=998, pw_gid=997)}.__getitem__)
    assert OwnUser.find() == OwnUser(998, 997)


@pytest.mark.parametrize("known", [{}, {"ikevpn": SimpleNamespace(pw_uid=0, pw_gid=0)}])
def test_else_one_that_is_nobodys(known: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", known.__getitem__)
    found = OwnUser.find()
    assert found.uid == found.gid and found.uid in NUMBERS
    assert found.uid not in own_user._of_processes()


def test_numbers_of_others_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", {61_185: "somebody"}.__getitem__)
    assert free([61_184, 61_185, 61_186], taken={61_184}) == 61_186
    assert os.getuid() in own_user._of_processes()


def test_who_is_not_root_stays_who_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 100)
    assert OwnUser.find() == OwnUser(1000, 100)


def test_a_refusal_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*ids: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    def refuse_number(*ids: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "getgroups", lambda: [])
    monkeypatch.setattr(os, "setresgid", refuse)
    assert OwnUser(61_184, 61_184).become() == "a user and groups of its own (CAP_SETUID or CAP_SETGID is missing)"
    monkeypatch.setattr(os, "setresgid", refuse_number)
    assert OwnUser(61_184, 61_184).become() == "a user of its own (the kernel refuses user 61184: Invalid argument)"
