"""HTTP to an authority: one request, one bounded answer, no redirects, no proxy that the environment names."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

from ikevpn.errors import ConfigError, HostError
from ikevpn.pki.scep.enrolment import CONTENT_TYPE, HttpRequest

_MOST_OCTETS = 1 << 20
_TIMEOUT_S = 20.0


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        """Whoever is asked answers; nobody may send us elsewhere."""
        return


def fetch(request: HttpRequest, most_octets: int = _MOST_OCTETS) -> bytes:
    """The body of the answer. Raises ConfigError for what is no URL, HostError where there is no good answer."""
    if urlsplit(request.url).scheme not in ("http", "https"):
        raise ConfigError(f"{request.url.partition('?')[0]} is not a URL of http or https", reason="bad-url")
    where = f"{urlsplit(request.url).scheme}://{urlsplit(request.url).netloc}"
    headers = {"Content-Type": CONTENT_TYPE} if request.body else {}
    asked = urllib.request.Request(request.url, request.body or None, headers)  # noqa: S310 - the scheme is checked
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=_TIMEOUT_S) as answer:
            octets: bytes = answer.read(most_octets + 1)
    except urllib.error.HTTPError as error:
        raise _no_answer(f"{where} answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        reason = error.reason.strerror if isinstance(error.reason, OSError) else str(error.reason)
        raise _no_answer(f"{where} cannot be reached: {(reason or 'no reason known').lower()}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise _no_answer(f"{where} gives no good answer: {error}") from None
    if len(octets) > most_octets:
        raise _no_answer(f"{where} answers with more than {most_octets} octets")
    return octets


def _no_answer(sentence: str) -> HostError:
    return HostError(sentence, fix="look at the URL, and whether the authority runs", reason="no-answer")
