"""Bad weather: nftables rules that lose a share of the IKE datagrams which reach a namespace, and count them."""

from __future__ import annotations

import re

from interop.lab.namespace import Namespace

_TABLE = "weather"


def lose_ike(host: Namespace, percent: int) -> None:
    """Drop `percent` (1 to 100) of 100 arriving IKE datagrams: port 500, and port 4500 with the non-ESP marker."""
    host.nft(f"""
table inet {_TABLE}
delete table inet {_TABLE}
table inet {_TABLE} {{
  chain arrival {{
    type filter hook input priority 0
    udp dport 500 jump dice
    udp dport 4500 @th,64,32 0 jump dice
  }}
  chain dice {{
    numgen random mod 100 <= {percent - 1} counter drop
    counter
  }}
}}
""")


def clear_up(host: Namespace) -> None:
    """Lose nothing any more."""
    host.nft(f"table inet {_TABLE}\ndelete table inet {_TABLE}\n")


def counts(host: Namespace) -> tuple[int, int]:
    """How many IKE datagrams were (lost, passed) since `lose_ike`."""
    text = host.run("nft", "list", "chain", "inet", _TABLE, "dice").output
    lost, passed = (int(number) for number in re.findall(r"packets (\d+)", text))
    return lost, passed
