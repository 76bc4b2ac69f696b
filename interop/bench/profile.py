"""Where the time of a worker goes under one TCP flow: system calls, cipher and hash, numpy, Python.

py-spy samples the stack, C frames included; a sample belongs to the first row of the table that its innermost frames
match.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from interop.bench import cpu, iperf
from interop.bench.rig import Rig, Setting
from interop.lab.outcome import Missing, expect
from interop.lab.site import Site

_RATE_HZ = 250
_DEPTH = 4
_KINDS = (
    # what, and the innermost frames that tell it (function or library, as py-spy prints them)
    ("waiting", re.compile(r"epoll_wait|select \(|poll \(")),
    ("system calls", re.compile(r"(\b|_)(sendmsg|recvmsg|recv|recvfrom|sendto|read|readv|write|writev) \(|__libc_")),
    ("cipher and hash", re.compile(r"libcrypto|_rust|libssl|EVP_|gcm_|aesni|_hashlib|sha\d+_|HMAC")),
    ("numpy", re.compile(r"_multiarray|numpy|lapack|umath")),
    ("copying memory", re.compile(r"mem(cpy|move|set|cmp)")),
)
OTHER = "Python"


def kind_of(stack: str) -> str:
    """What a sampled stack was doing; frames are separated by semicolons, the innermost last."""
    innermost = ";".join(stack.split(";")[-_DEPTH:][::-1])
    return next((kind for kind, frames in _KINDS if frames.search(innermost)), OTHER)


def shares(raw: str) -> dict[str, float]:
    """The share of each kind in py-spy's raw output, waiting left out."""
    counts: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        counts[kind_of(stack)] += int(count)
    counts.pop("waiting", None)
    total = counts.total()
    return {kind: count / total for kind, count in counts.most_common()}


def run(esp: str, seconds: float) -> dict[str, dict[str, float]]:
    """The shares of the sending and of the receiving worker. Raises Missing where py-spy is not installed."""
    spy = Path(sys.executable).with_name("py-spy")
    if not spy.exists():
        raise Missing("the profile needs py-spy: pip install 'ikevpn[bench]'")
    with Site() as site:
        rig = Rig(site, Setting("ikevpn", esp))
        rig.establish()
        workers = dict(zip(("sender", "receiver"), rig.workers(), strict=True))
        jobs = {}
        for role, pid in workers.items():
            words = ("-d", f"{seconds:g}", "-r", str(_RATE_HZ), "--native", "-f", "raw", "-o", f"{site.folder}/{role}")
            jobs[role] = rig.gateway.spawn(str(spy), "record", *words, "-p", str(pid), name=f"py-spy-{role}")
        iperf.run(rig, (), seconds + 2)
        found = {}
        for role, job in jobs.items():
            told = job.wait(20)
            expect(told.status == 0, f"py-spy: {told.output.strip()[-300:]}")
            found[role] = shares((site.folder / role).read_text())
        expect(cpu.seconds(workers.values()) > 0, "the workers have ended")
        return found
