"""NAT boxes: nftables rulesets for a namespace whose `inside` and `outside` interfaces face the two worlds.

napt             many to one; source ports are rewritten into 20000-20999
port-preserving  many to one; a source port is kept while it is free
forwarding       `napt` for what goes out; UDP 500 and 4500 that come in are sent on to one gateway
one-to-one       one public address stands for one gateway, all protocols and ports, both ways
"""

from __future__ import annotations

from typing import Literal, get_args

from interop.lab.namespace import Namespace

Kind = Literal["napt", "port-preserving", "forwarding", "one-to-one"]
KINDS: tuple[Kind, ...] = get_args(Kind)

FIRST_PORTS = "20000-20999"
LATER_PORTS = "30000-30999"

_SOURCE = {
    "napt": 'oifname "outside" meta l4proto {{ tcp, udp }} masquerade to :{ports}',
    "forwarding": 'oifname "outside" meta l4proto udp masquerade to :{ports}',
    "port-preserving": 'oifname "outside" masquerade',
    "one-to-one": 'oifname "outside" ip saddr {gateway} snat to {public}',
}
_DESTINATION = {
    "forwarding": 'iifname "outside" udp dport {{ 500, 4500 }} dnat to {gateway}',
    "one-to-one": 'iifname "outside" ip daddr {public} dnat to {gateway}',
}


def ruleset(kind: Kind, *, public: str, gateway: str, ports: str = FIRST_PORTS) -> str:
    """The nftables text of one box; `gateway` is the address inside that stands behind `public`."""
    names = {"public": public, "gateway": gateway, "ports": ports}
    source = _SOURCE[kind].format(**names)
    destination = _DESTINATION.get(kind, "").format(**names)
    return f"""
table ip nat
delete table ip nat
table ip nat {{
  chain source {{
    type nat hook postrouting priority 100
    {source}
    oifname "outside" masquerade
  }}
  chain destination {{
    type nat hook prerouting priority -100
    {destination}
  }}
  chain unasked {{
    type filter hook input priority 0
    iifname "outside" meta l4proto udp drop
  }}
}}
"""


def rewrite_ports(box: Namespace, *, public: str, gateway: str) -> None:
    """Give every mapping of a `napt` box a new outside port, as a box does that has restarted."""
    box.nft(ruleset("napt", public=public, gateway=gateway, ports=LATER_PORTS))
    box.run("conntrack", "-F")
