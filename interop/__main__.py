"""`python -m interop`: the command line of this room."""

from __future__ import annotations

import argparse
import json
import os
import sys

from interop.bench import command as bench
from interop.lab.outcome import InteropError
from interop.lab.site import end_on_signal
from interop.loads import flood, ike_flood, scale, soak
from interop.stage import runner, scenario


def main(words: list[str] | None = None) -> int:
    """Run one verb; returns the exit status: 0 all passed, 1 something failed, 2 it could not even be tried."""
    options = _parser().parse_args(words)
    end_on_signal()
    try:
        if options.verb == "list":
            return _list(options.json)
        if options.verb == "soak":
            return soak.main(options)
        if options.verb == "flood":
            return flood.main(options)
        if options.verb == "ike-flood":
            return ike_flood.main(options)
        if options.verb == "scale":
            return scale.main(options)
        if options.verb == "bench":
            return bench.run(options)
        chosen = scenario.select(options.name)
        if options.verb == "shell":
            return runner.visit(chosen[0])
        return runner.run(chosen, jobs=options.jobs, as_json=options.json)
    except InteropError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m interop", description="Scenarios against real peers. Needs root.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    show = verbs.add_parser("list", help="print all scenarios")
    run = verbs.add_parser("run", help="run scenarios by name or pattern, or `all`")
    run.add_argument("name", nargs="+")
    run.add_argument("--jobs", type=int, default=1, metavar="N", help="how many at a time")
    shell = verbs.add_parser("shell", help="leave a scenario standing and open a shell")
    shell.add_argument("name", nargs=1)
    soak.add_arguments(verbs.add_parser("soak", help="a tunnel under full load, with new keys again and again"))
    flood.add_arguments(
        verbs.add_parser("flood", help="a gateway under bent ESP packets, with an honest flow beside them")
    )
    ike_flood.add_arguments(verbs.add_parser("ike-flood", help="a gateway under invented first messages of IKE"))
    scale.add_arguments(verbs.add_parser("scale", help="a gateway with many tunnels: start, up, status, reload, stop"))
    bench.add_to(verbs)
    for verb in (show, run):
        verb.add_argument("--json", action="store_true", help="one JSON value a line")
    return parser


def _list(as_json: bool) -> int:
    for found in scenario.load().values():
        if as_json:
            print(json.dumps({"name": found.name, "sentence": found.sentence, "needs": sorted(found.needs)}))
        else:
            print(f"{found.name:<64} {found.sentence}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever reads has seen enough: `python -m interop list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
