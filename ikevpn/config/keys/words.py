"""The words that a configuration may choose between."""

from __future__ import annotations

from enum import StrEnum


class AuthMethod(StrEnum):
    """How both ends authenticate: by a pre-shared key, or by signatures with keys of one kind."""

    PSK = "psk"
    RSA = "rsa"
    DSA = "dsa"
    ECDSA = "ecdsa"


class Start(StrEnum):
    """When a tunnel is set up: at once and kept up, at the first packet, or only when the peer starts."""

    UP = "up"
    ON_DEMAND = "on-demand"
    LISTEN = "listen"


class Binding(StrEnum):
    """What sends traffic into a tunnel: its selectors, or routes to its own device."""

    POLICY = "policy"
    ROUTE = "route"


class WhenDown(StrEnum):
    """What happens to the traffic of a tunnel that is down."""

    BLOCK = "block"
    REJECT = "reject"
    PASS = "pass"


class WhenUnprotected(StrEnum):
    """What happens to packets that should have come through a tunnel and came in the clear."""

    DISCARD = "discard"
    ACCEPT = "accept"


class WhenStopped(StrEnum):
    """What happens to the traffic of tunnels while no daemon runs."""

    BLOCK = "block"
    PASS = "pass"


class InMode(StrEnum):
    """What is inside of ESP packets: whole packets, or only what is behind their IP header."""

    TUNNEL = "tunnel"
    TRANSPORT = "transport"


class LogLevel(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


class ManualEncapsulation(StrEnum):
    """How packets under manual keys travel; nothing looks for a NAT."""

    NONE = "none"
    UDP = "udp"
