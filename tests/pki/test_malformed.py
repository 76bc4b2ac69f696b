"""What does not parse is refused with an error of ours, whoever wrote it.

python -m tests.pki.test_malformed 500000      so many mutated certificates and CRLs
"""

from __future__ import annotations

import random
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.make import make
from ikevpn.errors import IkevpnError
from ikevpn.model.identity import Identity
from ikevpn.pki import certified, contents, describe
from ikevpn.wire.registry import IdType
from tests.pki.openssl import openssl

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("sans.crt", "large.crt", "bob.crt", "old.crt", "west-ec521.crt", "root.crt", "second.crl")


def is_read(octets: bytes) -> bool:
    """As a file, with all that we say of it, and as identities."""
    for kind in (IdType.DN, IdType.GENERAL_NAME):
        identity = Identity(kind, octets)
        assert str(identity) and identity.matches(identity)
    try:
        found = contents.read(octets)
    except IkevpnError:
        return False
    for each in found.certificates:
        assert describe.certificate(each, NOW)
        certified.identities(each)
    if found.crl:
        assert describe.crl(found.crl)
    if found.request:
        assert describe.request(found.request)
    return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ("certs", "crls", "ids-ocsp"))
def test_the_corpora_of_fuzzers(corpus: Path, name: str) -> None:
    with tarfile.open(corpus / "pki" / f"strongswan-fuzz-{name}.tar.gz") as archive:
        files = [file for member in archive if member.isfile() and (file := archive.extractfile(member))]
        refused = sum(not is_read(file.read()) for file in files)
    assert refused > 10


def mutated(folder: Path, number: int, seed: int) -> int:
    """How many of so many could be read all the same."""
    drawn = random.Random(seed)
    files = [folder / name for name in NAMES]
    whole = [openssl("crl" if file.suffix == ".crl" else "x509", "-in", file, "-outform", "DER") for file in files]
    read = 0
    for _ in range(number):
        octets = bytearray(drawn.choice(whole))
        for _ in range(drawn.randrange(1, 4)):
            octets[drawn.randrange(len(octets))] = drawn.choice((drawn.randrange(256), 0, 255, 128))
        read += is_read(bytes(octets))
    return read


@pytest.mark.filterwarnings("ignore")
def test_mutated_certificates(certificates: Path) -> None:
    assert 500 < mutated(certificates, 4000, 1) < 3500


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    wanted = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        print(f"{mutated(make(Path(place)), wanted, 2)} of {wanted} could be read, the others were refused")
