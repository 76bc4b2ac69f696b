"""The data plane: a process of its own that moves packets between TUN devices and ESP. Knows XFRM's verbs, nothing of IKE."""
