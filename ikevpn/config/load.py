"""Loading a configuration: one file, or all `*.toml` of a folder as if they were one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ikevpn.config.configuration import Configuration, DaemonSettings, TunnelConfig
from ikevpn.config.finding import ConfigErrors, Finding, Severity, Unfit
from ikevpn.config.keys.schema import DaemonTable, PskTable, TunnelTable
from ikevpn.config.keys.walk import Walk
from ikevpn.config.rules.advice import advise, advise_on_secrets
from ikevpn.config.toml import files
from ikevpn.config.toml.document import Document, Keys, read, unreadable
from ikevpn.config.tunnel.build import build_psk, build_tunnel
from ikevpn.config.tunnel.daemon import check_daemon
from ikevpn.config.tunnel.manual_keys import spis
from ikevpn.model.address import AddressRange
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import SharedSecret

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_TABLES = ["daemon", "tunnel", "psk"]


def load(path: Path) -> Configuration:
    """Read everything that `path` says. Raises ConfigErrors with all that is wrong, in the order of the files."""
    configuration, findings = examine(path)
    if configuration is None:
        raise ConfigErrors(finding for finding in findings if finding.severity is Severity.ERROR)
    return configuration


def examine(path: Path) -> tuple[Configuration | None, list[Finding]]:
    """The configuration, or None where it cannot work, and all errors and warnings about it."""
    findings: list[Finding] = []
    documents = list(_documents(path, findings))
    reader = _Reader(documents)
    tunnels = reader.read()
    findings += reader.findings()
    findings.sort(key=_place)
    if not _fatal(findings):
        findings += advise(list(tunnels.values()), reader.where)
        findings += advise_on_secrets(reader.places, list(tunnels.values()))
        findings += [] if tunnels else [_no_tunnels(path)]
    if _fatal(findings):
        return None, findings
    return Configuration(reader.daemon, tunnels, reader.secrets, tuple(findings)), findings


def daemon_settings(path: Path) -> tuple[DaemonSettings, bool]:
    """What the [daemon] table says whatever is wrong with the rest, the defaults where it cannot be read; and whether
    nothing is wrong.
    """
    findings: list[Finding] = []
    reader = _Reader(list(_documents(path, findings)))
    reader.read()
    return reader.daemon, not _fatal(findings + reader.findings())


def _no_tunnels(path: Path) -> Finding:
    return Finding(
        Severity.WARNING, "no-tunnels", f"{path}", "no tunnel is configured.", "Write [tunnel.NAME] for one."
    )


def _fatal(findings: list[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def _place(finding: Finding) -> tuple[str, int]:
    """By file, then by line; what has the same place stays in its order."""
    file, _, rest = finding.where.partition(".toml:")
    line = re.match(r"\d+", rest)
    return file, int(line[0]) if line else 0


def _documents(path: Path, findings: list[Finding]) -> Iterator[Document]:
    try:
        paths = files.find(path)
    except OSError as error:
        findings += unreadable(path, error).findings
        return
    if not paths:
        sentence = "there is no file here whose name ends in .toml."
        findings.append(Finding(Severity.ERROR, "no-file", f"{path}", sentence, "Write one, or name another folder."))
        return
    for each in paths:
        try:
            document = read(each)
        except ConfigErrors as errors:
            findings += errors.findings
        else:
            findings += files.others_could_change(each, document.status)
            yield document
    with contextlib.suppress(OSError):  # where there is no folder either, the file that is not there was told
        folder = paths[0].parent
        findings += files.others_could_change(folder, folder.stat())


class _Reader:
    """All documents together: the tables of each kind, and where each name was seen first."""

    def __init__(self, documents: list[Document]) -> None:
        self.walks = [Walk(document) for document in documents]
        self.daemon: DaemonSettings = DaemonTable()
        self.secrets: tuple[SharedSecret, ...] = ()
        self.places: dict[str, Secret] = {}  # where in the files the secrets of [[psk]] tables stand
        self._seen: dict[Keys, str] = {}
        self._first_for: dict[tuple[AddressRange | None, Identity | None], str] = {}  # entries of [[psk]]
        self._of_tunnel: dict[str, Document] = {}

    def findings(self) -> list[Finding]:
        return [finding for walk in self.walks for finding in walk.findings]

    def where(self, tunnel: str, key: str) -> str:
        """The place of a key of a tunnel that was read, or of its table."""
        return self._of_tunnel[tunnel].where("tunnel", tunnel, *([key] if key else []))

    def read(self) -> dict[str, TunnelConfig]:
        tunnels: list[tuple[Walk, str, TunnelTable]] = []
        for walk in self.walks:
            tables = walk.names(walk.document.tables, _TABLES)
            if "daemon" in tables and self._first(walk, ("daemon",)):
                hint = "a table: [daemon]"
                self.daemon = walk.table(DaemonTable, tables["daemon"], ("daemon",), hint) or self.daemon
                check_daemon(walk, self.daemon)
            self.secrets += tuple(self._psks(walk, tables.get("psk", [])))
            tunnels += self._tunnels(walk, tables.get("tunnel", {}))
        taken = {spi for _, _, table in tunnels if table.manual for spi in spis(table.manual)}
        built = [(name, build_tunnel(walk, name, table, self.secrets, taken)) for walk, name, table in tunnels]
        return {name: tunnel for name, tunnel in built if tunnel}

    def _psks(self, walk: Walk, value: object) -> Iterator[SharedSecret]:
        if not isinstance(value, list):
            walk.error(("psk",), Unfit("this is not a list of tables.", "Write [[psk]] with two brackets."))
            return
        for index, item in enumerate(value):
            table = walk.table(PskTable, item, ("psk", index), "[[psk]]")
            if table:
                made = build_psk(walk, table, ("psk", index))
                self._same_peers(walk, made, ("psk", index))
                self.places |= {walk.document.where("psk", index, "secret"): each.secret for each in made}
                yield from made

    def _same_peers(self, walk: Walk, made: Sequence[SharedSecret], keys: Keys) -> None:
        """Of two entries for the same peers the first counts, and the second nobody can use."""
        for each in made:
            peers = each.remote, each.identity.folded if each.identity else None
            where = self._first_for.setdefault(peers, walk.document.where(*keys))
            if where != walk.document.where(*keys):
                sentence = f"it is for the same peers as {where}, and the first one counts."
                walk.warn(keys, Unfit(sentence, "Keep one of them.", "same-peers"))
                break

    def _tunnels(self, walk: Walk, value: object) -> Iterator[tuple[Walk, str, TunnelTable]]:
        if not isinstance(value, dict):
            walk.error(("tunnel",), Unfit("this is not a table of tunnels.", "Write [tunnel.NAME]"))
            return
        for name, item in value.items():
            keys = ("tunnel", name)
            if not _NAME.fullmatch(name):
                fix = "Use up to 63 letters, digits and . _ -, a letter or digit first."
                walk.error(keys, Unfit("this cannot be the name of a tunnel.", fix, "bad-name"))
            elif self._first(walk, keys):
                table = walk.table(TunnelTable, item, keys, f"[tunnel.{name}]")
                if table:
                    self._of_tunnel[name] = walk.document
                    yield walk, name, table

    def _first(self, walk: Walk, keys: Keys) -> bool:
        """Whether nothing of this name was seen before; a finding that names both places otherwise."""
        where = self._seen.setdefault(keys, walk.document.where(*keys))
        if where == walk.document.where(*keys):
            return True
        what = f"tunnel {keys[1]}" if len(keys) > 1 else "a daemon table"
        walk.error(
            keys, Unfit(f"{what} is defined in {where.split(': ')[0]} already.", "Keep one of them.", "duplicate")
        )
        return False
