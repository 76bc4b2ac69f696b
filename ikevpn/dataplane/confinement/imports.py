"""Everything that a worker may ever import, before the file system is gone; and a loud end of importing afterwards.

What our own modules import at their head is there once the worker is. The list below is what the interpreter and the
libraries leave for later: codecs by name, and what prints an error.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

LATER = (
    "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.punycode", "encodings.utf_8",  # addresses
    "linecache", "traceback", "tokenize",  # an error that ends the worker
    "numpy._core._methods", "numpy._core._exceptions", "numpy.core._methods",  # sums, and errors of arrays
    "cryptography.hazmat.primitives.ciphers.aead", "cryptography.exceptions",
    "hmac", "hashlib",
)  # fmt: skip


def load() -> None:
    """Those that this interpreter and these libraries have: their names differ from version to version."""
    for name in LATER:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


class _Refusal:
    """Stands in front of all that finds modules."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Says which module was missed, which the caller may well hide."""
        print(f"data plane: the module {name} was not loaded before the process was confined", file=sys.stderr)
        raise ImportError(f"{name} cannot be imported in a confined process", name=name)


def end() -> None:
    """From now on nothing is imported that is not there, and whatever tries is told on standard error."""
    sys.meta_path.insert(0, _Refusal())
