"""Captures that a user asked for: pcapng files, and keys in the tables of Wireshark."""
