"""What a SCEP authority can do (RFC 8894 §3.5.2), and what follows from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

from ikevpn.pki.cms.enveloped import AES_128, TRIPLE_DES
from ikevpn.pki.scep.message import Way


@dataclass(frozen=True)
class Capabilities:
    """The words of GetCACaps, in lower case. An authority of before the RFC may know none, and not the question."""

    words: frozenset[str] = frozenset()

    @classmethod
    def read(cls, octets: bytes) -> Capabilities:
        """One word a line; never fails."""
        lines = octets.decode("ascii", "replace").splitlines()
        return cls(frozenset(line.strip().lower() for line in lines if line.strip()))

    @property
    def way(self) -> Way:
        """The best that both know. Without a word of it: 3DES and SHA-1, which every older server reads."""
        standard = "scepstandard" in self.words
        cipher = AES_128 if standard or "aes" in self.words else TRIPLE_DES
        if "sha-512" in self.words and "sha-256" not in self.words and not standard:
            return Way(cipher, hashes.SHA512())
        if standard or "sha-256" in self.words:
            return Way(cipher, hashes.SHA256())
        return Way(cipher, hashes.SHA1())  # noqa: S303 - what they read

    @property
    def by_post(self) -> bool:
        """Whether requests go by POST; else they are part of the URL."""
        return bool({"postpkioperation", "scepstandard"} & self.words)

    @property
    def renews(self) -> bool:
        """Whether a certificate that is still valid may sign the request for its successor."""
        return "renewal" in self.words
