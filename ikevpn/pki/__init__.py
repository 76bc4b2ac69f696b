"""Certificates: keys, names, requests, paths, revocation. Pure over `cryptography` objects, but for `store`."""
