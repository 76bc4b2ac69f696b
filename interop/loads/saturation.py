"""A TCP flow that takes all it can get, second by second. Reads what iperf3 prints at the receiving end."""

from __future__ import annotations

import re

from interop.lab.outcome import wait_until
from interop.traffic.traffic import End

_PORT = 5201
_SECOND = re.compile(r"\]\s+([\d.]+)-([\d.]+)\s+sec\s+[\d.]+ [KMGT]?Bytes\s+([\d.]+) Kbits/sec")
_WHOLE_S = 0.9  # an interval shorter than this is the rest of the last second


class Saturation:
    """One flow from `start` to `target`, from now on and for `seconds` unless it is ended."""

    def __init__(self, start: End, target: End, seconds: int) -> None:
        listen = ("-s", "-1", "-B", target.address, "-i", "1", "-f", "k", "--forceflush", "-p", str(_PORT))
        self._server = target.host.spawn("iperf3", *listen, name="iperf3-server")
        wait_until(lambda: "listening" in self._server.output(), "the start of iperf3")
        dial = ("-c", target.address, "-B", start.address, "-t", str(seconds), "-p", str(_PORT))
        self._client = start.host.spawn("iperf3", *dial, name="iperf3-client")
        wait_until(self.mbits, "the first second of the saturating flow")

    def running(self) -> bool:
        """Whether the flow goes on."""
        return self._client.running()

    def mbits(self) -> list[float]:
        """Megabits of each second so far, as they arrived."""
        return read(self._server.output())

    def end(self) -> list[float]:
        """Stop it; megabits of each whole second."""
        self._client.end()
        self._server.end()
        return self.mbits()


def read(report: str) -> list[float]:
    """Megabits per second of each whole second in a report of iperf3 in kilobits."""
    return [
        float(found[3]) / 1000
        for found in _SECOND.finditer(report.split("- - -", maxsplit=1)[0])
        if float(found[2]) - float(found[1]) > _WHOLE_S
    ]
