"""CRLs from a web server and from OpenLDAP's slapd."""

from __future__ import annotations

import base64
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.pki.conftest import Pki
from tests.pki.openssl import openssl

EC = ("--kind", "ec")


class WebServer:
    """Has one file, and counts who asks."""

    def __init__(self) -> None:
        self.octets = b""
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(outer.octets)

            def log_message(self, *_: object) -> None:
                """Not in the output of tests."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/lab.crl"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    yield server
    server.close()


@pytest.fixture
def lab(pki: Pki, store: Path, web: WebServer) -> Path:
    """An authority whose certificates say where its list is; the list there has one revoked certificate."""
    pki("ca", "root", "lab", *EC)
    for name in ("paris", "oslo"):
        pki("ca", "issue", name, "--by", "lab", "--subject", f"CN={name}", "--crl-url", web.url, *EC)
    before = (store / "lab.crl").read_bytes()
    pki("ca", "revoke", "oslo", "--by", "lab")
    web.octets = openssl("crl", "-in", store / "lab.crl", "-outform", "DER")
    (store / "lab.crl").write_bytes(before)
    return store


def test_by_http_from_where_certificates_say(pki: Pki, lab: Path, web: WebServer) -> None:
    assert "revoked: 1; next update: " in pki("fetch-crl", "lab").output
    assert web.asked == 1
    assert openssl("crl", "-in", lab / "lab.crl", "-outform", "DER") == web.octets


def test_a_list_of_another_authority_is_not_kept(pki: Pki, fails: Pki, lab: Path, web: WebServer) -> None:
    before = (lab / "lab.crl").read_bytes()
    pki("ca", "root", "other", "--subject", "CN=lab", *EC)
    web.octets = (lab / "other.crl").read_bytes()
    refused = fails("fetch-crl", "lab")
    assert refused.exit_code == 1 and "the CRL is not signed by CN=lab" in refused.output
    assert (lab / "lab.crl").read_bytes() == before


def test_an_older_list_is_not_kept(pki: Pki, fails: Pki, certificates: Path, store: Path, web: WebServer) -> None:
    pki("import", certificates / "second.crt")
    pki("import", certificates / "second.crl")
    web.octets = (certificates / "second.stale.crl").read_bytes()
    refused = fails("fetch-crl", "second", "--url", web.url)
    assert refused.exit_code == 1 and "older than the one at hand" in refused.output


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    (
        (("--url", "http://127.0.0.1:1/"), 3, "cannot be reached: connection refused"),
        (("--url", "ldap://127.0.0.1:1/cn=lab"), 3, "ldap://127.0.0.1:1 cannot be reached: connection refused"),
        (("--url", "ldap:///cn=lab"), 2, "write --ldap-server"),
        (("--url", "file:///etc/passwd"), 2, "is not a URL of http or https"),
    ),
)
def test_places_without_a_list(fails: Pki, lab: Path, words: tuple[str, ...], code: int, sentence: str) -> None:
    refused = fails("fetch-crl", "lab", *words)
    assert refused.exit_code == code and sentence in refused.output


def test_nobody_says_where(pki: Pki, fails: Pki) -> None:
    pki("ca", "root", "lab", *EC)
    refused = fails("fetch-crl", "lab")
    assert refused.exit_code == 2 and "no certificate of lab says where its CRL is" in refused.output


# LDAP

_SLAPD = """
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
database mdb
suffix "o=Acme Works"
directory {folder}
"""
_ENTRIES = """
dn: o=Acme Works
objectClass: organization
o: Acme Works

dn: cn=lab,o=Acme Works
objectClass: cRLDistributionPoint
cn: lab
certificateRevocationList;binary:: {crl}

dn: cn=empty,o=Acme Works
objectClass: applicationProcess
cn: empty
"""


@pytest.fixture
def slapd(lab: Path, web: WebServer, tmp_path: Path) -> Iterator[int]:
    """Its port; it has the same list."""
    folder = tmp_path / "slapd"
    folder.mkdir()
    (folder / "conf").write_text(_SLAPD.format(folder=folder))
    (folder / "ldif").write_text(_ENTRIES.format(crl=base64.b64encode(web.octets).decode()))
    subprocess.run(["slapadd", "-f", folder / "conf", "-l", folder / "ldif"], check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    words = ["slapd", "-f", str(folder / "conf"), "-h", f"ldap://127.0.0.1:{port}", "-d", "0"]
    server = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            continue
        break
    yield port
    server.terminate()
    server.wait()


@pytest.mark.parametrize(
    "place",
    (
        "/cn=lab,o=Acme%20Works?certificateRevocationList;binary",
        "/cn=lab,o=Acme%20Works?CertificateRevocationList?base?objectclass=CRLDistributionPoint",
        "/o=Acme%20Works??sub?(cn=lab)",
    ),
)
def test_by_ldap(pki: Pki, fails: Pki, lab: Path, web: WebServer, slapd: int, place: str) -> None:
    pki("fetch-crl", "lab", "--url", f"ldap://127.0.0.1:{slapd}{place}")
    assert openssl("crl", "-in", lab / "lab.crl", "-outform", "DER") == web.octets


def test_what_a_directory_does_not_have(fails: Pki, slapd: int) -> None:
    for place, sentence in (
        ("cn=empty,o=Acme%20Works", "has no certificateRevocationList at cn=empty,o=Acme Works"),
        ("cn=nobody,o=Acme%20Works", "the LDAP server refuses (20)"),
    ):
        refused = fails("fetch-crl", "lab", "--url", f"ldap://127.0.0.1:{slapd}/{place}")
        assert refused.exit_code in (1, 3) and sentence in refused.output
