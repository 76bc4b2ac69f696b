"""The anti-replay window and the high half of extended sequence numbers (RFC 4303 §3.4.3 and appendix A2).

`check` before the ICV, `advance` only after it: nothing that is not authentic moves the window.
"""

from __future__ import annotations

from ikevpn.errors import UsageError

LARGEST_WINDOW = 4096
SMALLEST_WINDOW = 32
_HALF = 1 << 32

# A receiver that does not check still has to tell the high half: take the candidate nearest to the highest number seen.
_UNCHECKED_REACH = 1 << 31


class ReplayWindow:
    """The sequence numbers that one inbound SA has accepted. `highest` is 64 bits wide with ESN, else 32."""

    __slots__ = ("_extended", "_mask", "_seen", "highest", "size")

    def __init__(self, size: int, *, extended: bool = False) -> None:
        """`size` in packets, 0 for no check. Raises UsageError for a size that we do not offer."""
        if size and not SMALLEST_WINDOW <= size <= LARGEST_WINDOW:
            raise UsageError(f"a replay window has {SMALLEST_WINDOW} to {LARGEST_WINDOW} packets, or 0 for none")
        self.size = size
        self.highest = 0
        self._extended = extended
        self._mask = (1 << size) - 1
        self._seen = 0  # bit n: highest - n was accepted

    def unchecked(self) -> ReplayWindow:
        """One that takes every number for what this one takes it for, and moves alone."""
        other = ReplayWindow(0, extended=self._extended)
        other.highest = self.highest
        return other

    def infer(self, low: int) -> int:
        """The whole sequence number that the 32 bits of a packet stand for (RFC 4303 §A2.1); negative if before 0."""
        if not self._extended:
            return low
        high, top = divmod(self.highest, _HALF)
        bottom = top - (self.size or _UNCHECKED_REACH) + 1
        if bottom >= 0:
            return (high if low >= bottom else high + 1) * _HALF + low
        return (high - 1 if low >= bottom + _HALF else high) * _HALF + low

    def check(self, sequence: int) -> bool:
        """Whether a packet with this number may still be accepted; asks only, changes nothing."""
        if not self.size:
            return sequence >= 0
        behind = self.highest - sequence
        if behind < 0:
            return True
        return behind < self.size and sequence > 0 and not self._seen >> behind & 1

    def admit(self, low: int) -> int | None:
        """The whole sequence number where a packet with these 32 bits may still be accepted, else None."""
        sequence = self.infer(low) if self._extended else low
        is_ahead = self.size and sequence > self.highest  # as most are
        return sequence if is_ahead or self.check(sequence) else None

    def advance(self, sequence: int) -> None:
        """Remember an authentic packet that `check` has let through."""
        ahead = sequence - self.highest
        if ahead > 0:
            self.highest = sequence
            # Shifting by more than the window would build a number as long as the jump.
            self._seen = (self._seen << ahead & self._mask | 1) if ahead < self.size else 1
        elif self.size:
            self._seen |= 1 << -ahead

    def infer_run(self, first_low: int, count: int) -> range | None:
        """The numbers of packets that follow each other, all ahead of the window; None where that is not so."""
        first = self.infer(first_low)
        low_end = (first_low + count - 1) % _HALF
        if first <= self.highest or self.infer(low_end) != first + count - 1:
            return None
        return range(first, first + count)

    def advance_run(self, sequences: range) -> None:
        """Remember authentic packets that `infer_run` has let through."""
        ahead, count = sequences[-1] - self.highest, len(sequences)
        self.highest = sequences[-1]
        if ahead < self.size:
            self._seen = (self._seen << ahead | (1 << count) - 1) & self._mask
        else:
            self._seen = (1 << min(count, self.size)) - 1 or 1
