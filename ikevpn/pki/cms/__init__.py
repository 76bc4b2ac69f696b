"""Cryptographic messages (CMS, RFC 5652), as far as SCEP needs them: signed data with attributes, enveloped data."""
