"""Keys from a passphrase are those of `docs/manual-keys.md`, for ever: two ends of different versions must agree."""

from __future__ import annotations

from ikevpn.crypto.passphrase import derive
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import Protocol
from tests.conftest import REPOSITORY

PASSPHRASE = Secret(b"correct horse battery staple")


def test_the_keys_of_the_page() -> None:
    material = derive(PASSPHRASE, Protocol.ESP.value, 0x3020, 36).hex()
    page = (REPOSITORY / "docs" / "manual-keys.md").read_text()
    assert f"`{material[:32]}` and `{material[32:]}`" in page


def test_protocol_and_spi_change_all_of_it() -> None:
    found = {derive(PASSPHRASE, *each, 16) for each in ((3, 0x3020), (3, 0x3021), (2, 0x3020))}
    assert len(found) == 3
