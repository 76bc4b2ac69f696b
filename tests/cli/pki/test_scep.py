"""Enrolment end to end, with Debian's `scepserver`, and with an authority that cannot make up its mind."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from ikevpn.cli.pki.online import enrolling
from ikevpn.pki import describe
from ikevpn.pki.scep.enrolment import HttpRequest
from tests.cli.pki.conftest import WITH_PASSPHRASE, Pki
from tests.pki.openssl import openssl
from tests.pki.scep.server import ScriptedServer

CHALLENGE = ("--challenge", "env:PASS")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Its URL and fingerprint."""
    depot = tmp_path_factory.mktemp("scep") / "depot"
    subprocess.run(["scepserver", "ca", "-init", "-depot", depot, "-keySize", "2048"], capture_output=True, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = ["scepserver", "-depot", depot, "-port", port, "-challenge", "open sesame", "-allowrenew", "0"]
    server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    for line in server.stderr:
        if "msg=listening" in line:
            break
    threading.Thread(target=server.stderr.read, daemon=True).start()
    _answers(port)
    told = openssl("x509", "-in", depot / "ca.pem", "-noout", "-fingerprint", "-sha256").decode().strip()
    yield f"http://127.0.0.1:{port}/scep", told.partition("=")[2]
    server.terminate()
    server.wait()


def _answers(port: str) -> None:
    """It says that it listens before it does."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", int(port))).close()
        except ConnectionRefusedError:
            continue
        return


def at(authority: tuple[str, str]) -> tuple[str, ...]:
    return ("--url", authority[0], "--fingerprint", authority[1])


def verified(store: Path) -> bool:
    return openssl("verify", "-CAfile", store / "paris-ca.crt", store / "paris.crt").endswith(b": OK\n")


def test_enrolment_and_renewal(pki: Pki, store: Path, authority: tuple[str, str]) -> None:
    names = ("--subject", "CN=paris, O=Acme", "--fqdn", "paris.example.com", "--address", "192.0.2.1")
    pki("scep", "paris", *at(authority), *names, *CHALLENGE, *WITH_PASSPHRASE)
    assert verified(store)
    text = openssl("x509", "-in", store / "paris.crt", "-noout", "-text").decode()
    assert "DNS:paris.example.com, IP Address:192.0.2.1" in text
    before = [(store / f"paris.{end}").read_bytes() for end in ("crt", "key")]
    early = pki("scep", "paris", *at(authority), "--renew", "--within", "30", *CHALLENGE, *WITH_PASSPHRASE)
    assert "days left, nothing to renew" in early.output
    assert [(store / f"paris.{end}").read_bytes() for end in ("crt", "key")] == before
    pki("scep", "paris", *at(authority), "--renew", "--within", "400", *CHALLENGE, *WITH_PASSPHRASE)
    assert verified(store)
    assert [(store / f"paris.{end}").read_bytes() for end in ("crt", "key")] != before
    options = ("-passin", "pass:open sesame", "-pubout")
    key = openssl("pkey", "-in", store / "paris.key", *options)
    assert key == openssl("x509", "-in", store / "paris.crt", "-noout", "-pubkey")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    (
        (("--challenge", "env:HOME"), 1, "the authority refuses: it does not allow this request"),
        (("--kind", "ec-256"), 2, "SCEP needs an RSA key"),
    ),
)
def test_refusals(
    fails: Pki, store: Path, authority: tuple[str, str], words: tuple[str, ...], code: int, sentence: str
) -> None:
    refused = fails("scep", "paris", *at(authority), "--subject", "CN=paris", *words)
    assert refused.exit_code == code and sentence in refused.output
    assert not (store / "paris.crt").exists()


def test_the_authority_is_confirmed(fails: Pki, store: Path, authority: tuple[str, str]) -> None:
    for words, sentence in (((), "is not confirmed"), (("--fingerprint", "00:11"), "it may be a forged one")):
        refused = fails("scep", "paris", "--url", authority[0], *words, "--subject", "CN=paris")
        assert refused.exit_code == 2 and sentence in refused.output
    assert not store.exists()


@pytest.mark.parametrize(
    ("url", "code", "sentence"),
    (
        ("http://127.0.0.1:1/scep", 3, "http://127.0.0.1:1 cannot be reached: connection refused"),
        ("ftp://127.0.0.1/", 2, "is not a URL of http or https"),
        ("nonsense", 2, "is not a URL of http or https"),
    ),
)
def test_urls_without_an_authority(fails: Pki, url: str, code: int, sentence: str) -> None:
    refused = fails("scep", "paris", "--url", url, "--subject", "CN=paris")
    assert refused.exit_code == code and sentence in refused.output


class _Answers(BaseHTTPRequestHandler):
    status, headers_out, body = 200, (), b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        for name, value in self.headers_out:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Not in the output of tests."""


@pytest.mark.parametrize(
    ("status", "headers", "body", "sentence"),
    (
        (404, (), b"", "answers 404"),
        (302, (("Location", "http://127.0.0.1:1/"),), b"", "answers 302"),
        (200, (), b"<html>", "no certificate in PEM, DER, PKCS#7"),
        (200, (), bytes(2 << 20), "answers with more than 1048576 octets"),
    ),
)
def test_web_servers_that_are_no_authority(
    fails: Pki, status: int, headers: tuple[tuple[str, str], ...], body: bytes, sentence: str
) -> None:
    handler = type("Handler", (_Answers,), {"status": status, "headers_out": headers, "body": body})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        refused = fails("scep", "paris", "--url", f"http://127.0.0.1:{server.server_port}/", "--subject", "CN=paris")
        server.shutdown()
        thread.join()
    assert refused.exit_code in (2, 3) and sentence in refused.output


def test_a_pending_request(pki: Pki, fails: Pki, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --poll the key is kept, and the same command goes on with the same transaction."""
    server = ScriptedServer("AES\nSHA-256\nPOSTPKIOperation", with_ra=True, pending=3)
    asked: list[HttpRequest] = []

    def fetch(request: HttpRequest) -> bytes:
        asked.append(request)
        return server.fetch(request)

    monkeypatch.setattr(enrolling.http, "fetch", fetch)
    monkeypatch.setattr(enrolling.time, "sleep", lambda _: None)
    words = ("--url", "http://ca/", "--fingerprint", describe.fingerprint(server.root, hashes.SHA1()))
    words = ("scep", "paris", *words, "--subject", "CN=paris", "--kind", "rsa-1024")
    refused = fails(*words)
    assert refused.exit_code == 1 and "the request is pending" in refused.output
    key = (store / "paris.key").read_bytes()
    assert "asking again in 1 s" in pki(*words, "--poll", "1").output
    assert (store / "paris.key").read_bytes() == key
    assert [kind for _, kind, *_ in server.log] == ["19", "19", "20", "20"]
