"""The mark of what the daemon itself sends, so that no rule of ours leads it into a tunnel: IKE, ESP, AH, probes."""

from __future__ import annotations

OWN_MARK = 0x696B6576
"""SO_MARK, all 32 bits: `ikev` in ASCII."""
