"""NIST's PKITS from end to end: path and CRLs together, strictly, wherever the name of a file says the verdict."""

from __future__ import annotations

import contextlib
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from ikevpn.model.certificates import Revocation
from ikevpn.pki.path.rules import Untrusted
from ikevpn.pki.path.validate import validate
from ikevpn.pki.revocation.path import check

AT = datetime(2012, 1, 1, tzinfo=UTC)
REFUSED = {
    # by what is not supported, and the rule that refuses it (docs/certificates.md)
    r"nameConstraintsTest(4|5|11|18|19|21|23|27|30|34|36)EE": ("name-constraints", 11),
    r"(PolicyMapping|AnyPolicy|ExplicitPolicy)Test\d+EE": (None, 13),
    r"(NewWithOldTest4|pathLenConstraintTest15|SeparateCertificateandCRLKeysTest19)EE": ("revocation-unknown", 3),
    r"(indirectCRLTest2[45]|cRLIssuerTest(28|29|33))EE": ("revocation-unknown", 5),
}
ACCEPTED = {"InvaliddeltaCRLTest4EE"}


@pytest.mark.filterwarnings("ignore")
def test_pkits(corpus: Path) -> None:
    certificates: dict[str, x509.Certificate] = {}
    lists: list[x509.CertificateRevocationList] = []
    with zipfile.ZipFile(corpus / "pki" / "pkits.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".crl"):
                lists.append(x509.load_der_x509_crl(archive.read(name)))
            elif name.endswith(".crt"):
                with contextlib.suppress(ValueError):  # two inherit the parameters of a DSA key
                    found = x509.load_der_x509_certificate(archive.read(name))
                    assert found.public_key()
                    certificates[Path(name).stem] = found
    anchor = certificates["TrustAnchorRootCertificate"]
    cases = [name for name in certificates if name.startswith(("Valid", "Invalid"))]
    refused: dict[str, str] = {}
    for name in cases:
        try:
            path = validate(certificates[name], certificates.values(), [anchor], AT)
            check(path.certificates, lists, Revocation.STRICT, AT)
        except Untrusted as error:
            refused[name] = error.rule
    assert len(cases) == 134
    assert {name for name in cases if name.startswith("Invalid") and name not in refused} == ACCEPTED
    wrong = {name: rule for name, rule in refused.items() if name.startswith("Valid")}
    for pattern, (rule, number) in REFUSED.items():
        found_rules = [wrong.pop(name) for name in list(wrong) if re.search(pattern, name)]
        assert len(found_rules) == number and (rule is None or set(found_rules) == {rule}), pattern
    assert wrong == {}
