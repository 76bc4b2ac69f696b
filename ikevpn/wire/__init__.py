"""ISAKMP on the wire: bytes to frozen values and back, strict and total. Knows no keys, no state and no sockets."""
