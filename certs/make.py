"""Makes the test PKI of `table` with openssl: authorities, certificates, keys, CRLs. Never used outside of tests.

python -m certs.make FOLDER                                    everything, some seconds
python -m certs.make FOLDER --crl http://192.0.2.9 --ocsp http://192.0.2.9:8888    with distribution points

For each row FOLDER has NAME.crt (PEM), NAME.key (PEM, PKCS#8, without a passphrase) and NAME.chain, the certificates of
its issuers from its own up to below the root. For each authority there is NAME.crl (PEM), and NAME.stale.crl, whose
next update is long past; NAME.index is what `openssl ocsp -index` and `openssl ca` read.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from certs.table import AUTHORITIES, CERTIFICATES, DSA, NOW, ORGANISATION, Authority, EndCertificate

_ROOTS = {authority.name for authority in AUTHORITIES if not authority.issuer}
_STALE = ("20200101000000Z", "20200201000000Z")


@dataclass(frozen=True)
class Points:
    """Where certificates say that their status is found; empty: they say nothing."""

    crl: str = ""
    ocsp: str = ""


_NOWHERE = Points()


def make(folder: Path, points: Points = _NOWHERE) -> Path:
    """The whole PKI in `folder`, which is made; one that is complete is left as it is."""
    done = folder / "complete"
    if done.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _make_keys(folder)
    for authority in AUTHORITIES:
        _prepare(folder, authority)
        _issue(folder, authority.name, authority.issuer or authority.name, authority.subject, _of_authority(authority))
    for row in CERTIFICATES:
        subject = row.subject or f"{ORGANISATION}/CN={row.name}"
        _issue(folder, row.name, row.issuer, subject, _of_end(row, points), row.validity, row.digest)
        if row.revoked:
            _ca(folder, row.issuer, "-revoke", f"{row.name}.crt", "-crl_reason", row.revoked)
    for authority in AUTHORITIES:
        _ca(folder, authority.name, "-gencrl", "-out", f"{authority.name}.crl")
        dates = ("-crl_lastupdate", _STALE[0], "-crl_nextupdate", _STALE[1])
        _ca(folder, authority.name, "-gencrl", *dates, "-out", f"{authority.name}.stale.crl")
    done.touch()
    return folder


def _make_keys(folder: Path) -> None:
    """In parallel, for that takes most of the time; openssl is a process of its own."""
    rows = [*AUTHORITIES, *CERTIFICATES]
    _openssl(
        folder,
        *shlex.split(
            "genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -pkeyopt dsa_paramgen_q_bits:160"
        ),
        *("-out", "dsa.parameters"),
    )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda row: _make_key(folder, row), rows))
    for row in CERTIFICATES:
        if row.key_of:
            (folder / f"{row.name}.key").write_bytes((folder / f"{row.key_of}.key").read_bytes())


def _make_key(folder: Path, row: Authority | EndCertificate) -> None:
    if not getattr(row, "key_of", ""):
        options = "-paramfile dsa.parameters" if row.key == DSA else f"-algorithm {row.key}"
        _openssl(folder, "genpkey", *shlex.split(options), "-out", f"{row.name}.key")


def _prepare(folder: Path, authority: Authority) -> None:
    """What `openssl ca` keeps of an authority, and how it is to work."""
    name = authority.name
    (folder / f"{name}.index").touch()
    (folder / f"{name}.index.attr").write_text("unique_subject = no\n")
    (folder / f"{name}.serial").write_text("01\n")
    (folder / f"{name}.crlnumber").write_text("01\n")
    (folder / f"{name}.issued").mkdir()
    (folder / f"{name}.conf").write_text(
        f"""
[ca]
default_ca = this
[this]
certificate = {name}.crt
private_key = {name}.key
database = {name}.index
serial = {name}.serial
crlnumber = {name}.crlnumber
new_certs_dir = {name}.issued
default_md = {authority.digest}
default_crl_days = 3650
policy = any
preserve = yes
email_in_dn = yes
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid:always
[any]
domainComponent = optional
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
"""
    )


def _of_authority(authority: Authority) -> str:
    issuer = "authorityKeyIdentifier = keyid\n" if authority.issuer else ""
    return (
        f"basicConstraints = critical, CA:true\nkeyUsage = critical, keyCertSign, cRLSign\n"
        f"subjectKeyIdentifier = hash\n{issuer}"
    )


def _of_end(row: EndCertificate, points: Points) -> str:
    optional = {
        "subjectAltName": row.names,
        "extendedKeyUsage": row.extended,
        "crlDistributionPoints": f"URI:{points.crl}/{row.issuer}.crl" if points.crl else "",
        "authorityInfoAccess": f"OCSP;URI:{points.ocsp}" if points.ocsp else "",
    }
    return (
        f"basicConstraints = critical, CA:false\nkeyUsage = {row.usage}\nsubjectKeyIdentifier = hash\n"
        "authorityKeyIdentifier = keyid\n"
        + "".join(f"{name} = {value}\n" for name, value in optional.items() if value)
        + "[directory]\nC = CH\nO = ikevpn test\nCN = by directory\n"
    )


def _issue(
    folder: Path,
    name: str,
    issuer: str,
    subject: str,
    extensions: str,
    validity: tuple[str, str] = NOW,
    digest: str = "",
) -> None:
    (folder / f"{name}.extensions").write_text(f"[extensions]\n{extensions}")
    request = ("req", "-new", "-config", f"{issuer}.conf", "-key", f"{name}.key", "-subj", subject, "-utf8")
    _openssl(folder, *request, "-out", f"{name}.csr")
    _ca(
        folder,
        issuer,
        *("-selfsign",) * (name == issuer),
        *("-in", f"{name}.csr", "-out", f"{name}.crt", "-notext"),
        *("-extfile", f"{name}.extensions", "-extensions", "extensions"),
        *("-startdate", validity[0], "-enddate", validity[1]),
        *(("-md", digest) if digest else ()),
    )
    above = () if issuer in _ROOTS else (f"{issuer}.crt", f"{issuer}.chain")
    (folder / f"{name}.chain").write_bytes(b"".join((folder / each).read_bytes() for each in above))


def _ca(folder: Path, issuer: str, *arguments: str) -> None:
    _openssl(folder, "ca", "-batch", "-config", f"{issuer}.conf", *arguments)


def _openssl(folder: Path, *arguments: str) -> None:
    """Raises RuntimeError with what openssl said."""
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise RuntimeError(f"openssl {shlex.join(arguments)}: {done.stderr}")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Make the test PKI.")
    options.add_argument("folder", type=Path)
    options.add_argument("--crl", default="", help="URL below which CRLs are found, for the distribution points")
    options.add_argument("--ocsp", default="", help="URL of the OCSP responder")
    given = options.parse_args()
    print(make(given.folder, Points(given.crl, given.ocsp)))
