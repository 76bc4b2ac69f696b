"""Hashes, ciphers, Diffie-Hellman and key derivation of IKEv1: pure functions of bytes, one table row an algorithm."""
