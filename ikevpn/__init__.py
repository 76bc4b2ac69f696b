"""ikevpn: an IKEv1/ESP VPN endpoint for Linux."""

__version__ = "0.2.0"
