"""What was probably meant: common slips, words of other products, and never what would be refused again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.manual_table import ManualProposal
from ikevpn.config.proposals.names import EspProposals, IkeProposals
from ikevpn.config.proposals.suggest import meant_ike, meant_ipsec
from ikevpn.model.algorithm_names import ESP_CIPHERS, HASHES, IKE_CIPHERS, INTEGRITIES, PFS_GROUPS
from ikevpn.model.proposal_name import read_ike, read_ipsec


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("pre-g2-aes-sha", "pre-g2-aes128-sha"),
        ("pre-g2-aes-shaa", "pre-g2-aes128-sha"),
        ("pre-g2-aes128", "pre-g2-aes128-sha"),
        ("pre--aes256-sha256", "pre-g14-aes256-sha256"),
        ("-g14-aes256-sha256", "pre-g14-aes256-sha256"),
        ("g14-aes256-sha256", "pre-g14-aes256-sha256"),
        ("aes256-sha256-modp2048", "pre-g14-aes256-sha256"),
        ("aes128-sha1-modp1024!", "pre-g2-aes128-sha"),
        ("aes256-sha2_256;modp2048", "pre-g14-aes256-sha256"),
        ("aes256-sha256-prfsha256-ecp256", "pre-g19-aes256-sha256"),
        ("3des-md5-modp1024", "pre-g2-3des-md5"),
        ("pre-g24-aes256-sha256", "pre-g14-aes256-sha256"),
        ("-", ""),
        ("aes256-sha256-curve25519", "pre-g31-aes256-sha256"),
    ],
)
def test_phase_1(text: str, meant: str) -> None:
    assert meant_ike(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("esp-aes128-sha256", "g14-esp-aes128-sha256"),
        ("esp-aes128gcm16", "g14-esp-aes128gcm16"),
        ("ah-sha", "g14-ah-sha"),
        ("esp-aes128-sha+ah-sha", "g14-esp-aes128-sha+ah-sha"),
        ("g14-esp-aes-sha256+ah-sha", "g14-esp-aes128-sha256+ah-sha"),
        ("aes256-sha256", "nopfs-esp-aes256-sha256"),
        ("aes128gcm16-modp2048", "g14-esp-aes128gcm16"),
        ("3des-sha1-modp1024", "g2-esp-3des-sha"),
        ("g14-esp-aes128gcm16-sha", "g14-esp-aes128gcm16"),
        ("g14--aes128-sha", "g14-esp-aes128-sha"),
        ("g24-esp-aes128-sha", "g14-esp-aes128-sha"),
        ("g32-esp-aes128-sha", "g14-esp-aes128-sha"),
        ("g-esp-aes128-sha", "g14-esp-aes128-sha"),
        ("gg2-esp-aes128-sha", "g2-esp-aes128-sha"),
        ("nopf-esp-aes128-sha", "nopfs-esp-aes128-sha"),
        ("24-esp-aes128-sha", ""),
        ("-", ""),
        ("g2-ah-null-md5", ""),
    ],
)
def test_phase_2(text: str, meant: str) -> None:
    assert meant_ipsec(text) == meant


WORDS = [
    *IKE_CIPHERS,
    *ESP_CIPHERS,
    *HASHES,
    *INTEGRITIES,
    *PFS_GROUPS,
    "pre",
    "esp",
    "ah",
    "esn",
    "aes",
    "modp2048",
    "",
]
names = st.lists(st.sampled_from(WORDS) | st.text("aeghps0123+", max_size=5), max_size=6).map("-".join)


@given(names)
def test_what_is_offered_is_taken(text: str) -> None:
    if meant := meant_ike(text):
        read_ike(meant)
    if meant := meant_ipsec(text):
        read_ipsec(meant)


@given(names)
def test_any_name_gives_a_proposal_or_a_sentence(text: str) -> None:
    for kind in (IkeProposals(), EspProposals(), ManualProposal()):
        try:
            kind.read(text)
        except Unfit as unfit:
            assert "nopfs-" not in f"{unfit.sentence} {unfit.fix}" or "nopfs" in text or kind == EspProposals()
            if 'Did you mean "' in unfit.fix:
                kind.read(unfit.fix.split('"')[1])


def test_where_a_part_is_missing() -> None:
    with pytest.raises(Unfit, match="a group is missing \\("):
        IkeProposals().read("pre--aes256-sha256")
    with pytest.raises(Unfit, match='"esp" is not a group or nopfs'):
        EspProposals().read("esp-aes128-sha256")
