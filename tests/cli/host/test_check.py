"""`ikevpn check` finds what is wrong without touching the network, and its status says so."""

from __future__ import annotations

import json
from pathlib import Path

from ikevpn.cli.exit_codes import ExitCode
from tests.cli.stand_in import Ikevpn


def test_a_good_configuration(ikevpn: Ikevpn, folder: Path) -> None:
    result = ikevpn("check")
    assert result.exit_code == 0 and f"{folder}: good, 1 tunnel\n" in result.output


def test_a_secret_that_others_can_read(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "paris.psk").chmod(0o644)
    result = ikevpn("check")
    assert result.exit_code == ExitCode.USAGE
    assert "tunnel.paris.secret" in result.output and f"chmod 600 {folder}/paris.psk" in result.output


def test_a_warning_is_no_error(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "ikevpn.toml").write_text((folder / "ikevpn.toml").read_text() + 'ike_proposals = ["pre-g1-des-md5"]\n')
    result = ikevpn("check")
    assert result.exit_code == 0 and result.output.startswith("warning: ")
    verdict = json.loads(ikevpn("check", "--json").output)
    assert verdict["good"] and verdict["warnings"][0]["code"] == "weak"


def test_malformed_toml(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "ikevpn.toml").write_text("[tunnel.paris\n")
    result = ikevpn("check")
    assert result.exit_code == ExitCode.USAGE and "ikevpn.toml:1:" in result.output


def test_the_secret_is_never_shown(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "ikevpn.toml").write_text('[tunnel.paris]\nremote = "x"\nsecret = "hunter22hunter22"\n')
    assert "hunter22" not in ikevpn("check").output + ikevpn("check", "--json").output


def test_what_this_host_lacks_is_a_note_and_no_error(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "ikevpn.toml").write_text((folder / "ikevpn.toml").read_text() + 'local = "192.0.2.254"\n')
    result = ikevpn("check")
    assert result.exit_code == 0
    assert "note: this host does not have the address 192.0.2.254, which is `local` of tunnel paris" in result.output
    assert any("192.0.2.254" in note for note in json.loads(ikevpn("check", "--json").output)["notes"])
