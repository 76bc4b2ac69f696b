"""Real implementations, each as a small class of the same shape (`interop.peers.shape.Peer`)."""
