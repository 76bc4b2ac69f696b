"""What is wrong with a tunnel, by what the daemon tells of it: the same for `status` and `status --problems`."""

from __future__ import annotations

from ikevpn.cli import render
from ikevpn.control import api

SILENCE_S = 30.0
"""How much longer than our own silence the peer's may be."""
SOON_S = 30 * 86400.0
"""How long before the end of a certificate it is a problem."""


def troubles(tunnel: api.TunnelState) -> list[str]:
    """One sentence each; nothing of a tunnel that is as it is wanted, or that nobody wants."""
    found = []
    if tunnel.wanted == "up" and tunnel.state not in ("up", "connecting"):
        found.append(tunnel.last_error or f"it is wanted up, and is {tunnel.state}")
    elif tunnel.state not in ("up", "down") and tunnel.last_error:
        found.append(tunnel.last_error)
    for child in tunnel.children:
        if silence := _silence(child):
            found.append(f"{child.selector} sends, and {silence}")
    found += tunnel.competing
    if expiry := _expiry(tunnel):
        found.append(expiry)
    return found


def _expiry(tunnel: api.TunnelState) -> str:
    """Where somebody has to see to a new certificate."""
    left_s = tunnel.certificate_expires_s
    if left_s is None or left_s > SOON_S:
        return ""
    if left_s <= 0:
        return f"the certificate {tunnel.certificate} has expired"
    return f"the certificate {tunnel.certificate} expires in {render.duration(left_s)}"


def _silence(child: api.ChildState) -> str:
    """Where we send and nothing comes back."""
    if not child.packets_out:
        return ""
    if not child.packets_in:
        return f"nothing has come in for {render.duration(child.age_s)}" if child.age_s > SILENCE_S else ""
    idle_in_s, idle_out_s = child.idle_in_s or 0.0, child.idle_out_s
    if idle_out_s is None or idle_in_s - idle_out_s <= SILENCE_S:
        return ""
    return f"nothing has come in for {render.duration(idle_in_s)}"
