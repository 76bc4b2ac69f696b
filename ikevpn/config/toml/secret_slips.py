"""What people put around a secret without meaning it. The file is read to the letter; what looks like a slip is said,
and never shown.
"""

from __future__ import annotations

from ikevpn.config.finding import Unfit
from ikevpn.config.toml.secrets import Encoding, Found

_PLAIN_QUOTES = "\"'`"
_TYPOGRAPHIC_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a"
_BLANKS = " \t\u00a0"
_HEX = frozenset("0123456789abcdefABCDEF")
_LEAST_HEX = 8


def slips(found: Found, encoding: Encoding) -> list[Unfit]:
    """Each thing that looks like one, with what to do where it is none. Nothing in what is not text to us."""
    if encoding is not Encoding.TEXT:
        return []
    octets, source = found
    text = octets.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
    said = []
    if "\n" in text or "\r" in text:
        said.append(("has a second line, and both are the secret, with the line end between them", "Leave one line."))
    if "\0" in text:
        said.append(("holds a NUL octet, which ends a secret on many gateways and not here", "Take it out."))
    line = text.strip("\r\n\0")
    if line != line.strip(_BLANKS):
        said.append(("has a blank at its beginning or end, which counts", "Take it out if the peer has none."))
    bare = line.strip(_BLANKS)
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in _PLAIN_QUOTES:
        said.append(("has quotes around the secret, which count", "Take them out if the peer has none."))
    elif any(each in _TYPOGRAPHIC_QUOTES for each in bare):
        said.append(("holds typographic quotes, as text processors write them", "Compare with the peer's secret."))
    if bare[:2] in ("0x", "0X") and len(bare) >= 2 + _LEAST_HEX and _HEX.issuperset(bare[2:]):
        what = "begins with 0x and goes on in hex digits, which are taken as they stand, as text"
        said.append((what, 'If octets are meant, write encoding = "hex".'))
    return [Unfit(f"{source} {what}.", fix, "secret-slip") for what, fix in said]
