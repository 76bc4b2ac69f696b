"""A folder of keys, certificates, requests and CRLs: the one part of `pki` that touches files."""
