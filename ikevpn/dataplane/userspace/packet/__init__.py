"""Packets and runs of packets as octets: headers, checksums, cutting and joining. Pure."""
