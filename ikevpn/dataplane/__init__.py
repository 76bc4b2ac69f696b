"""The data plane: a process of its own that moves packets between TUN devices and ESP, in XFRM's words."""
