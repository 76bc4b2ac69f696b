"""Rows of Wireshark's tables: tshark opens published captures with them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from ikevpn.capture import wireshark
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Algorithms, Direction, Encapsulation, Sa, SaMode
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import EspCipher, Integrity, Protocol
from tests.lacking import tool


def sa(
    cipher: EspCipher,
    key: str,
    integrity: Integrity = Integrity.NONE,
    mac: str = "",
    *,
    spi: int = 0x1234,
    cut: bool = False,
) -> Sa:
    return Sa(
        direction=Direction.IN,
        spi=spi,
        reqid=1,
        tunnel="t",
        protocol=Protocol.ESP,
        mode=SaMode.TUNNEL,
        local=Endpoint.of("192.0.2.1", 500),
        remote=Endpoint.of("192.0.2.2", 500),
        encapsulation=Encapsulation.NONE,
        algorithms=Algorithms(cipher, 0, integrity, Secret(bytes.fromhex(key)), Secret(bytes.fromhex(mac)), cut),
        selectors=(),
    )


def test_rows_have_the_form_of_published_tables(corpus: Path) -> None:
    published = (corpus / "esp" / "ncp-udp-encap-gcm-ctr-cbc.esp_sa").read_text()
    gcm = sa(EspCipher.AES_GCM_16, "167fc4915921b24f27f71e7498b1978c238398d6", spi=0xC1A9656B)
    assert wireshark.esp_row(gcm) in published


def test_truncation_has_its_own_name() -> None:
    row = wireshark.esp_row(sa(EspCipher.AES_CBC, "00" * 16, Integrity.HMAC_SHA2_256, "11" * 32, cut=True))
    assert "HMAC-SHA-256-96" in row


def test_unknown_algorithms_have_no_row() -> None:
    assert wireshark.esp_row(sa(EspCipher.IDEA, "00" * 16)) == ""


def tshark(folder: Path, capture: Path, *words: str) -> str:
    program = tool("tshark")
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(folder)}
    return subprocess.run(
        [program, "-r", str(capture), *words], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_tshark_decrypts_ike_with_our_row(corpus: Path, tmp_path: Path) -> None:
    known = json.loads((corpus / "ike-vectors" / "capture-keys.json").read_text())["captures"]
    entry = next(each for each in known if each["file"].startswith("wireshark-main-xauth"))
    row = wireshark.ike_row(bytes.fromhex(entry["initiator_cookie"]), bytes.fromhex(entry["encryption_key"]))
    (tmp_path / "ikev1_decryption_table").write_text(row)
    assert entry["contains_hash"] in tshark(tmp_path, corpus / "ike" / entry["file"], "-V")


def test_tshark_decrypts_esp_with_our_row_and_preferences(corpus: Path, tmp_path: Path) -> None:
    gcm = sa(EspCipher.AES_GCM_16, "167fc4915921b24f27f71e7498b1978c238398d6", spi=0xC1A9656B)
    (tmp_path / "esp_sa").write_text(wireshark.esp_row(gcm))
    (tmp_path / "preferences").write_text(wireshark.PREFERENCES)
    assert "ICMP" in tshark(tmp_path, corpus / "esp" / "ncp-udp-encap-gcm-ctr-cbc.pcapng")
