"""What the gateway with many tunnels is configured with, and what is said of it."""

from pathlib import Path

import pytest

from ikevpn.config.load import load
from interop.loads.scale import Course, Record, hub_tunnels, report, spoke_tunnels


@pytest.mark.parametrize("binding", ["policy", "route"])
@pytest.mark.parametrize("remote", ["named", "any"])
def test_both_ends_are_configured_as_check_demands(binding: str, remote: str, tmp_path: Path) -> None:
    course = Course(tunnels=3, binding=binding, remote=remote)
    (tmp_path / "t.psk").write_text("secret")
    (tmp_path / "t.psk").chmod(0o600)
    for text, count in ((hub_tunnels(course), 3 if remote == "named" else 1), (spoke_tunnels(course), 3)):
        file = tmp_path / "ikevpn.toml"
        file.write_text(text)
        assert len(load(file).tunnels) == count


def test_one_tunnel_changes_for_the_reload() -> None:
    for remote in ("named", "any"):
        course = Course(tunnels=3, remote=remote)
        before, after = hub_tunnels(course).splitlines(), hub_tunnels(course, changed=1).splitlines()
        assert len(after) - len(before) == 1


def test_what_was_measured_is_printed() -> None:
    record = Record(ready_s=1.5, cpu_s={"hub start": 0.7}, idle_share={"hub": 0.02}, events={"retransmitted": 4})
    text = report(Course(tunnels=7), record)
    for words in ("7 tunnels, policy, remote named", "1.50 s", "0.70 s", "2.0%", "retransmitted"):
        assert words in text
