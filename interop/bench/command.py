"""`python -m interop bench`: what the user asks for, and how it is told."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from interop.bench import page, profile, table
from interop.bench.figure import Figure
from interop.bench.loads import VERBS
from interop.bench.measure import Failure, Plan, measure
from interop.bench.rig import Setting
from interop.lab import requirements
from interop.peers import suites

_DEFAULT_ESP = "aes128gcm16"
_SUITES = ("aes128gcm16", "aes128-sha", "aes256-sha256", "3des-sha")
_PROFILED_S = 5.0
_PEERS = {"strongswan": "strongswan", "ikevpn": "ikevpn", "none": ""}


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb `bench` and its options."""
    bench = verbs.add_parser("bench", help="measure ikevpn and a peer in turns")
    bench.add_argument("what", choices=[*VERBS, "all", "profile"], help="`all` is the table of docs/performance.md")
    bench.add_argument("--peer", choices=_PEERS, default="strongswan", help="`ikevpn` twice shows the noise")
    bench.add_argument("--esp", action="append", choices=suites.ESP, metavar="SUITE", help="may be given several times")
    bench.add_argument("--raw", action="store_true", help="our ESP as protocol 50; strongSwan's stays in UDP")
    bench.add_argument("--forwarded", action="store_true", help="between hosts behind the gateways, offloads off")
    bench.add_argument("--runs", type=int, default=5, metavar="N")
    bench.add_argument("--seconds", type=float, default=3.0, metavar="S", help="how long one run takes")
    bench.add_argument("--json", action="store_true", help="one JSON value a line for each figure")
    bench.add_argument("--write", action="store_true", help="with `all`: renew docs/performance.md")


def run(options: argparse.Namespace) -> int:
    """Exit status 1 where a run failed twice; its figure is told without it."""
    peer = ("strongswan",) if options.peer == "strongswan" else ()
    requirements.check(("ikevpn", "tun", "traffic", "bench", *peer))
    if options.what == "profile":
        return _profile(options)
    failures: list[Failure] = []
    figures: list[Figure] = []
    started = datetime.now(UTC)
    for plan in _plans(options):
        for figure in measure(plan, _say, failures):
            figures.append(figure)
            if options.json:
                print(json.dumps(figure.to_json()), flush=True)
    if not options.json:
        print(table.text(figures))
    for failure in failures:
        print(f"failed twice: {failure.load}, {failure.kind}: {failure.sentence}", file=sys.stderr)
    if options.write:
        measured = {"date": f"{started:%Y-%m-%d}", "machine": page.machine(), "runs": options.runs}
        spent = profile.run(_DEFAULT_ESP, _PROFILED_S)
        page.write(figures, {**measured, "seconds": options.seconds, "profile": spent})
    return 1 if failures else 0


def _plans(options: argparse.Namespace) -> Iterator[Plan]:
    base = Plan((), Setting("ikevpn", _DEFAULT_ESP), _PEERS[options.peer], options.runs, options.seconds)
    if options.what == "all":
        yield from _table(base)
        return
    for esp in options.esp or [_DEFAULT_ESP]:
        setting = Setting("ikevpn", esp, raw=options.raw, forwarded=options.forwarded)
        yield replace(base, loads=VERBS[options.what], setting=setting)


def _table(base: Plan) -> Iterator[Plan]:
    """The page's table: TCP by suite, raw and forwarded; everything else with the suite that people should use."""
    for esp in _SUITES:
        yield replace(base, loads=VERBS["tcp"], setting=Setting("ikevpn", esp))
    yield replace(base, loads=VERBS["tcp"][:1], setting=Setting("ikevpn", _DEFAULT_ESP, raw=True))
    yield replace(base, loads=VERBS["tcp"][:1], setting=Setting("ikevpn", _DEFAULT_ESP, forwarded=True))
    rest = [load for verb in ("udp", "pps", "ping", "ike") for load in VERBS[verb]]
    yield replace(base, loads=rest, setting=Setting("ikevpn", _DEFAULT_ESP))


def _profile(options: argparse.Namespace) -> int:
    esp = (options.esp or [_DEFAULT_ESP])[0]
    found = profile.run(esp, max(options.seconds, _PROFILED_S))
    if options.json:
        print(json.dumps({"esp": esp, **found}))
        return 0
    print(table.shares(found))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
