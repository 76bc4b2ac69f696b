"""Writes the reference page and the commented sample from the schema: `python -m ikevpn.config.reference [FOLDER]`.

The page and the sample are never edited by hand; a test compares them with what this writes.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from textwrap import wrap
from typing import Any

from ikevpn.config.keys.certificate_keys import CertificateFile, PrivateKeyFile
from ikevpn.config.keys.key import REQUIRED, Key, Table, key_of
from ikevpn.config.keys.manual_table import KeyTable, ManualTable
from ikevpn.config.keys.schema import DaemonTable, PskTable, TunnelTable
from ikevpn.config.keys.secret_table import SecretTable
from ikevpn.config.keys.traffic_keys import SelectorTable
from ikevpn.config.proposals.names import ESP_LEVELS, IKE_LEVELS
from ikevpn.model import algorithm_names

PAGE = Path("docs/configuration.md")
SAMPLE = Path("configs/reference.toml")

_TABLES: tuple[tuple[str, type[Any]], ...] = (
    ("[daemon]", DaemonTable),
    ("[tunnel.NAME]", TunnelTable),
    ("[[tunnel.NAME.selector]]", SelectorTable),
    ("[tunnel.NAME.manual]", ManualTable),
    ("[[psk]]", PskTable),
    ('secret = { file = "…" }', SecretTable),
    ('private_key = { file = "…" }', PrivateKeyFile),
    ('certificate = { file = "…" }', CertificateFile),
    ('encryption_key = { file = "…" }', KeyTable),
)

_HEAD = """\
# Configuration

This page is written by `python -m ikevpn.config.reference`; edit `ikevpn/config/keys/` instead.

ikevpn reads one TOML file, or all files of a folder whose names end in `.toml` as if they were one. The shortest useful
tunnel is this:

```toml
[tunnel.paris]
remote   = "203.0.113.2"
auth     = "psk"
secret   = { file = "paris.psk" }
local_networks  = ["10.1.1.0/24"]
remote_networks = ["10.2.2.0/24"]
```

The secret is in a file of its own beside it, which only its owner may read: `(umask 077; cat > paris.psk)`. Only root
should have write access to the configuration and to its folder: the configuration decides where traffic goes.
`ikevpn check` says what is wrong with a configuration, where, and what was probably meant; it touches no network.
A file with every key is [`configs/reference.toml`](../configs/reference.toml).
"""

_PROPOSALS_HEAD = """\
## Proposals

A proposal is a name in the grammar of ScreenOS, carried on to newer algorithms. A level names several.

- Phase 1: `AUTHENTICATION-GROUP-CIPHER-HASH`, such as `pre-g14-aes256-sha256`.
- Phase 2: `GROUP-esp-CIPHER-INTEGRITY`, such as `nopfs-esp-3des-sha`; AES-GCM has no integrity part:
  `g14-esp-aes128gcm16`. `null` as cipher does not encrypt, `null` as integrity does not authenticate.
- AH: `GROUP-ah-INTEGRITY`, such as `g2-ah-sha`. It authenticates the addresses too, and so passes no NAT.
- Both: `GROUP-esp-CIPHER-INTEGRITY+ah-INTEGRITY`, such as `g2-esp-aes128-sha+ah-sha`. ESP travels inside of AH; the two
  are negotiated, renewed and ended as one.

With `-esn` at the end of a name of phase 2, sequence numbers have 64 bits instead of 32, so that fast tunnels need no
new keys before their time. Many gateways refuse that; where both will do, offer both:
`["g14-esp-aes128gcm16-esn", "g14-esp-aes128gcm16"]`.
"""

_PROPOSALS_FOOT = """\
`modern` is the default. It offers nothing weak, keeps the first message small because some gateways drop large ones,
and has one Diffie-Hellman group because aggressive mode and PFS can offer only one. A gateway that knows group 2 at
best needs `ike_proposals = ["modern", "standard"]` and `esp_proposals = ["standard"]`; in aggressive mode
`["standard"]` for both. Perfect forward secrecy must be the same on both ends: a peer without it needs `nopfs-…`.

CTR needs an integrity algorithm behind it; CCM, GCM and GMAC have their own, and GMAC encrypts nothing. Runs of packets
go through GCM with 16 octets and through CBC together; CTR, CCM, GMAC and shorter GCM go packet by packet, which is as
exact and costs more. `g31` is Curve25519: IKEv1 has no number for it, and strongSwan takes that of IKEv2 (RFC 8031).

DES, MD5, groups 1 and 2, 3DES without a limit in kilobytes, `null` and aggressive mode work; each is warned of once,
with the reason.
"""


def page() -> str:
    """The reference page, in Markdown."""
    tables = [_section(title, columns) for title, columns in _TABLES]
    return "\n".join([_HEAD, *tables, _proposals()]).rstrip() + "\n"


def sample() -> str:
    """A configuration with every key: the required ones live, the others as comments with their examples."""
    return "\n".join(_sample_lines()).rstrip() + "\n"


def write(folder: Path) -> None:
    """Write both below `folder`."""
    for path, text in ((PAGE, page()), (SAMPLE, sample())):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _section(title: str, columns: type[Any]) -> str:
    lines = [
        f"## `{title}`",
        "",
        cleandoc(columns.__doc__ or ""),
        "",
        "| key | default | what |",
        "| --- | --- | --- |",
    ]
    for field in dataclasses.fields(columns):
        key = key_of(field)
        what = f"{key.sentence} Takes {_takes(key)}. Example: `{_example(field.name, key)}`"
        lines.append(f"| `{field.name}` | {_default(field)} | {what.replace('|', chr(92) + '|')} |")
    return "\n".join([*lines, ""])


def _takes(key: Key) -> str:
    if isinstance(key.kind, Table):
        return "tables of their own" if key.kind.several else "a table"
    return key.kind.expects


def _example(name: str, key: Key) -> str:
    return f"{name} = {key.example}" if key.example else str(getattr(key.kind, "hint", ""))


def _default(field: dataclasses.Field[Any]) -> str:
    """The default as TOML, or in words."""
    if field.default is REQUIRED:
        return "**required**"
    if words := key_of(field).shown_default:
        return words
    return "none" if field.default is None else f"`{_toml(field.default)}`"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, int) else f'"{value}"'


def _proposals() -> str:
    lines = [_PROPOSALS_HEAD]
    parts: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("authentication", algorithm_names.AUTHENTICATIONS),
        ("group", algorithm_names.PFS_GROUPS),
        ("cipher of phase 1", algorithm_names.IKE_CIPHERS),
        ("hash of phase 1", algorithm_names.HASHES),
        ("cipher of ESP", algorithm_names.ESP_CIPHERS),
        ("integrity of ESP", algorithm_names.INTEGRITIES),
        ("integrity of AH", algorithm_names.AH_INTEGRITIES),
    )
    lines += ["| part | words |", "| --- | --- |"]
    lines += [f"| {part} | {', '.join(f'`{word}`' for word in words)} |" for part, words in parts]
    lines += ["", "| level | phase 1 | phase 2 |", "| --- | --- | --- |"]
    for level in IKE_LEVELS:
        columns = (" ".join(f"`{name}`" for name in levels[level]) for levels in (IKE_LEVELS, ESP_LEVELS))
        lines.append(f"| `{level}` | {' | '.join(columns)} |")
    return "\n".join([*lines, "", _PROPOSALS_FOOT])


def _sample_lines() -> Iterator[str]:
    yield "# Every key, with examples. Written by python -m ikevpn.config.reference; docs/configuration.md explains."
    yield from _sample_table("[daemon]", DaemonTable)
    yield from _sample_table("[tunnel.paris]", TunnelTable, skip=("local_networks", "remote_networks", "selector"))
    yield from _sample_table("[[tunnel.paris.selector]]", SelectorTable)
    yield from _sample_table("[[psk]]", PskTable)
    yield from (line if line.startswith("#") or not line else f"# {line}" for line in _manual_table())


def _manual_table() -> Iterator[str]:
    yield from _sample_table("[tunnel.paris.manual]", ManualTable)


def _sample_table(title: str, columns: type[Any], skip: tuple[str, ...] = ()) -> Iterator[str]:
    yield ""
    yield from _comment(" ".join(cleandoc(columns.__doc__ or "").split()))
    yield title
    for field in dataclasses.fields(columns):
        key = key_of(field)
        yield ""
        yield from _comment(key.sentence)
        comment = "" if field.default is REQUIRED or field.name == "secret" else "# "
        if isinstance(key.kind, Table) and not key.example and not key.kind.several:
            yield f"# {key.kind.hint}"
        elif field.name not in skip:
            yield f"{comment}{field.name} = {key.example}"
        elif key.example:
            yield f"# {field.name} = {key.example}  # in place of the selector tables below"


def _comment(text: str) -> list[str]:
    """Lines of at most 100 characters; names of files and keys stay whole."""
    return wrap(text, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False, break_long_words=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
