"""strongSwan 5.9.8 in the other role of every cell: role, mode, phase 1 suite, ESP suite and PFS, covered by pairs.

    left: ikevpn 192.0.2.1 ─────────────────── 192.0.2.2 right: strongSwan (userspace ESP, in UDP)
     10.1.1.0/24                                                 10.2.2.0/24

The whole life of a tunnel: up, ping both ways, 20 MB each way, one rekey by each side under pings, down. Names say who
initiates: `-i-` ikevpn, `-r-` strongSwan. `ours-matrix` has ikevpn on both sides, with plain ESP; `lab-matrix` has two
strongSwans go through every ESP suite.
"""

from __future__ import annotations

from functools import partial

from interop.lab.topology import pair
from interop.peers import suites
from interop.peers.tunnel import Mode, TunnelParameters, between
from interop.stage import pairwise, proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Stage

FACTORS = {
    "mode": ("main", "aggressive"),
    "role": ("i", "r"),
    "ike": suites.MATRIX_IKE,
    "esp": suites.MATRIX_ESP,
    "pfs": ("nopfs", "pfs"),
}


def parameters(row: pairwise.Row) -> TunnelParameters:
    """The tunnel of a row, without its places."""
    mode: Mode = "aggressive" if row["mode"] == "aggressive" else "main"
    return TunnelParameters(mode=mode, ike_suite=row["ike"], esp_suite=row["esp"], pfs=row["pfs"] == "pfs")


def play(stage: Stage, row: pairwise.Row, ours: str = "ikevpn", theirs: str = "strongswan") -> None:
    """One cell of the matrix."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right, parameters(row))
    left = stage.side(ours, topology.left, left_view)
    right = stage.side(theirs, topology.right, right_view)
    stage.stands()
    initiator, responder = (left, right) if row["role"] == "i" else (right, left)
    proof.whole_life(topology, initiator, responder, (left, right))


def _scenario(row: pairwise.Row) -> Scenario:
    name = f"strongswan-{row['mode']}-{row['role']}-{row['ike']}-esp-{row['esp']}-{row['pfs']}"
    sentence = (
        f"strongSwan: {proof.in_words(parameters(row))}, {'ikevpn' if row['role'] == 'i' else 'strongSwan'} starts"
    )
    return Scenario(name, sentence, partial(play, row=row), needs("ikevpn", "strongswan"))


def _lab(row: pairwise.Row) -> Scenario:
    name = f"lab-matrix-{row['mode']}-{row['ike']}-esp-{row['esp']}-{row['pfs']}"
    sentence = f"two strongSwans: {proof.in_words(parameters(row))}"
    return Scenario(name, sentence, partial(play, row=row, ours="strongswan"), needs("strongswan"))


def _ours(row: pairwise.Row) -> Scenario:
    name = f"ours-matrix-{row['mode']}-{row['ike']}-esp-{row['esp']}-{row['pfs']}"
    sentence = f"two ikevpns: {proof.in_words(parameters(row))}"
    return Scenario(name, sentence, partial(play, row=row, theirs="ikevpn"), needs("ikevpn"))


_ROWS = pairwise.cover(FACTORS)
_OURS = pairwise.cover({**FACTORS, "role": ("i",)})
_LAB_ROWS = (
    {"mode": "main", "role": "i", "ike": "3des-md5-g2", "esp": "3des-md5", "pfs": "pfs"},
    {"mode": "main", "role": "i", "ike": "3des-sha-g2", "esp": "3des-sha", "pfs": "nopfs"},
    {"mode": "aggressive", "role": "i", "ike": "aes128-sha-g2", "esp": "aes128-sha", "pfs": "nopfs"},
    {"mode": "aggressive", "role": "r", "ike": "aes256-sha256-g14", "esp": "aes256-sha256", "pfs": "pfs"},
    {"mode": "main", "role": "i", "ike": "aes256-sha512-g19", "esp": "aes128gcm16", "pfs": "pfs"},
    {"mode": "aggressive", "role": "i", "ike": "aes256-sha512-g19", "esp": "null-sha", "pfs": "nopfs"},
)
_COUNTING_ROWS = (
    {"mode": "main", "role": "i", "ike": "aes256-sha256-g31", "esp": "aes128ctr-sha256", "pfs": "pfs"},
    {"mode": "aggressive", "role": "r", "ike": "aes256-sha256-g31", "esp": "aes256ctr-sha", "pfs": "pfs"},
    {"mode": "main", "role": "r", "ike": "aes256-sha256-g14", "esp": "aes128ccm8", "pfs": "nopfs"},
    {"mode": "main", "role": "i", "ike": "aes256-sha256-g31", "esp": "aes128ccm12", "pfs": "nopfs"},
    {"mode": "aggressive", "role": "i", "ike": "aes256-sha256-g14", "esp": "aes256ccm16", "pfs": "pfs"},
)
"""Curve25519 (group 31), and AES that counts in other ways than GCM."""
SCENARIOS = (*map(_scenario, (*_ROWS, *_COUNTING_ROWS)), *map(_ours, _OURS), *map(_lab, _LAB_ROWS))
