"""CRLs that openssl made, and those of NIST's PKITS."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from ikevpn.pki import containers, keys
from ikevpn.pki.names import same_name
from ikevpn.pki.reading import public_key
from ikevpn.pki.revocation.crl import Status, Verdict, look_up
from ikevpn.pki.signature import is_signed_by

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def read(folder: Path, name: str) -> x509.Certificate:
    return containers.certificates((folder / f"{name}.crt").read_bytes())[0]


def asked(folder: Path, name: str, *lists: str, issuer: str = "second", at: datetime = NOW) -> Verdict:
    crls = [containers.crl((folder / f"{each}.crl").read_bytes()) for each in lists]
    return look_up(read(folder, name), [read(folder, issuer)], crls, at)


@pytest.fixture(scope="module")
def now(certificates: Path) -> datetime:
    """When the lists of the test PKI are good."""
    return containers.crl((certificates / "second.crl").read_bytes()).last_update_utc


@pytest.mark.parametrize(
    ("name", "lists", "status", "words"),
    (
        ("east-rsa", ("second",), Status.GOOD, ""),
        ("revoked", ("second",), Status.REVOKED, "was revoked on "),
        ("revoked", ("root", "second.stale", "second"), Status.REVOKED, "(keyCompromise)"),
        ("east-rsa", ("second.stale", "second"), Status.GOOD, ""),
        ("east-rsa", ("second.stale",), Status.UNKNOWN, "has a CRL that ended on 2020-02-01 00:00 UTC"),
        ("east-rsa", ("root",), Status.UNKNOWN, "has no CRL of its issuer CN=second,O=ikevpn test,C=CH"),
        ("east-rsa", (), Status.UNKNOWN, "has no CRL of its issuer"),
    ),
)
def test_lists_of_openssl(
    certificates: Path, now: datetime, name: str, lists: tuple[str, ...], status: Status, words: str
) -> None:
    found = asked(certificates, name, *lists, at=now)
    assert found.status is status and words in found.sentence


def test_a_list_that_is_not_valid_yet(certificates: Path) -> None:
    found = asked(certificates, "east-rsa", "second", at=datetime(2024, 1, 1, tzinfo=UTC))
    assert found.status is Status.UNKNOWN and "is not valid before" in found.sentence


def test_a_list_of_the_same_name_by_another_key(certificates: Path, now: datetime) -> None:
    """Somebody else's second."""
    crls = [containers.crl((certificates / "second.crl").read_bytes())]
    found = look_up(read(certificates, "east-rsa"), [read(certificates, "first")], crls, now)
    assert found.status is Status.UNKNOWN and "may not sign" in found.sentence
    other = x509.CertificateRevocationListBuilder().issuer_name(read(certificates, "east-rsa").issuer)
    forged = other.last_update(now).next_update(now.replace(year=2049)).sign(keys.make("ec"), keys.hashes.SHA256())
    found = look_up(read(certificates, "revoked"), [read(certificates, "second")], [forged], now)
    assert found == Verdict(Status.UNKNOWN, "has a CRL whose signature is wrong")


@pytest.mark.parametrize("name", ("old-root", "ec-root", "root"))
def test_signatures_of_every_kind(certificates: Path, name: str) -> None:
    """SHA-1 too, which the library refuses."""
    key = public_key(read(certificates, name))
    assert is_signed_by(containers.crl((certificates / f"{name}.crl").read_bytes()), key)
    assert is_signed_by(read(certificates, name), key)
    assert not is_signed_by(read(certificates, "other"), key)
    assert not is_signed_by(read(certificates, name), None)


# PKITS

AT = datetime(2012, 1, 1, tzinfo=UTC)
DEVIATIONS = {
    "InvaliddeltaCRLTest4EE": "revoked in a delta alone, and deltas are not used: the complete list is good",
    "ValidIDPwithindirectCRLTest24EE": "indirect lists are not used: unknown",
    "ValidIDPwithindirectCRLTest25EE": "indirect lists are not used: unknown",
    "ValidcRLIssuerTest28EE": "indirect lists are not used: unknown",
    "ValidcRLIssuerTest29EE": "indirect lists are not used: unknown",
    "ValidcRLIssuerTest33EE": "indirect lists are not used: unknown",
}
ABOUT_LISTS = ("CRL", "Revoked", "SerialNumber", "onlyContains", "onlySome", "distributionPoint", "Separate")
NOT_ABOUT_LISTS = {
    # which certificate may sign lists is the business of its path
    "InvalidBasicSelfIssuedCRLSigningKeyTest8EE",
    "InvalidSeparateCertificateandCRLKeysTest21EE",
}


class Pkits:
    """All that is readable: two certificates inherit the parameters of a DSA key, which the library cannot read."""

    def __init__(self, archive: Path) -> None:
        self.certificates: dict[str, x509.Certificate] = {}
        self.crls: list[x509.CertificateRevocationList] = []
        with zipfile.ZipFile(archive) as files:
            for name in files.namelist():
                if name.endswith(".crl"):
                    self.crls.append(x509.load_der_x509_crl(files.read(name)))
                elif name.endswith(".crt") and "DSAParameter" not in name:
                    found = x509.load_der_x509_certificate(files.read(name))
                    self.certificates[Path(name).stem] = found

    def verdict(self, name: str) -> Status:
        """The worst of the path; which certificates are in it shows by their signatures."""
        path = [self.certificates[name]]
        while True:
            last = path[-1]
            signers = [each for each in self.certificates.values() if same_name(each.subject, last.issuer)]
            status = look_up(last, signers, self.crls, AT).status
            above = [each for each in signers if each not in path and is_signed_by(last, public_key(each))]
            if status is not Status.GOOD or not above or same_name(above[0].subject, above[0].issuer):
                return status
            path.append(above[0])


@pytest.mark.filterwarnings("ignore")
def test_pkits(corpus: Path) -> None:
    pkits = Pkits(corpus / "pki" / "pkits.zip")
    names = sorted(name for name in pkits.certificates if name.endswith("EE"))
    valid = [name for name in names if name.startswith("Valid")]
    refused = [
        name
        for name in names
        if name.startswith("Invalid") and any(word in name for word in ABOUT_LISTS) and name not in NOT_ABOUT_LISTS
    ]
    wrong = {name for name in valid if pkits.verdict(name) is not Status.GOOD}
    wrong |= {name for name in refused if pkits.verdict(name) is Status.GOOD}
    assert wrong == set(DEVIATIONS)
    assert (len(valid), len(refused)) == (57, 25)
