"""The exact sentences about secrets, and that none ever shows one. `FILE` and `DIR` as in `test_sentences`."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from ikevpn.config.check import check
from ikevpn.config.load import load
from ikevpn.model.secret import Secret
from tests.config.conftest import Write, errors


def test_no_secret_file(tunnel: Write, secret: Path) -> None:
    secret.unlink()
    assert errors(tunnel()) == [
        "FILE:3: tunnel.paris.secret: there is no file DIR/paris.psk. Make it: (umask 077; cat > DIR/paris.psk)"
    ]


@pytest.mark.parametrize(
    ("mode", "who"), [(0o644, "everybody on this machine"), (0o640, "its group"), (0o602, "everybody on this machine")]
)
def test_a_secret_that_others_may_read(tunnel: Write, secret: Path, mode: int, who: str) -> None:
    secret.chmod(mode)
    assert errors(tunnel()) == [
        f"FILE:3: tunnel.paris.secret: the file DIR/paris.psk is open to {who} (mode 0{mode:o}). "
        "Run: chmod 600 DIR/paris.psk"
    ]


@pytest.mark.root
def test_a_secret_of_another_user(tunnel: Write, secret: Path) -> None:
    os.chown(secret, 12345, 0)
    assert errors(tunnel()) == [
        "FILE:3: tunnel.paris.secret: the file DIR/paris.psk belongs to user 12345, who could change it. "
        "Run: chown root DIR/paris.psk"
    ]


def test_a_secret_that_cannot_be_read(tunnel: Write, secret: Path) -> None:
    """A loop of links is refused to root as well."""
    secret.unlink()
    secret.symlink_to(secret)
    (error,) = errors(tunnel())
    assert error.startswith("FILE:3: tunnel.paris.secret: the file DIR/paris.psk cannot be read: too many levels of")


def test_a_secret_that_is_a_pipe(tunnel: Write, secret: Path) -> None:
    secret.unlink()
    os.mkfifo(secret, 0o600)
    assert errors(tunnel()) == ["FILE:3: tunnel.paris.secret: DIR/paris.psk is not a regular file. Name a file."]


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_secret(tunnel: Write, secret: Path, text: str) -> None:
    secret.write_text(text)
    assert errors(tunnel()) == [
        "FILE:3: tunnel.paris.secret: the file DIR/paris.psk is empty. "
        "Put the secret into it; 20 random characters are good."
    ]


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_secret_behind_a_byte_order_mark(tunnel: Write, secret: Path, mark: bytes) -> None:
    secret.write_bytes(mark + b"correct horse")
    assert errors(tunnel()) == [
        "FILE:3: tunnel.paris.secret: the file DIR/paris.psk begins with a byte order mark, which the peer's secret "
        "does not have. Save it as UTF-8 without one."
    ]


def test_a_secret_in_a_configuration_that_others_may_read(tunnel: Write) -> None:
    path = tunnel('secret = { text = "correct horse" }')
    path.chmod(0o644)
    assert errors(path) == [
        "FILE:5: tunnel.paris.secret: the file FILE is open to everybody on this machine (mode 0644). "
        "Run: chmod 600 FILE"
    ]


def test_secrets_side_by_side(tunnel: Write) -> None:
    assert errors(tunnel('secret = { file = "paris.psk", env = "PSK" }')) == [
        'FILE:5: tunnel.paris.secret: file and env stand side by side. Write one of them, best { file = "paris.psk" }.'
    ]
    assert errors(tunnel('secret = { env = "IKEVPN_NO_SUCH" }')) == [
        "FILE:5: tunnel.paris.secret: the environment variable IKEVPN_NO_SUCH is not set."
    ]


@pytest.mark.parametrize(
    "line",
    [
        'secret = "hunter2hunter2"',
        'psk = "hunter2hunter2"',
        'secret = { txt = "hunter2hunter2" }',
        'secret = { text = ["hunter2hunter2"] }',
        "secret = { text = 72617283 }",
        "secret = { text = 0x4540f83 }",
        "secret = { file = 72617283 }",
        "secret = { env = 72617283 }",
        'secret = { env = "hunter2 hunter2" }',
        'secret = { file = "hunter2\\u0000" }',
        'secret = { encoding = "hunter2hunter2" }',
        "secret = { encoding = 72617283 }",
        'secret = { env = "hunter2hunter2" }',
        'secret = { file = "hunter2hunter2" }',
        'secret = { file = "hunter2/hunter2" }',
        f'secret = {{ file = "{"hunter2" * 50}" }}',
        'secret = { text = "hunter2hunter2", encoding = "hex" }',
        'secret = "hunter2hunter2',
    ],
)
def test_no_error_ever_shows_a_secret(tunnel: Write, line: str) -> None:
    found = errors(tunnel(line))
    assert found
    assert not [error for error in found if "hunter2" in error or "72617283" in error]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ('env = "hunter2"', "there is no such environment variable. env takes the name of a variable, not the secret."),
        ('file = "hunter2"', "there is no such file in DIR. file takes the name of a file, not the secret."),
        ('file = "./hunter2"', "there is no file DIR/hunter2. Make it: (umask 077; cat > DIR/hunter2)"),
        ('file = "/no/such"', "there is no file /no/such. Make it: (umask 077; cat > /no/such)"),
        ('file = "a/b.psk"', "there is no file DIR/a/b.psk. Make it: (umask 077; cat > DIR/a/b.psk)"),
    ],
)
def test_a_name_is_shown_where_it_looks_like_one(tunnel: Write, place: str, sentence: str) -> None:
    assert errors(tunnel(f"secret = {{ {place} }}")) == [f"FILE:5: tunnel.paris.secret: {sentence}"]


@pytest.mark.parametrize("value", ['["hunter2"]', '{ text = "hunter2" }'])
def test_nobody_is_told_to_write_quotes_that_are_there(tunnel: Write, value: str) -> None:
    assert errors(tunnel(f"secret = {{ text = {value} }}")) == [
        "FILE:5: tunnel.paris.secret.text: this is not a text of at least one character."
    ]


@pytest.mark.parametrize("value", ["1.5", "true", "2026-01-02", "12:30:00"])
def test_but_those_that_are_not(tunnel: Write, value: str) -> None:
    (error,) = errors(tunnel(f"secret = {{ text = {value} }}"))
    assert error.endswith("Quote strings.")


def test_a_secret_without_quotes(tunnel: Write) -> None:
    assert errors(tunnel("secret = { text = 31415926535 }")) == [
        "FILE:5: tunnel.paris.secret.text: this is not a text of at least one character. Quote strings."
    ]


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (b"seven-Mice-2-lanterns\n\n", "has a second line, and both are the secret, with the line end between them."),
        (b"seven-Mice-2-lanterns\nolder\n", "has a second line, and both are the secret, with the line end"),
        (b"seven-Mice-2-lanterns \n", "has a blank at its beginning or end, which counts."),
        (b"\tseven-Mice-2-lanterns", "has a blank at its beginning or end, which counts."),
        (b'"seven-Mice-2-lanterns"\n', "has quotes around the secret, which count."),
        (b"'seven-Mice-2-lanterns'", "has quotes around the secret, which count."),
        ("\u2018seven-Mice-2-lanterns\u2019\n".encode(), "holds typographic quotes, as text processors write them."),
        (b"seven-Mice-2-lanterns\0", "holds a NUL octet, which ends a secret on many gateways and not here."),
        (b"0x00112233445566778899aabbccddeeff\n", "begins with 0x and goes on in hex digits, which are taken as"),
    ],
)
def test_slips_in_a_secret_file_are_said_and_not_shown(tunnel: Write, secret: Path, octets: bytes, what: str) -> None:
    secret.write_bytes(octets)
    (warning,) = [each for each in check(tunnel()).warnings if each.code == "secret-slip"]
    assert warning.sentence.endswith(what) or what in warning.sentence
    assert "Mice" not in str(warning) and "0011" not in str(warning)
    assert load(tunnel()).tunnels["paris"].template.psk == Secret(octets.removesuffix(b"\n"))  # to the letter


@pytest.mark.parametrize(
    "octets", [b"it's-7-Mice\n", b"0x12\n", b"two words\r\n", b'say "friend" twice', b"\xff\xfe\x01"]
)
def test_what_is_no_slip(tunnel: Write, secret: Path, octets: bytes) -> None:
    secret.write_bytes(octets)
    assert not [each for each in check(tunnel()).warnings if each.code == "secret-slip"]


def test_in_hex_nothing_is_a_slip(tunnel: Write, secret: Path) -> None:
    secret.write_bytes(b"0x00112233445566778899aabbccddeeff\n")
    path = tunnel('encoding = "hex"')
    assert not [each for each in check(path).warnings if each.code == "secret-slip"]
