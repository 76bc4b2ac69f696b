"""The kernel's nftables by nftables' own library: commands as `nft -f` reads them, errors in words. Blocking.

The library is what the program `nft` is made of, and comes with it. One more element takes 0.04 to 0.1 ms by it and 4
to 5 ms by the program, which would have to be started each time: with ten thousand tunnels that is the difference
between a second and a minute. Nor does a confined daemon have to start programs.
"""

from __future__ import annotations

import ctypes
import json
from typing import Any

from ikevpn.errors import HostError

LIBRARY = "libnftables.so.1"
FIX = (
    'Install the package nftables (library libnftables1), or write when_unprotected = "accept" in the tunnel\'s table.'
)
_OUTPUT = 1 << 4 | 0xF << 7  # NFT_CTX_OUTPUT_JSON, _NUMERIC_ALL
_ABSENT = "No such file or directory"


class Nftables:
    """A context of the library in the network namespace of the thread that makes it; use it from that thread only."""

    def __init__(self) -> None:
        """Load the library now, while its file can be reached; that it is missing is an error only for who uses it."""
        self._context: int | None = None
        try:
            self._library: ctypes.CDLL | None = _load()
        except OSError:
            self._library = None

    @property
    def is_installed(self) -> bool:
        """Whether this host has the library."""
        return self._library is not None

    def close(self) -> None:
        """Give everything back."""
        if self._library is not None and self._context is not None:
            self._library.nft_ctx_free(self._context)
            self._context = None

    def change(self, what: str, commands: str) -> None:
        """Carry out all `commands`, or none of them. Raises HostError, which says `what` failed."""
        failure = self._run(commands)
        if failure:
            raise _refused(what, failure)

    def list(self, what: str) -> list[dict[str, Any]]:
        """The objects that `list what` shows; none where there is nothing of that name. Raises HostError."""
        failure = self._run(f"list {what}")
        if failure and _ABSENT not in failure:
            raise _refused(f"listing the {what}", failure)
        return [] if failure else json.loads(self._output() or "{}").get("nftables", [])

    def _run(self, commands: str) -> str:
        """What the kernel or the library says against it; nothing where it is done."""
        library, context = self._opened()
        if library.nft_run_cmd_from_buffer(context, commands.encode()) == 0:
            return ""
        return str(library.nft_ctx_get_error_buffer(context).decode(errors="replace")).strip() or "unknown reason"

    def _output(self) -> str:
        library, context = self._opened()
        return str(library.nft_ctx_get_output_buffer(context).decode())

    def _opened(self) -> tuple[ctypes.CDLL, int]:
        if self._library is None:
            sentence = f"packets that come unprotected cannot be discarded: {LIBRARY} is missing on this host"
            raise HostError(sentence, fix=FIX, reason="nftables")
        if self._context is None:
            self._context = int(self._library.nft_ctx_new(0) or 0)
            self._library.nft_ctx_buffer_output(self._context)
            self._library.nft_ctx_buffer_error(self._context)
            self._library.nft_ctx_output_set_flags(self._context, _OUTPUT)
        return self._library, self._context


def is_installed() -> bool:
    """Whether this host has the library."""
    try:
        _load()
    except OSError:
        return False
    return True


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(LIBRARY)
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    for name in ("nft_ctx_free", "nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    return library


def _refused(what: str, failure: str) -> HostError:
    line = failure.splitlines()[0].rpartition("Error: ")[2].lower()
    fix = "Run it as root." if "not permitted" in line else FIX
    return HostError(f"{what} failed: {line}", fix=fix, reason="nftables")
