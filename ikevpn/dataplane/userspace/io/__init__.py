"""TUN devices and sockets, read and written in batches."""
