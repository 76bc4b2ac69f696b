"""What a run leaves behind for the next one."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikevpn.errors import HostError
from ikevpn.net.kernel.rtnetlink import Route
from ikevpn.net.plan.journal import SHORT, Journal
from ikevpn.net.plan.steps import AddAddress, AddRoute, SetLinkUp, Step

ONE, TWO = SetLinkUp("vpn0"), AddAddress("vpn0", ip_interface("10.9.9.1/30"))
THREE = AddRoute(Route(ip_network("10.2.2.0/24"), "vpn0"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "host.journal"


def crash(path: Path) -> Journal:
    """A run that applied three steps, undid one and was killed."""
    journal = Journal(path)
    for step in (ONE, TWO, THREE):
        journal.applying(step)
    journal.undone(TWO)
    journal.close()
    return journal


def found(path: Path) -> tuple[Step, ...]:
    """What a run finds that does nothing itself."""
    journal = Journal(path)
    journal.close()
    return journal.found


def test_the_next_run_finds_what_is_still_applied(path: Path) -> None:
    assert crash(path).found == ()
    assert found(path) == (ONE, THREE)
    assert found(path) == (ONE, THREE), "a run that does nothing passes it on"


def test_a_line_that_was_cut_off_is_no_step(path: Path) -> None:
    crash(path)
    with path.open("a") as file:
        file.write('{"+": {"step": "link", "dev')
    assert found(path) == (ONE, THREE)


def test_another_boot_forgets(path: Path) -> None:
    crash(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(['{"place": "another boot 1"}', *lines[1:]]))
    assert found(path) == ()


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_survived(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    assert found(path) == ()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError) as caught:
        Journal(tmp_path / "file" / "state" / "host.journal")
    assert str(caught.value) == f"{tmp_path}/file/state/host.journal cannot be written: not a directory"
    assert caught.value.fix == "Write another folder as state in the [daemon] table."


def test_a_full_disk_is_a_sentence(path: Path) -> None:
    journal = Journal(path)
    with open("/dev/full", "w") as full:  # noqa: PTH123 - no file of ours
        journal._file.close()
        journal._file = full
        for write in (journal.applying, journal.undone):
            with pytest.raises(HostError, match="cannot be written: no space left on device"):
                write(ONE)
        journal.close()


def test_two_runs_do_not_share_a_journal(path: Path) -> None:
    first = Journal(path)
    first.applying(ONE)
    with pytest.raises(HostError) as caught:
        Journal(path)
    assert str(caught.value) == f"another daemon keeps its state in {path.parent}"
    assert "write another folder as state" in caught.value.fix
    first.close()
    assert found(path) == (ONE,)


def test_it_does_not_grow_with_what_comes_and_goes(path: Path) -> None:
    journal = Journal(path)
    journal.applying(ONE)
    for _ in range(3 * SHORT):
        journal.applying(THREE)
        journal.undone(THREE)
    journal.applying(TWO)
    journal.close()
    assert len(path.read_text().splitlines()) <= SHORT + 2
    assert found(path) == (ONE, TWO)


def test_where_it_cannot_be_written_anew_it_goes_on_and_says_nothing(path: Path) -> None:
    journal = Journal(path)
    path.with_suffix(".new").mkdir()
    for _ in range(SHORT):
        journal.applying(THREE)
        journal.undone(THREE)
    journal.applying(TWO)
    journal.close()
    path.with_suffix(".new").rmdir()
    assert found(path) == (TWO,)
