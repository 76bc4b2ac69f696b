"""The captures that run: at most one a tunnel, and one of everything. Keys reach a file only through here, and only for
these.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ikevpn.capture.capture import Capture
from ikevpn.errors import UsageError
from ikevpn.model.address import Address
from ikevpn.model.sa import Sa

EVERYTHING = ""
"""The name under which a capture of all tunnels runs."""


class Captures:
    """Running captures by tunnel. `tunnel_of` tells whose IKE SA has an initiator cookie."""

    def __init__(self, ports: tuple[int, ...], tunnel_of: Callable[[bytes], str]) -> None:
        self._ports = ports
        self._tunnel_of = tunnel_of
        self._running: dict[str, Capture] = {}

    def start(self, tunnel: str, file: Path, concerns: Callable[[Address], bool]) -> None:
        """Record packets from and to addresses that it `concerns`. Raises HostError, and UsageError where one runs
        already.
        """
        if tunnel in self._running:
            raise UsageError(f"{tunnel} is being recorded into {self._running[tunnel].file} already")
        self._running[tunnel] = Capture(file, self._ports, lambda source, target: concerns(source) or concerns(target))

    def stop(self, tunnel: str) -> None:
        """End the capture of a tunnel, if there is one."""
        capture = self._running.pop(tunnel, None)
        if capture is not None:
            capture.close()

    def close(self) -> None:
        """End all."""
        for tunnel in tuple(self._running):
            self.stop(tunnel)

    def add_ike(self, cky_i: bytes, encryption_key: bytes) -> None:
        """An IKE SA has keys."""
        if self._running:
            for capture in self._of(self._tunnel_of(cky_i)):
                capture.add_ike(cky_i, encryption_key)

    def add_esp(self, sa: Sa) -> None:
        """An ESP SA has keys."""
        for capture in self._of(sa.tunnel):
            capture.add_esp(sa)

    def _of(self, tunnel: str) -> list[Capture]:
        return [self._running[name] for name in {tunnel, EVERYTHING} if name in self._running]
