"""What a process that may too little is told: who it is, or which capability it lacks."""

from __future__ import annotations

import os

import pytest

from ikevpn.dataplane.confinement import confinement
from ikevpn.errors import HostError
from ikevpn.service.host import privileges

ADMIN, RAW = 1 << privileges.CAP_NET_ADMIN, 1 << privileges.CAP_NET_RAW


@pytest.mark.parametrize(
    ("user", "effective", "reason", "named"),
    [
        (1000, 0, "not-root", "not root"),
        (0, 0, "no-capability", "CAP_NET_ADMIN and CAP_NET_RAW"),
        (0, RAW, "no-capability", "CAP_NET_ADMIN, needed for devices and routes"),
        (1000, ADMIN, "no-capability", "CAP_NET_RAW, needed for ESP"),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, user: int, effective: int, reason: str, named: str
) -> None:
    monkeypatch.setattr(confinement, "effective", lambda: effective)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(HostError) as raised:
        privileges.require()
    assert raised.value.reason == reason and named in str(raised.value)


def test_enough_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "effective", lambda: ADMIN | RAW)
    privileges.require()
