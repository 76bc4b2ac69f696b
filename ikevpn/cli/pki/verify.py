"""`ikevpn pki verify`: whether a tunnel would accept a certificate, and why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography import x509

from ikevpn.cli import render
from ikevpn.cli.context import as_json, ending
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.cli.pki.files import read_file
from ikevpn.cli.pki.shared import PkiContext, name_argument, pass_pki
from ikevpn.errors import ConfigError
from ikevpn.model.identity import Identity
from ikevpn.pki import certified, containers, describe
from ikevpn.pki.issue import is_authority
from ikevpn.pki.path.rules import Untrusted
from ikevpn.pki.path.validate import validate
from ikevpn.pki.revocation.crl import Status, look_up
from ikevpn.pki.store.store import Kind


@dataclass(frozen=True)
class Step:
    """One thing that was looked at: `good` None where it could not be told."""

    what: str
    good: bool | None
    sentence: str


@click.command()
@name_argument
@click.option(
    "--authority",
    "authorities",
    multiple=True,
    help="An authority that is believed: a NAME or a file; may be repeated.  [default: all roots in the folder]",
)
@click.option("--with", "others", multiple=True, help="More certificates that the peer sends: a NAME or a file.")
@click.option("--crl", "crls", multiple=True, help="A CRL: a NAME or a file.  [default: all in the folder]")
@click.option("--strict", is_flag=True, help="Without a CRL that says so nothing is good.")
@click.option("--id", "identity", default="", help="The identity that the certificate must be for.")
@click.option("--at", type=click.DateTime(), help="As if this were the time, in UTC.  [default: now]")
@as_json
@pass_pki
@ending
def verify(
    context: PkiContext,
    name: str,
    authorities: tuple[str, ...],
    others: tuple[str, ...],
    crls: tuple[str, ...],
    strict: bool,
    identity: str,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Verify the certificate NAME, or one in a file, as a tunnel does that believes these authorities.

    Each step is told. The exit status is 1 where the certificate would be refused.
    """
    at = at.replace(tzinfo=UTC) if at else context.now
    leaf, *sent = _certificates(context, name)
    presented = [*sent, *(each for other in others for each in _certificates(context, other))]
    anchors = [each for given in authorities for each in _certificates(context, given)] or _roots(context)
    lists = [_crl(context, each) for each in crls or _names(context, Kind.CRL)]
    steps = [*_path(leaf, presented, anchors, lists, at), *_identity(leaf, identity)]
    refused = [step for step in steps if step.good is False or (strict and step.good is None)]
    if as_json:
        render.write_json({"good": not refused, "steps": steps})
    else:
        for step in steps:
            _show(step)
        render.say(*(("it would be refused", "red") if refused else ("it would be accepted", "green")))
    raise SystemExit(ExitCode.FAILED if refused else ExitCode.OK)


def _path(
    leaf: x509.Certificate,
    presented: list[x509.Certificate],
    anchors: list[x509.Certificate],
    lists: list[x509.CertificateRevocationList],
    at: datetime,
) -> Iterator[Step]:
    """The path to an authority and, from the top down, whether anything in it was revoked."""
    try:
        path = validate(leaf, presented, anchors, at).certificates
    except Untrusted as error:
        yield Step("path", False, f"{error} ({error.rule})")
        return
    for number, each in enumerate(path):
        above = path[number + 1] if number + 1 < len(path) else None
        by = f"signed by {describe.name(above.subject)}" if above is not None else "an authority that is believed"
        yield Step(describe.name(each.subject), True, f"{by}; {describe.validity(each, at)}")
        if above is not None:
            verdict = look_up(each, [above], lists, at)
            good = {Status.GOOD: True, Status.REVOKED: False, Status.UNKNOWN: None}[verdict.status]
            yield Step(f"revocation of {describe.name(each.subject)}", good, verdict.sentence or "not revoked")


def _identity(leaf: x509.Certificate, text: str) -> Iterator[Step]:
    names = ", ".join(map(str, certified.identities(leaf))) or "nobody"
    if not text:
        yield Step("identities", True, f"it is for {names}")
        return
    try:
        wanted = Identity.of(text)
    except ValueError as error:
        raise ConfigError(f"--id: {error}", reason="bad-identity") from None
    if certified.certifies(leaf, wanted):
        yield Step("identity", True, f"it is for {wanted}")
    else:
        yield Step("identity", False, f"it is not for {wanted} but for {names}")


def _show(step: Step) -> None:
    mark, style = {True: ("good", ""), False: ("WRONG", "red"), None: ("unknown", "yellow")}[step.good]
    render.say(f"{mark:8}{step.what}: {step.sentence}", style)


def _certificates(context: PkiContext, name: str) -> containers.Chain:
    if name in context.store.names() and context.store.has(name, Kind.CERTIFICATE):
        return context.certificate(name)
    if not Path(name).exists():
        sentence = f"there is no certificate {name} in {context.store.folder}, and no such file"
        raise ConfigError(sentence, reason="no-such-name")
    return containers.certificates(read_file(Path(name)))


def _crl(context: PkiContext, name: str) -> x509.CertificateRevocationList:
    if name in context.store.names() and context.store.has(name, Kind.CRL):
        return containers.crl(context.store.read(name, Kind.CRL))
    return containers.crl(read_file(Path(name)))


def _roots(context: PkiContext) -> list[x509.Certificate]:
    found = (context.certificate(name)[0] for name in _names(context, Kind.CERTIFICATE))
    roots = [each for each in found if each.subject == each.issuer and is_authority(each)]
    if not roots:
        sentence = f"there is no root authority in {context.store.folder}: write --authority"
        raise ConfigError(sentence, reason="no-authority")
    return roots


def _names(context: PkiContext, kind: Kind) -> list[str]:
    return [name for name in context.store.names() if context.store.has(name, kind)]
