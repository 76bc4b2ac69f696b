"""`ikevpn pki ca`: a small certificate authority for labs, a file a verb."""
