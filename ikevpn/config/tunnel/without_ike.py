"""A tunnel with manual keys: what else of it must, and must not, be written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.ike_keys import IkeKeys
from ikevpn.config.keys.walk import Walk
from ikevpn.config.keys.words import Start
from ikevpn.config.toml.document import Keys
from ikevpn.model.address import AddressRange

_IKE_ONLY = tuple(field.name for field in dataclasses.fields(IkeKeys))


def check_without_ike(
    walk: Walk, keys: Keys, remote: tuple[AddressRange | str, ...], start: Start | None, replay_window: int
) -> None:
    """What a tunnel with manual keys must and must not have beside them."""
    tunnels: Mapping[str, Any] = walk.document.tables["tunnel"]  # type: ignore[assignment]
    written = tunnels[str(keys[-1])]
    for name in _IKE_ONLY:
        if name in written:
            sentence = "the tunnel has manual keys and no IKE, so this key has no effect."
            walk.error((*keys, name), Unfit(sentence, f"Remove {name}.", "manual-keys"))
    if start not in (None, Start.UP):
        fix = "Leave start out."
        walk.error((*keys, "start"), Unfit("with manual keys nothing is negotiated: the tunnel is just there.", fix))
    single = [each for each in remote if isinstance(each, str) or each.first == each.last]
    if len(remote) != 1 or len(single) != 1:
        fix = 'Write one address or name: remote = "203.0.113.2".'
        walk.error((*keys, "remote"), Unfit("manual keys are for one peer at one place.", fix))
    manual = written["manual"]
    if isinstance(manual, dict) and manual.get("keep_sequence") is False and replay_window:
        sentence = "numbers that start again look like a replay to a peer that protects itself, and we would too."
        fix = "Write replay_window = 0, on both sides; or leave keep_sequence out."
        walk.error((*keys, "manual", "keep_sequence"), Unfit(sentence, fix))
