"""What the processes of the daemon have used: processor time and memory, as each says itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ikevpn.dataplane.kernel.process_usage import OwnUse, Use


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """`name` is `control` or `worker`, of several workers also `worker-1` and so on."""

    name: str
    cpu_s: float
    resident_bytes: int


def of_all(workers: Mapping[str, Use]) -> tuple[ProcessUse, ...]:
    """Of this process, and what the workers say."""
    return tuple(ProcessUse(name, *use) for name, use in {"control": OwnUse().read(), **workers}.items())
