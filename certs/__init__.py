"""The test PKI."""
