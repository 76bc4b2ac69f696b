from __future__ import annotations

import subprocess
import sys

import pytest

from ikevpn.dataplane.confinement import imports
from tests.conftest import REPOSITORY

EVERYTHING = """
import sys
from ikevpn.dataplane.confinement import imports
from ikevpn.dataplane.userspace.worker import rehearsal
from ikevpn.dataplane.userspace.worker.internal_errors import InternalErrors
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.dataplane.userspace.worker.worker import Worker
imports.load()
theirs = set(sys.modules)
from tests.dataplane import fakes
from tests.esp import samples
from ikevpn.dataplane.userspace.ipc import channel
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.outbound import Outbound
from ikevpn.model.sa import Direction, Encapsulation
from ikevpn.wire.registry import Protocol
before = set(sys.modules)
ours = {name for name in before - theirs if name.split(".")[0] == "ikevpn"}
assert not ours, f"only the tests have loaded {ours}"

packets = [fakes.PACKET] * 3
for pair in samples.PAIRS:
    outbound = Outbound(samples.sa(Direction.OUT, pair), samples.entropy())
    inbound = Inbound(samples.sa(Direction.IN, pair))
    inbound.open(outbound.seal(packets, 4), 0.0)
stage = rehearsal.Stage(Worker, rehearsal.Ends.open())
assert all(stage.play() for _ in range(10))
try:
    channel.decode(b"nonsense")
except ValueError as error:
    InternalErrors(Stats()).survive(error)
for text in ("h\\u00e9", "a"):
    text.encode("idna"), text.encode("latin-1"), text.encode("utf-8").decode("ascii", "replace")
try:
    1 / 0
except ZeroDivisionError:
    import traceback
    traceback.format_exc()
print(sorted(set(sys.modules) - before))
"""


def test_no_algorithm_and_no_error_needs_a_module_that_is_not_there() -> None:
    ended = subprocess.run([sys.executable, "-c", EVERYTHING], capture_output=True, text=True, cwd=REPOSITORY)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "[]\n"


def test_what_is_missed_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, "this", raising=False)
    imports.end()
    with pytest.raises(ImportError, match="this cannot be imported in a confined process"):
        __import__("this")
    assert "the module this was not loaded before the process was confined" in capsys.readouterr().err


def test_names_that_this_version_does_not_have_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "LATER", ("no.such.module", "hmac"))
    imports.load()
