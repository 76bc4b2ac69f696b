"""The first section of docs/certificates.md, as it stands there: from nothing to a tunnel with strongSwan.

left: ikevpn 192.0.2.1 ─── right: strongSwan 192.0.2.2
 10.1.1.0/24                10.2.2.0/24
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from interop.lab.outcome import Unmet, expect
from interop.lab.topology import pair
from interop.peers.ikevpn import Ikevpn
from interop.peers.strongswan import Strongswan
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Stage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "certificates.md"
_COPIED = re.compile(r"^scp berlin:/etc/ikevpn/(pki/\S+)\s+/etc/swanctl/(\S+)/$", re.MULTILINE)


def page(stage: Stage) -> None:
    """Every block in its turn: commands here, files there, `ikevpn up`."""
    text = PAGE.read_text().partition("\n## From nothing")[2].partition("\n## ")[0]
    topology = pair(stage.site)
    right, left = stage.side("strongswan", topology.right), stage.side("ikevpn", topology.left)
    ours, theirs = left.peer, right.peer
    if not isinstance(ours, Ikevpn) or not isinstance(theirs, Strongswan):
        raise Unmet("the page is about ikevpn and strongSwan")
    commands = _commands(text)
    for words in commands:
        if words[:2] != ["pki", "verify"]:
            ours.command(*words)
    (sample,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    left.host.write_file("ikevpn/ikevpn.toml", left.host.read_file(ours.config) + sample)
    for file, folder in _COPIED.findall(text):
        octets = left.host.read_file(f"{ours.folder}/{file}")
        right.host.write_file(f"strongswan/{folder}/{Path(file).name}", octets)
    (connection,) = re.findall(r"```\n(connections .*?)```", text, re.DOTALL)
    theirs.load(connection)
    ours.command("reload")
    stage.stands()
    ours.initiate("paris")
    expect(len(ours.sas("paris")) == 1, "there is not one pair of SAs")
    proof.carries(left, right)
    proof.nothing_in_clear(topology)
    for words in commands:
        if words[:2] == ["pki", "verify"]:
            expect("it would be accepted" in ours.command(*words).output, f"{shlex.join(words)} does not accept it")


def _commands(text: str) -> list[list[str]]:
    """The words of each `ikevpn pki …` in blocks of commands."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("ikevpn pki ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


SCENARIOS = (
    Scenario("certificate-page", "from nothing to a tunnel, as the page says", page, needs("ikevpn", "strongswan")),
)
