"""The data plane of our own: worker processes between TUN devices and sockets."""
