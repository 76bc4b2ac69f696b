"""Hashes, ciphers, Diffie-Hellman and key derivation of IKEv1: pure functions of bytes, and tables with one row an algorithm."""
