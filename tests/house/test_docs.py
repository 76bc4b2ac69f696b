"""Pages are current: those that are generated, and the files that others name."""

from __future__ import annotations

import re
import runpy
from typing import get_args

from ikevpn.control import api
from tests.house.imports import REPOSITORY


def test_the_page_of_exchanges_is_current() -> None:
    drawn = runpy.run_path(str(REPOSITORY / "docs" / "exchanges.py"))["page"]()
    assert (REPOSITORY / "docs" / "exchanges.md").read_text() == drawn, "run: python docs/exchanges.py"


def test_the_page_of_the_control_protocol_is_current() -> None:
    written = runpy.run_path(str(REPOSITORY / "docs" / "control_protocol.py"))["page"]()
    page = (REPOSITORY / "docs" / "control-protocol.md").read_text()
    assert page == written, "run: python docs/control_protocol.py"


def test_every_verb_and_reply_has_an_example_that_the_protocol_reads() -> None:
    lines = (REPOSITORY / "docs" / "control-protocol.md").read_text().splitlines()
    requests = [api.read_request(line[3:].encode()) for line in lines if line.startswith("-> ")]
    replies = [api.read_reply(line[3:].encode()) for line in lines if line.startswith("<- ")]
    assert {type(each) for each in requests} == set(get_args(api.AnyRequest))
    assert {type(each) for each in replies} == set(get_args(api.AnyReply))


def test_where_things_are_added_names_files_that_exist() -> None:
    named = re.findall(r"`((?:ikevpn|interop|docs|tests)/[\w/.]+)`", (REPOSITORY / "docs" / "extending.md").read_text())
    assert len(named) > 20
    assert not [each for each in named if not (REPOSITORY / each).exists()]
