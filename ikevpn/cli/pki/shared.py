"""What the verbs of `ikevpn pki` share: the folder, names and subjects on the command line, and passphrases.

A passphrase is never an argument, which every process of the host could read. `--passphrase` says where it is: `ask`,
`file:NAME`, `env:VARIABLE`, or `credential:NAME` for one that systemd hands to a service.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from cryptography import x509

from ikevpn.cli import render
from ikevpn.config.finding import Unfit
from ikevpn.config.toml.secrets import Encoding, decode, read_environment, read_file
from ikevpn.errors import ConfigError
from ikevpn.model.secret import Secret
from ikevpn.pki import alternative, containers, keys
from ikevpn.pki.issue import Issuer
from ikevpn.pki.store.store import Kind, Store

Command = TypeVar("Command", bound=Callable[..., Any])
_WHERE = "ask, file:NAME, env:VARIABLE or credential:NAME"


@dataclass
class PkiContext:
    """What stands before the verb, and the time."""

    store: Store

    @property
    def now(self) -> datetime:
        """The time, in whole seconds as certificates have it."""
        return datetime.now(UTC).replace(microsecond=0)

    def key(self, name: str, passphrase: Passphrase) -> keys.PrivateKey:
        """The private key of a name; asks for the passphrase where nobody said where it is."""
        octets = self.store.read(name, Kind.KEY)
        return keys.read(octets, passphrase.for_reading(octets, name)).key

    def key_for(self, name: str, kind: str, passphrase: Passphrase) -> tuple[keys.PrivateKey, bytes | None]:
        """The private key of a name, or a new one and the octets to keep it as when all else has worked."""
        if self.store.has(name, Kind.KEY):
            return self.key(name, passphrase), None
        made = keys.make(kind)
        return made, keys.write(made, passphrase.for_writing(name))

    def keep_key(self, name: str, octets: bytes | None) -> None:
        """Write a new key."""
        if octets is not None:
            wrote(self.store.write(name, Kind.KEY, octets), "private key")

    def certificate(self, name: str) -> containers.Chain:
        """The certificate of a name and those above it."""
        return containers.certificates(self.store.read(name, Kind.CERTIFICATE))

    def issuer(self, name: str, passphrase: Passphrase) -> Issuer:
        """The authority of a name."""
        return Issuer(self.certificate(name)[0], self.key(name, passphrase))


pass_pki = click.make_pass_decorator(PkiContext)


class Passphrase:
    """Where a passphrase is, found out when it is needed."""

    def __init__(self, where: str | None = None) -> None:
        self.where = where

    def for_reading(self, octets: bytes, whose: str) -> Secret | None:
        """None: it is not encrypted. Raises ConfigError where there is nobody to ask."""
        if self.where is None:
            if not keys.is_encrypted(octets):
                return None
            if not sys.stdin.isatty():
                sentence = f"{whose} is encrypted and there is no terminal to ask at: write --passphrase {_WHERE}"
                raise ConfigError(sentence, reason="wrong-passphrase")
        return self._find(f"Passphrase of {whose}", confirm=False)

    def for_writing(self, whose: str) -> Secret | None:
        """None: it is to be written without. A new one is asked for twice."""
        return None if self.where is None else self._find(f"New passphrase for {whose}", confirm=True)

    def word(self, whose: str) -> str:
        """A password that somebody else has given out; empty where nobody said where it is."""
        if self.where is None:
            return ""
        try:
            return self._find(whose.capitalize(), confirm=False).reveal().decode()
        except UnicodeDecodeError:
            raise ConfigError(f"the {whose} is not UTF-8", reason="bad-passphrase") from None

    def _find(self, question: str, confirm: bool) -> Secret:
        kind, _, rest = (self.where or "ask").partition(":")
        try:
            if kind == "ask" and not rest:
                return Secret(click.prompt(question, hide_input=True, confirmation_prompt=confirm, err=True).encode())
            if kind == "file":
                return decode(read_file(Path(), rest), Encoding.TEXT)
            if kind == "env":
                return decode(read_environment(rest, os.environ), Encoding.TEXT)
            if kind == "credential":
                return decode(read_file(_credentials(), rest), Encoding.TEXT)
        except Unfit as unfit:
            raise ConfigError(f"the passphrase: {unfit.sentence} {unfit.fix}".rstrip(), reason=unfit.code) from None
        raise ConfigError(f"--passphrase takes {_WHERE}, not the passphrase itself", reason="bad-passphrase-place")


def _credentials() -> Path:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        sentence = "systemd has handed over no credentials: run this within a service with LoadCredential="
        raise ConfigError(sentence, reason="no-credentials")
    return Path(folder)


class _Passphrase(click.ParamType):
    name = "where"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Passphrase:
        return value if isinstance(value, Passphrase) else Passphrase(value)


def passphrase_option(*words: str, help: str) -> Callable[[Command], Command]:
    """`--passphrase` or another word for one."""
    return click.option(*words, type=_Passphrase(), default=Passphrase(), show_default=False, help=f"{help}: {_WHERE}.")


def days_option(usual: int) -> Callable[[Command], Command]:
    """`--days`, how long a certificate is valid."""
    days = click.IntRange(1, 36500)
    return click.option("--days", type=days, default=usual, show_default=True, help="For how long it is valid.")


def name_argument(command: Command) -> Command:
    """NAME, completed from what is in the folder."""
    return click.argument("name", shell_complete=_names)(command)


@dataclass(frozen=True)
class Asked:
    """Whose certificate, as the options of `subject_options` say. Reading them may raise ConfigError."""

    texts: tuple[str, ...]
    text: str = ""

    @property
    def subject(self) -> x509.Name:
        return alternative.subject(self.text)

    def subject_or(self, name: str) -> x509.Name:
        """The subject, or CN and a name."""
        return alternative.subject(self.text or f'CN="{name}"')

    @property
    def names(self) -> x509.SubjectAlternativeName | None:
        return alternative.alternative_names(self.texts)


def subject_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--subject`, `--address`, `--fqdn` and `--email`, which the command gets as `asked`."""

    def with_asked(
        *args: Any, subject: str, address: tuple[str, ...], fqdn: tuple[str, ...], email: tuple[str, ...], **rest: Any
    ) -> None:
        texts = (*address, *(f"@{each.removeprefix('@')}" for each in fqdn), *email)
        command(*args, asked=Asked(texts, subject), **rest)

    wrapped: Callable[..., None] = update_wrapper(with_asked, command)
    for option in (
        click.option("--email", multiple=True, help="An e-mail address for the subjectAltName; may be repeated."),
        click.option("--fqdn", multiple=True, help="A host name for the subjectAltName; may be repeated."),
        click.option("--address", multiple=True, help="An address for the subjectAltName; may be repeated."),
        click.option(
            "--subject",
            default="",
            help='Distinguished name, in either order: "CN=paris, O=Acme, C=CH" or "CN=paris, DC=example, DC=com".',
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


force_option = click.option("--force", is_flag=True, help="Replace what is there already.")
kind_option = click.option(
    "--kind", default="rsa", show_default=True, help="rsa, rsa-2048, ec-256, ec-384, ec-521, dsa."
)


def wrote(path: Path, what: str) -> None:
    """Tell where something is now."""
    render.say(f"{what}: {path}")


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    parent = context.parent
    while parent is not None and not isinstance(parent.obj, PkiContext):
        parent = parent.parent
    if parent is None:
        return []
    assert isinstance(parent.obj, PkiContext)
    return [CompletionItem(name) for name in parent.obj.store.names() if name.startswith(incomplete)]
