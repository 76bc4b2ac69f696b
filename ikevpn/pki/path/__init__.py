"""Paths from a certificate to an authority that is believed (RFC 5280 §6). Pure."""
