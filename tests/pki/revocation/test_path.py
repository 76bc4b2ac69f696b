"""What lists mean for a path, strictly and by best effort."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from ikevpn.model.certificates import Revocation
from ikevpn.pki import containers
from ikevpn.pki.path.rules import Untrusted
from ikevpn.pki.revocation.path import check

ALL = ("root", "first", "second")


def told(folder: Path, name: str, revocation: Revocation, *lists: str) -> tuple[str, ...]:
    octets = [(folder / f"{name}.{end}").read_bytes() for end in ("crt", "chain")]
    path = containers.certificates(b"".join((*octets, (folder / "root.crt").read_bytes())))
    crls = [containers.crl((folder / f"{each}.crl").read_bytes()) for each in lists]
    now: datetime = containers.crl((folder / "second.crl").read_bytes()).last_update_utc
    return check(path, crls, revocation, now)


def test_a_good_path(certificates: Path) -> None:
    for revocation in Revocation:
        assert told(certificates, "east-rsa", revocation, *ALL) == ()


@pytest.mark.parametrize("revocation", (Revocation.STRICT, Revocation.BEST_EFFORT))
def test_a_revoked_certificate(certificates: Path, revocation: Revocation) -> None:
    with pytest.raises(Untrusted, match=r"the certificate of CN=east.example.com.* was revoked on ") as error:
        told(certificates, "revoked", revocation, *ALL)
    assert error.value.rule == "revoked"
    assert told(certificates, "revoked", Revocation.NONE, *ALL) == ()


@pytest.mark.parametrize("lists", (("root", "second"), ("root", "first.stale", "second")))
def test_a_list_that_is_missing_on_the_way(certificates: Path, lists: tuple[str, ...]) -> None:
    with pytest.raises(Untrusted, match=r"the certificate of CN=second.* so that it may be revoked") as error:
        told(certificates, "east-rsa", Revocation.STRICT, *lists)
    assert error.value.rule == "revocation-unknown"
    (sentence,) = told(certificates, "east-rsa", Revocation.BEST_EFFORT, *lists)
    assert sentence.startswith("the certificate of CN=second")
