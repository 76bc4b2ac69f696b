"""The pure parts of the benchmarks: figures, percentiles, iperf3's reports, table, picture, page, profile."""

from __future__ import annotations

import json
from statistics import median
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop import __main__
from interop.bench import iperf, page, plot, profile, table
from interop.bench.figure import Figure, percentile, shown
from interop.bench.loads import VERBS
from interop.lab.outcome import Unmet

RATES = st.lists(st.floats(0.1, 1e5), min_size=1, max_size=9).map(tuple)
FIGURE = Figure("TCP, one flow", "aes128-sha", "Mbit/s", (300.0, 100.0, 200.0), (40.0, 60.0, 50.0))


@given(RATES, RATES)
def test_the_ratio_is_that_of_the_medians_and_survives_json(ours: tuple[float, ...], peer: tuple[float, ...]) -> None:
    figure = Figure("a", "b", "Mbit/s", ours, peer)
    assert figure.ratio == median(ours) / median(peer)
    assert Figure.from_json(json.loads(json.dumps(figure.to_json()))) == figure


@pytest.mark.parametrize(("ours", "peer"), [((), (1.0,)), ((1.0,), ()), ((1.0,), (0.0,))])
def test_there_is_no_ratio_without_two_sides(ours: tuple[float, ...], peer: tuple[float, ...]) -> None:
    assert Figure("a", "", "ms", ours, peer).ratio is None


@given(st.lists(st.floats(0, 1e3), min_size=1), st.sampled_from((0.5, 0.9, 0.99, 1.0)))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@pytest.mark.parametrize(("value", "text"), [(3240.4, "3240"), (4.444, "4.44"), (0.0123, "0.0123"), (0.0, "0")])
def test_values_are_shown_with_three_digits(value: float, text: str) -> None:
    assert shown(value) == text


def test_tcp_counts_what_arrived_in_both_directions() -> None:
    sums = {"bits_per_second": 2e9, "bytes": 1000}
    one = iperf.read("warning\n" + json.dumps({"end": {"sum_received": sums, "sum_sent": {"bytes": 5000}}}))
    both = iperf.read(json.dumps({"end": {"sum_received": sums, "sum_received_bidir_reverse": sums}}))
    assert (one.mbit_per_s, one.octets) == (2000, 1000)
    assert (both.mbit_per_s, both.octets) == (4000, 2000)


def test_udp_counts_what_was_not_lost() -> None:
    told = {"packets": 1000, "lost_packets": 250, "bytes": 64000, "seconds": 2.0}
    stream = iperf.read(json.dumps({"end": {"sum": told}}))
    assert (stream.packets_per_s, stream.lost, stream.octets) == (375, 0.25, 48000)
    assert stream.mbit_per_s == 48000 * 8 / 2e6


@pytest.mark.parametrize(
    ("report", "said"), [("", "nothing"), ('{"error": "unable to connect"}', "unable"), ("{}", "{}"), ("[1", "1")]
)
def test_a_run_that_failed_says_why(report: str, said: str) -> None:
    with pytest.raises(Unmet, match=said):
        iperf.read(report)


def test_the_table_has_a_line_a_figure() -> None:
    bare = Figure("ping, p50", "aes128-sha", "ms", (0.25,), (), more_is_better=False)
    lines = table.text([FIGURE, bare]).splitlines()
    assert len(lines) == 3
    assert lines[1].split()[-3:] == ["200", "50", "4.00"]
    assert lines[2].split()[-3:] == ["0.25", "-", "-"]
    assert "less is better" in lines[2]
    page_lines = table.markdown([FIGURE], "strongSwan").splitlines()
    assert page_lines[0].count("|") == page_lines[1].count("|") == page_lines[2].count("|")
    assert "strongSwan" in page_lines[0]


def test_the_picture_is_xml_with_a_bar_for_each_median() -> None:
    odd = Figure("<odd> & so on", "x", "Mbit/s", (100.0,))
    picture = ElementTree.fromstring(plot.svg([FIGURE, odd], "a & b"))
    widths = [float(found.get("width", 0)) for found in picture.iter("{http://www.w3.org/2000/svg}rect")][3:]
    assert len(widths) == 3
    assert widths[0] == pytest.approx(4 * widths[1], rel=0.02)
    with pytest.raises(ValueError, match="nothing to draw"):
        plot.svg([], "peer")


def test_only_what_is_between_the_marks_changes() -> None:
    written = "before\n<!-- table -->\nold\n<!-- end of table -->\nafter\n"
    assert page.between_marks(written, "table", "new") == written.replace("old", "new")
    with pytest.raises(ValueError, match="no marks"):
        page.between_marks(written, "picture", "new")


def test_the_page_shows_the_figures_that_are_kept() -> None:
    kept = [Figure.from_json(each) for each in json.loads(page.KEPT.read_text())["figures"]]
    assert table.markdown(kept, page.PEER) in page.PAGE.read_text()
    assert page.PICTURE.read_text() == plot.svg([each for each in kept if each.unit == "Mbit/s"], page.PEER)


def test_samples_belong_to_what_the_innermost_frames_do() -> None:
    raw = "\n".join((
        "run (worker.py:1);epoll_wait (libc.so.6) 900",
        "run (worker.py:1);send (outer.py:5);sock_sendmsg (python3);__sendmsg (libc.so.6) 20",
        "run (worker.py:1);seal (gcm.py:9);EVP_EncryptUpdate (_rust.abi3.so) 10",
        "run (worker.py:1);rows (room.py:9);array_add (_multiarray_umath.so) 5",
        "run (worker.py:1);sort (outward.py:7) 5",
    ))  # fmt: skip
    shares = profile.shares(raw)
    assert shares == {"system calls": 0.5, "cipher and hash": 0.25, "numpy": 0.125, "Python": 0.125}


@pytest.mark.parametrize("words", [["bench"], ["bench", "swimming"], ["bench", "tcp", "--esp", "rot13"]])
def test_wrong_words_are_refused_with_the_right_ones(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        __main__.main(words)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "aes128gcm16" in told if "--esp" in words else "pps" in told


def test_every_verb_has_loads_with_names_of_their_own() -> None:
    names = [quantity.name for loads in VERBS.values() for load in loads for quantity in load.quantities]
    assert set(VERBS) == {"tcp", "udp", "pps", "ping", "ike"}
    assert len(names) == len(set(names))
